"""A release written whole, then made visible by one rename: complete and checksummed, or absent.

Order: documents and data → catalogue → manifest → verification of the staged files → every file and folder
flushed to disk → rename. A crash at any point leaves either no final folder or one that verifies; what is
left in a staging folder is thrown away by the next attempt.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from learning.release import cards, croissant, dataset, dcat, documents, layout, notes, stac, style_files, vectors
from learning.release.annotation_rows import RowRules
from learning.release.change_files import write_change
from learning.release.contents import LayerInfo, MapStatistics, ReleaseContents
from learning.release.errors import PersonalDataFound, ReleaseExists, ReleaseFaulty, StagingRefused
from learning.release.ground_files import write_ground
from learning.release.manifest import verify, write_manifest
from learning.release.map_vectors import VectorArtefact, write_vectors
from learning.release.maps import write_maps
from learning.release.patch_files import write_patches
from learning.release.rasters import MapArtefact
from learning.release.rules import check_contents
from learning.release.sample_places import places_table, write_places
from learning.release.scan import scan_personal_data
from learning.release.text import canonical_json, write_text

STAGING_SUFFIX = ".staging"
STAGE_POINTS = (
    "release:started",
    "release:annotations.parquet",
    "release:annotations.gpkg",
    "release:annotations.geojson",
    "release:history.parquet",
    "release:patches",
    "release:dataset",
    "release:model",
    "release:map-pieces",
    "release:maps",
    "release:documents",
    "release:stac",
    "release:dcat",
    "release:manifest",
    "release:verified",
    "release:synced",
)
PUBLISH_POINTS = ("release:before-rename", "release:after-rename", "release:folder-synced")
FAULT_POINTS = STAGE_POINTS + PUBLISH_POINTS


@dataclass(frozen=True, slots=True)
class StagedRelease:
    """A staged release that verifies: digest of its manifest, number of files listed, their bytes."""

    manifest_sha256: str
    artefacts: int
    total_bytes: int


def _no_fault(_: str) -> None:
    """No fault is planted."""


def _no_progress(_: float) -> None:
    """Nobody watches the progress."""


def stage_release(
    contents: ReleaseContents,
    staging_dir: Path,
    *,
    faultpoint: Callable[[str], None] = _no_fault,
    progress: Callable[[float], None] = _no_progress,
) -> StagedRelease:
    """Write, check and flush a whole release in `staging_dir`; what an earlier attempt left there is removed.

    The bytes depend on `contents` alone: the same contents give the same files, on the same versions of the
    libraries.

    Args:    staging_dir: its name ends in `.staging`, on the file system of the final folder.
             faultpoint: called with each name of `STAGE_POINTS`, in order. progress: share done, 0 to 1.
    Raises:  StagingRefused, InvalidContents, UnorderedRecords, PersonalDataFound, UnusableArtefact,
             ReleaseFaulty.
    """
    check_contents(contents)
    discard_staged(staging_dir)
    staging_dir.mkdir(parents=True)
    reached = iter(range(1, len(STAGE_POINTS) + 1))

    def reach(point: str) -> None:
        faultpoint(point)
        progress(next(reached) / len(STAGE_POINTS))

    reach("release:started")
    written = _write_artefacts(contents, staging_dir, reach)
    stac.write_stac(staging_dir, contents, written)
    reach("release:stac")
    dcat.write_dcat(staging_dir, contents.previous)
    reach("release:dcat")
    manifest = write_manifest(staging_dir, version=contents.version)
    reach("release:manifest")
    _check_staged(staging_dir)
    reach("release:verified")
    flush_tree(staging_dir)
    reach("release:synced")
    total = sum(entry.size for entry in manifest.files)
    return StagedRelease(manifest_sha256=manifest.sha256, artefacts=len(manifest.files), total_bytes=total)


def _write_artefacts(contents: ReleaseContents, root: Path, reach: Callable[[str], None]) -> stac.Written:
    """Everything but catalogue and manifest."""
    layer = contents.layer
    rules = RowRules.of(contents, account_names=contents.account_names)
    annotations = vectors.write_annotations(
        root, contents.annotations, rules=rules, crs=layer.crs, published_on=contents.published_on
    )
    reach("release:annotations.parquet")
    reach("release:annotations.gpkg")
    vectors.write_annotations_geojson(root, crs=layer.crs)
    reach("release:annotations.geojson")
    vectors.write_history(root, contents.history, rules=rules, crs=layer.crs)
    reach("release:history.parquet")
    write_patches(
        root, contents.patches, nomenclature=contents.nomenclature, crs=layer.crs, published_on=contents.published_on,
        account_names=contents.account_names,
    )  # fmt: skip
    reach("release:patches")
    tiles = dataset.write_dataset(
        root, contents.tiles, campaign=contents.campaign, layer=layer, nomenclature=contents.nomenclature
    )
    documents.write_dataset_card(root, contents, tiles)
    croissant.write_croissant(root, contents)
    reach("release:dataset")
    model_dir = None if contents.model is None else cards.write_model(root, contents, contents.model)
    reach("release:model")
    maps: list[MapArtefact] = []
    polygons: VectorArtefact | None = None
    if contents.maps is not None:
        maps = write_maps(root, contents.maps, contents)
    reach("release:map-pieces")
    if contents.maps is not None:
        if contents.maps.polygons is not None:
            polygons = write_vectors(root, contents.maps, contents.maps.polygons, contents)
        write_text(root / layout.ACCURACY, canonical_json(cards.accuracy_json(contents, contents.maps)))
        _write_sample(root, contents.maps.statistics, layer=layer)
    style_files.write_styles(root, contents, with_polygons=polygons is not None)
    change, ground = write_change(root, contents), write_ground(root, contents)
    reach("release:maps")
    documents.write_root_documents(root, contents, annotations=annotations, dataset=tiles, map_pieces=len(maps))
    notes.write_notes(root, contents)
    write_text(root / layout.RELEASE, canonical_json(documents.release_json(contents, annotations, tiles)))
    reach("release:documents")
    return stac.Written(
        annotations=annotations, model_dir=model_dir, maps=tuple(maps), vectors=polygons, change=change, ground=ground
    )


def _write_sample(root: Path, statistics: MapStatistics | None, *, layer: LayerInfo) -> None:
    """The places that areas were estimated from, where there are any."""
    if statistics is not None and statistics.places:
        table = places_table(statistics.places, unit_px=statistics.unit_px, crs=layer.crs, transform=layer.transform)
        write_places(table, root / layout.PLACES)


def _check_staged(root: Path) -> None:
    personal = scan_personal_data(root)
    if personal:
        raise PersonalDataFound(f"{personal[0].path} {personal[0].problem}; remove it at its source and stage again")
    report = verify(root)
    if report.faults:
        first = report.faults[0]
        raise ReleaseFaulty(f"{len(report.faults)} fault(s) in the staged files, first: {first.path}: {first.problem}")


def discard_staged(staging_dir: Path) -> None:
    """Remove a staging folder if it is there.

    Raises:  StagingRefused: its name does not end in `.staging` (a guard against removing anything else), or
             it is a link or a file.
    """
    if not staging_dir.name.endswith(STAGING_SUFFIX):
        raise StagingRefused(f"staging folder {staging_dir.name!r} must be named with the suffix {STAGING_SUFFIX}")
    if staging_dir.is_symlink() or (staging_dir.exists() and not staging_dir.is_dir()):
        raise StagingRefused(f"{staging_dir.name!r} is not a folder; remove it by hand")
    if staging_dir.exists():
        shutil.rmtree(staging_dir)


def publish_staged(staging_dir: Path, final_dir: Path, *, faultpoint: Callable[[str], None] = _no_fault) -> None:
    """Make a staged release visible by one rename, and flush the rename to disk.

    Args:    faultpoint: called with each name of `PUBLISH_POINTS`, in order.
    Raises:  ReleaseExists: `final_dir` is already there. StagingRefused: `staging_dir` holds no finished
             release, or lies on another file system.
    """
    if not (staging_dir / layout.MANIFEST).is_file() or not (staging_dir / layout.SUMS).is_file():
        raise StagingRefused(f"{staging_dir.name!r} holds no finished release; stage it first")
    if final_dir.exists() or final_dir.is_symlink():
        raise ReleaseExists(f"{final_dir.name!r} is already published and never changes; publish a new version")
    final_dir.parent.mkdir(parents=True, exist_ok=True)
    faultpoint("release:before-rename")
    try:
        staging_dir.rename(final_dir)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise ReleaseExists(f"{final_dir.name!r} was published meanwhile; nothing was changed") from error
        if error.errno == errno.EXDEV:
            raise StagingRefused(
                f"{staging_dir.parent} and {final_dir.parent} are on two file systems; stage beside the final folder"
            ) from error
        raise
    faultpoint("release:after-rename")
    _flush(final_dir.parent)
    _flush(staging_dir.parent)
    faultpoint("release:folder-synced")


def flush_tree(root: Path) -> None:
    """Make files read-only and flush files, then folders: the rename can then show whole files only."""
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            path = Path(folder, name)
            path.chmod(0o444)
            _flush(path)
        _flush(Path(folder))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
