"""Invariant R12 and H2: what is downloaded can be checked offline, and every altered file is named."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from learning.release.errors import InvalidContents
from learning.release.manifest import read_manifest, verify, write_manifest
from learning.release.verify import main

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def files_of(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def flip(path: Path, position: int) -> None:
    """One bit of a file; of an empty one (a list without tiles), a byte more."""
    raw = bytearray(path.read_bytes()) or bytearray(1)
    raw[position] ^= 0x01
    path.write_bytes(bytes(raw))


def rewritten(root: Path) -> set[str]:
    """Files at fault once manifest and sums are written again: formats and links alone tell."""
    write_manifest(root, version="1.0.0")
    return {fault.path for fault in verify(root).faults}


def test_the_manifest_lists_every_file_sorted_with_size_and_digest(pristine: Path) -> None:
    listed = json.loads((pristine / "manifest.json").read_text())["files"]
    assert [entry["path"] for entry in listed] == [
        path for path in files_of(pristine) if path not in ("manifest.json", "SHA256SUMS")
    ]
    for entry in listed:
        raw = (pristine / entry["path"]).read_bytes()
        assert (entry["size"], entry["sha256"]) == (len(raw), hashlib.sha256(raw).hexdigest())


def test_sha256sum_accepts_the_sums(pristine: Path) -> None:
    sha256sum = shutil.which("sha256sum")
    if sha256sum is None:
        pytest.skip("sha256sum is not installed")
    done = subprocess.run(
        [sha256sum, "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=pristine,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_one_flipped_bit_in_any_file_is_detected_and_named(release: Path, share: float) -> None:
    digest = read_manifest(release).sha256
    names = files_of(release)
    assert len(names) == len(read_manifest(release).files) + 2 > 40
    missed = []
    for name in names:
        path = release / name
        whole = path.read_bytes()
        flip(path, int(share * (len(whole) - 1)))
        report = verify(release, expected_manifest_sha256=digest)
        if name not in {fault.path for fault in report.faults}:
            missed.append(name)
        path.write_bytes(whole)
    assert missed == []
    assert verify(release, expected_manifest_sha256=digest).faults == ()


def test_a_missing_and_an_extra_file_are_named(release: Path) -> None:
    (release / "dataset/train.csv").unlink()
    (release / "dataset/extra.txt").write_text("x")
    faults = {fault.path: fault.problem for fault in verify(release).faults}
    assert faults == {"dataset/train.csv": "missing", "dataset/extra.txt": "not listed in the manifest"}


def test_a_link_in_place_of_a_file_is_named(release: Path, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    shutil.move(release / "README.md", target)
    (release / "README.md").symlink_to(target)
    assert [(f.path, f.problem) for f in verify(release).faults] == [("README.md", "is a link")]


def test_a_release_forged_with_new_sums_is_told_by_the_published_digest(release: Path) -> None:
    published = read_manifest(release).sha256
    (release / "README.md").write_text("forged")
    write_manifest(release, version="1.0.0")
    assert verify(release).faults == ()
    faults = verify(release, expected_manifest_sha256=published).faults
    assert [fault.path for fault in faults] == ["manifest.json"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("annotations/annotations.parquet", b"PAR1 not parquet PAR1"),
        ("annotations/annotations.gpkg", b"SQLite format 3\0" + b"\0" * 100),
        ("models/gers-unet-3/weights.safetensors", b"\xff" * 64),
        ("maps/SOLCOMMUN_1-0-0_CLASS_2019_COG_LAMB93_gers-0420-6440_2026-11-22.tif", b"II*\0" + b"\0" * 40),
        ("dataset/gers_aerial_train/gers_2019/Z0000_0000/img/IMG_000001.tif", b"not a tiff"),
        ("models/gers-unet-3/config.json", b"{"),
        ("dataset/tiles.parquet", b"x"),
    ],
)
def test_an_unreadable_format_is_named_even_when_the_sums_agree(release: Path, name: str, content: bytes) -> None:
    (release / name).write_bytes(content)
    assert name in rewritten(release)


def test_a_plain_parquet_in_place_of_the_geoparquet_is_named(release: Path) -> None:
    pq.write_table(pa.table({"class_code": ["CS1.2.2"]}), release / "annotations/annotations.parquet")
    assert "annotations/annotations.parquet" in rewritten(release)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a//b", "a/./b", ".hidden"])
def test_a_manifest_that_points_outside_the_release_is_refused(release: Path, path: str) -> None:
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["files"][0]["path"] = path
    (release / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InvalidContents, match="outside the release"):
        read_manifest(release)
    assert [fault.path for fault in verify(release).faults] == ["manifest.json"]


def test_a_file_name_that_is_not_plain_is_refused_when_the_manifest_is_written(release: Path) -> None:
    (release / "two words.txt").write_text("x")
    with pytest.raises(InvalidContents, match="two words"):
        write_manifest(release, version="1.0.0")


def test_a_folder_without_manifest_is_one_fault(tmp_path: Path) -> None:
    report = verify(tmp_path)
    assert (report.artefacts, [fault.path for fault in report.faults]) == (0, ["manifest.json"])


def test_the_command_says_zero_faults_and_exits_zero(pristine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(pristine), "--manifest-sha256", read_manifest(pristine).sha256]) == 0
    assert capsys.readouterr().out == f"{len(files_of(pristine)) - 2} artefacts, 0 faults\n"


def test_the_command_runs_without_django_or_torch_and_names_the_faulty_file(release: Path) -> None:
    flip(release / "dataset/train.csv", 3)
    script = (
        "import runpy, sys\n"
        "sys.argv = ['verify', sys.argv[1]]\n"
        "try:\n    runpy.run_module('learning.release.verify', run_name='__main__')\n"
        "except SystemExit as end:\n    code = end.code\n"
        "print(sorted({'django', 'torch', 'celery', 'rest_framework'} & set(sys.modules)), code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(release)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "dataset/train.csv: altered: the sha256 is not the manifest's",
        f"{len(files_of(release)) - 2} artefacts, 1 faults",
        "[] 1",
    ]
