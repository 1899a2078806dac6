"""A published release built again from what was frozen for it, and compared file by file with what was published."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from learning.errors import CannotRebuild, CannotRestore
from learning.jobs.releases import staged_release
from learning.models import Release
from learning.release.bundle import STAGING_SUFFIX, discard_staged, publish_staged
from learning.release.errors import InvalidContents
from learning.release.manifest import FileDifference, Manifest, differing_files, read_manifest
from learning.services.provenance import code_commit, writer_versions
from learning.services.release_freeze import frozen_inputs


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A release built again.

    `differences` are of files by the manifest that was published; None where that is lost, so that only the digest
    kept in the database can be compared. `changed` has what is not the version it was: then and now, by name.
    """

    folder: Path
    files: int
    manifest_sha256: str
    identical: bool
    differences: tuple[FileDifference, ...] | None
    changed: dict[str, tuple[str, str]]


def rebuild_release(
    *, release: Release, into: Path | None = None, progress: Callable[[float], None] = lambda _share: None
) -> Rebuilt:
    """Build a published release again and compare every file's SHA-256 with the published one's.

    Args:   into: folder in which the rebuilt release is put under its own name; default: a new folder within
            RELEASES_DIR, for the caller to keep or to `discard`.
    Raises: CannotRebuild (not published, not frozen, or there is something in its place), ReleaseInputGone, and the
            errors of `stage_release`.
    """
    if release.state != Release.State.PUBLISHED:
        raise CannotRebuild(f"Release {release.folder} is {release.state}: only a published one is built again.")
    if not release.is_frozen:
        raise CannotRebuild(
            f"Release {release.folder} was published before what a release holds was frozen: its files say what it "
            "holds, and are all there is of it."
        )
    place = into if into is not None else _new_folder()
    final, work = place / release.folder, place / f"{release.folder}.work{STAGING_SUFFIX}"
    if final.exists() or final.is_symlink():
        raise CannotRebuild(f"There is a {final} already: give another folder.")
    place.mkdir(parents=True, exist_ok=True)
    staging = place / f"{release.folder}{STAGING_SUFFIX}"
    try:
        staged_release(release, staging=staging, work=work, progress=progress)
        publish_staged(staging, final)
    except BaseException:
        discard_staged(staging)
        if into is None:
            shutil.rmtree(place, ignore_errors=True)
        raise
    finally:
        discard_staged(work)
    manifest = read_manifest(final)
    published = _published_manifest(release)
    return Rebuilt(
        folder=final,
        files=len(manifest.files) + 2,  # with the manifest and SHA256SUMS, which follow from the others
        manifest_sha256=manifest.sha256,
        identical=manifest.sha256 == release.manifest_sha256,
        differences=differing_files(published, manifest) if published else None,
        changed=changed_since(release),
    )


def restore_release(*, release: Release, rebuilt: Rebuilt) -> None:
    """Put a rebuilt release in the place of one whose folder is lost.

    Raises: CannotRestore (it differs from what was published, the folder is there, or it was withdrawn).
    """
    require_restorable(release)
    if not rebuilt.identical:
        raise CannotRestore(
            f"The rebuilt {release.folder} differs from what was published (manifest {rebuilt.manifest_sha256[:16]}…, "
            f"published {release.manifest_sha256[:16]}…): it was not put back. Bring the folder back from a backup."
        )
    publish_staged(rebuilt.folder, release.path)  # from where no sweep looks for what is to be thrown away


def require_restorable(release: Release) -> None:
    """Whether a rebuilt release may take the published one's place at all. Raises CannotRestore."""
    if release.yanked_at is not None:
        raise CannotRestore(f"{release.folder} was withdrawn: its files are not put back. --into FOLDER keeps them.")
    if release.path.exists() or release.path.is_symlink():
        raise CannotRestore(
            f"{release.path} is there: nothing is put back, published files are never replaced. verify_release checks "
            "it; move it aside if it is not what was published."
        )


def discard(rebuilt: Rebuilt) -> None:
    """Remove a rebuilt release that was built within RELEASES_DIR, restored or not."""
    if rebuilt.folder.parent.parent == _folder_of_rebuilds():
        shutil.rmtree(rebuilt.folder.parent, ignore_errors=True)


def changed_since(release: Release) -> dict[str, tuple[str, str]]:
    """Versions of what shapes the bytes of a release, then and now, where they are not the same."""
    frozen = frozen_inputs(release)
    then = {**frozen.software, "commit": frozen.code_commit}
    now = {**writer_versions(), "commit": code_commit()}
    names = sorted(then.keys() | now.keys())
    return {name: (then.get(name, "none"), now.get(name, "none")) for name in names if then.get(name) != now.get(name)}


def _published_manifest(release: Release) -> Manifest | None:
    """The manifest that was published, if it is still there and still is that one."""
    try:
        manifest = read_manifest(release.path)
    except InvalidContents:
        return None
    return manifest if manifest.sha256 == release.manifest_sha256 else None


def _folder_of_rebuilds() -> Path:
    """On the file system of the releases, so that one may be put back by a rename; nothing in it is published."""
    return Path(settings.RELEASES_DIR) / "rebuilds"


def _new_folder() -> Path:
    _folder_of_rebuilds().mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=_folder_of_rebuilds()))
