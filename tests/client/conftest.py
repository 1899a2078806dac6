from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from release_site import ReleaseSite, release_site, write_release

from solcommun_client.web import Web

FILES = {
    "README.md": b"# A release\n",
    "annotations/annotations.gpkg": bytes(range(256)) * 4000,  # 1,024,000 bytes
    "annotations/empty.txt": b"",
    "dataset/train.csv": b"a,b\n",
    "dataset/LICENSE.txt": b"# A release\n",  # the same bytes as README.md
    "maps/class.tif": b"II*\0" + b"\1" * 300_000,
}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    root = tmp_path / "published"
    root.mkdir()
    write_release(root, FILES)
    return root


@pytest.fixture
def site(release: Path) -> Iterator[ReleaseSite]:
    with release_site(release) as running:
        yield running


@pytest.fixture
def web() -> Web:
    """The way to a site on this machine, in a hurry."""
    return Web(allow_http=True, first_wait_s=0.01)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
