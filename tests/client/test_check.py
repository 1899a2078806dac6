from __future__ import annotations

import json
from pathlib import Path

import pytest
from release_site import write_release

from learning.release import manifest as platform
from solcommun_client import Fault, Refused, verify
from solcommun_client.manifest import parse_manifest


def faults(root: Path, **options: object) -> dict[str, str]:
    return {fault.path: fault.problem for fault in verify(root, **options).faults}  # type: ignore[arg-type]


def test_a_release_that_is_what_was_published_has_no_fault(release: Path) -> None:
    report = verify(release)
    assert (report.files, report.faults) == (6, ())
    assert report.manifest_sha256 == platform.file_sha256(release / "manifest.json")


def test_a_changed_byte_a_missing_file_and_one_too_many_are_each_named(release: Path) -> None:
    (release / "dataset/train.csv").write_bytes(b"a,c\n")
    (release / "README.md").write_bytes(b"shorter")
    (release / "annotations/empty.txt").unlink()
    (release / "maps/extra.tif").write_bytes(b"x")
    assert faults(release) == {
        "dataset/train.csv": "altered: the sha256 is not the manifest's",
        "README.md": "altered: 7 bytes, the manifest says 12",
        "annotations/empty.txt": "missing",
        "maps/extra.tif": "not listed in the manifest",
    }


def test_a_link_is_a_fault_even_to_the_same_bytes(release: Path, tmp_path: Path) -> None:
    (release / "README.md").rename(tmp_path / "elsewhere.md")
    (release / "README.md").symlink_to(tmp_path / "elsewhere.md")
    assert faults(release) == {"README.md": "is a link"}


def test_a_manifest_replaced_with_its_files_is_told_by_the_digest_of_the_page_alone(
    release: Path, tmp_path: Path
) -> None:
    published = verify(release).manifest_sha256
    other = tmp_path / "forged"
    other.mkdir()
    write_release(other, {"README.md": b"# Another\n"})
    assert faults(other) == {}
    assert "the published one is" in faults(other, manifest_sha256=published)["manifest.json"]
    assert faults(release, manifest_sha256=published.upper()) == {}


def test_sums_that_say_another_thing_are_a_fault(release: Path) -> None:
    sums = release / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("README.md", "README.txt"))
    assert faults(release) == {"SHA256SUMS": "does not say the same as manifest.json"}


def test_part_of_a_release_is_checked_alone(release: Path) -> None:
    (release / "maps/class.tif").unlink()
    (release / "maps/extra.tif").write_bytes(b"x")
    report = verify(release, only=["annotations/", "dataset/*.csv"])
    assert (report.files, report.faults) == (3, ())
    assert verify(release, only=["maps"]).faults == (Fault("maps/class.tif", "missing"),)
    with pytest.raises(Refused, match="nothing in the release matches charts"):
        verify(release, only=["charts"])


@pytest.mark.parametrize(
    "path", ["../up.txt", "/etc/passwd", "a/../../b", ".hidden", "a//b", "a/./b", "C:\\x", "a b", ""]
)
def test_a_manifest_that_names_a_place_outside_the_release_is_refused(path: str) -> None:
    files = [{"path": path, "size": 1, "sha256": "0" * 64}]
    raw = {"format": "solcommun-release-manifest", "format_version": 1, "version": "1.0.0", "files": files}
    with pytest.raises(Refused, match="outside the release"):
        parse_manifest(json.dumps(raw).encode())


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"null", b'{"format": 1}', b"[" * 100_000, b"\xff", b'{"format": "x", "format_version": 9}'],
)
def test_what_is_no_manifest_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="manifest"):
        parse_manifest(raw)


def test_a_file_listed_twice_is_refused() -> None:
    files = [{"path": "a", "size": 1, "sha256": "0" * 64}, {"path": "a", "size": 2, "sha256": "1" * 64}]
    raw = {"format": "solcommun-release-manifest", "format_version": 1, "version": "1.0.0", "files": files}
    with pytest.raises(Refused, match="'a' twice"):
        parse_manifest(json.dumps(raw).encode())


def test_the_client_and_the_platform_find_the_same_damage(tmp_path: Path) -> None:
    """Both read the manifest on their own: what one calls damaged, the other does."""
    root = tmp_path / "release"
    for name in ("README.md", "dataset/train.csv", "dataset/test.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"text\n")
    platform.write_manifest(root, version="1.0.0")
    assert verify(root).faults == ()
    (root / "README.md").write_bytes(b"tExt\n")
    (root / "dataset/train.csv").unlink()
    (root / "dataset/more.csv").write_bytes(b"")
    damaged = {"README.md", "dataset/train.csv", "dataset/more.csv"}
    assert set(faults(root)) == damaged
    assert damaged <= {fault.path for fault in platform.verify(root).faults}
