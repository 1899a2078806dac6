"""Invariant R12: a release is complete and checksummed, or absent."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from learning.release.bundle import (
    FAULT_POINTS,
    PUBLISH_POINTS,
    STAGE_POINTS,
    discard_staged,
    publish_staged,
    stage_release,
)
from learning.release.contents import ReleaseContents
from learning.release.errors import PersonalDataFound, ReleaseExists, StagingRefused, UnorderedRecords
from learning.release.manifest import verify

ROOT = Path(__file__).resolve().parents[3]


class Planted(Exception):
    """The fault that a test plants."""


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def stage_and_publish(contents: ReleaseContents, base: Path, faultpoint: Callable[[str], None]) -> None:
    stage_release(contents, base / "1.0.0.staging", faultpoint=faultpoint)
    publish_staged(base / "1.0.0.staging", base / "1.0.0", faultpoint=faultpoint)


def assert_whole_or_absent(final: Path) -> bool:
    """True when the release is there; then it verifies."""
    if not final.exists():
        return False
    report = verify(final)
    assert report.faults == ()
    assert report.artefacts == len(tree(final)) - 2 > 40, "all but the manifest and its sums"
    return True


def test_a_staged_release_verifies_and_reports_its_manifest(contents: ReleaseContents, tmp_path: Path) -> None:
    shares: list[float] = []
    staged = stage_release(contents, tmp_path / "r.staging", progress=shares.append)
    report = verify(tmp_path / "r.staging", expected_manifest_sha256=staged.manifest_sha256)
    assert report.faults == ()
    assert report.artefacts == staged.artefacts == len(tree(tmp_path / "r.staging")) - 2 > 40
    assert staged.total_bytes == sum(
        p.stat().st_size
        for p in (tmp_path / "r.staging").rglob("*")
        if p.is_file() and p.name not in ("manifest.json", "SHA256SUMS")
    )
    assert shares == pytest.approx([k / len(STAGE_POINTS) for k in range(1, len(STAGE_POINTS) + 1)])


def test_a_second_build_has_the_same_bytes(contents: ReleaseContents, pristine: Path, tmp_path: Path) -> None:
    stage_release(contents, tmp_path / "again.staging")
    again, first = tree(tmp_path / "again.staging"), tree(pristine)
    assert again.keys() == first.keys()
    assert [path for path in first if first[path] != again[path]] == []


def test_every_named_point_is_reached_in_order(contents: ReleaseContents, tmp_path: Path) -> None:
    met: list[str] = []
    stage_and_publish(contents, tmp_path, met.append)
    assert tuple(met) == FAULT_POINTS
    assert len(FAULT_POINTS) >= 12


@pytest.mark.parametrize("point", FAULT_POINTS)
def test_r12_an_exception_at_any_point_leaves_the_release_whole_or_absent_and_a_new_run_succeeds(
    point: str, contents: ReleaseContents, tmp_path: Path
) -> None:
    def fault(name: str) -> None:
        if name == point:
            raise OSError(errno.ENOSPC, "no space left on device") if "a" in point else Planted(point)

    with pytest.raises((Planted, OSError)):
        stage_and_publish(contents, tmp_path, fault)
    visible = assert_whole_or_absent(tmp_path / "1.0.0")
    assert visible == (point in PUBLISH_POINTS[1:])
    if not visible:
        stage_and_publish(contents, tmp_path, lambda _: None)
        assert assert_whole_or_absent(tmp_path / "1.0.0")


KILLER = """
import os, pickle, signal, sys
from pathlib import Path
from learning.release.bundle import FAULT_POINTS, publish_staged, stage_release

contents, base = pickle.loads(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
for number, point in enumerate(FAULT_POINTS):
    folder = base / str(number)
    child = os.fork()
    if child == 0:
        def die(name):
            if name == point:
                os.kill(os.getpid(), signal.SIGKILL)
        stage_release(contents, folder / "1.0.0.staging", faultpoint=die)
        publish_staged(folder / "1.0.0.staging", folder / "1.0.0", faultpoint=die)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1)
"""


def test_r12_a_kill_at_any_point_leaves_the_release_whole_or_absent(contents: ReleaseContents, tmp_path: Path) -> None:
    (tmp_path / "contents").write_bytes(pickle.dumps(contents))
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path / "contents"), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert done.stdout.split() == [str(int(signal.SIGKILL))] * len(FAULT_POINTS), done.stderr
    visible = [assert_whole_or_absent(tmp_path / str(n) / "1.0.0") for n in range(len(FAULT_POINTS))]
    assert visible == [False] * (len(STAGE_POINTS) + 1) + [True, True]


def test_a_published_release_is_never_replaced(contents: ReleaseContents, tmp_path: Path) -> None:
    stage_and_publish(contents, tmp_path, lambda _: None)
    before = tree(tmp_path / "1.0.0")
    stage_release(contents, tmp_path / "1.0.0.staging")
    with pytest.raises(ReleaseExists, match=r"1\.0\.0.*publish a new version"):
        publish_staged(tmp_path / "1.0.0.staging", tmp_path / "1.0.0")
    assert tree(tmp_path / "1.0.0") == before


def test_a_release_that_appears_during_the_rename_is_kept(contents: ReleaseContents, tmp_path: Path) -> None:
    stage_release(contents, tmp_path / "1.0.0.staging")

    def someone_publishes(name: str) -> None:
        if name == "release:before-rename":
            (tmp_path / "1.0.0").mkdir()
            (tmp_path / "1.0.0" / "theirs").write_text("x")

    with pytest.raises(ReleaseExists, match="meanwhile"):
        publish_staged(tmp_path / "1.0.0.staging", tmp_path / "1.0.0", faultpoint=someone_publishes)
    assert [p.name for p in (tmp_path / "1.0.0").iterdir()] == ["theirs"]


def test_published_files_are_read_only(pristine: Path) -> None:
    assert {p.stat().st_mode & 0o777 for p in pristine.rglob("*") if p.is_file()} == {0o444}


def test_only_a_folder_named_staging_is_ever_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("x")
    with pytest.raises(StagingRefused, match="precious"):
        discard_staged(precious)
    assert (precious / "file").exists()


def test_an_unfinished_staging_folder_is_not_published(tmp_path: Path) -> None:
    (tmp_path / "r.staging").mkdir()
    with pytest.raises(StagingRefused, match="stage it first"):
        publish_staged(tmp_path / "r.staging", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_records_out_of_order_are_refused(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    [batch] = contents.annotations
    rows = [batch.slice(at, 1) for at in range(batch.num_rows)]
    whole_backwards = batch.take([3, 2, 1, 0])
    for disordered in (rows[::-1], [whole_backwards], [*rows, rows[-1]]):
        with pytest.raises(UnorderedRecords, match="sort by tile row"):
            stage_release(changed(annotations=disordered), tmp_path / "r.staging")
    twice = changed(tiles=[next(iter(contents.tiles))] * 2)
    with pytest.raises(UnorderedRecords, match=r"\(0, 0\)"):
        stage_release(twice, tmp_path / "r.staging")


def test_an_email_address_hidden_in_the_weights_stops_the_release(
    contents: ReleaseContents, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    assert contents.model is not None
    save_file({"w": np.zeros(1, np.float32)}, tmp_path / "w.safetensors", metadata={"by": "ann@example.org"})
    leaky = changed(model=replace(contents.model, weights_path=tmp_path / "w.safetensors"))
    with pytest.raises(PersonalDataFound, match=r"weights\.safetensors holds the e-mail address ann@example"):
        stage_release(leaky, tmp_path / "r.staging")
