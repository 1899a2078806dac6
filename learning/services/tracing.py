"""Where something that was published comes from: revisions, images, code, configuration, seed, model, class tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.models import ImageryLayer, SourceFile
from learning.errors import UnknownArtefact
from learning.models import PolygonMap, Prediction, Release, TrainedModel, TrainingRun
from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.frozen import Frozen
from learning.release.manifest import file_sha256, read_manifest
from learning.services.release_contents import tile_grid
from learning.services.release_freeze import frozen_inputs

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TILE_FILE = re.compile(r"(?:IMG|MSK)_(\d+)\.tif")
#: What a file of a release is made of beside its release, by the first folder of its path; any other, of everything.
_PARTS = {
    layout.ANNOTATIONS_DIR: frozenset({"labels"}),
    layout.PATCHES_DIR: frozenset({"patches"}),
    layout.DATASET_DIR: frozenset({"labels", "imagery"}),
    layout.MODELS_DIR: frozenset({"model"}),
    layout.MAPS_DIR: frozenset({"model", "map", "imagery"}),
    layout.CHANGE_DIR: frozenset({"imagery"}),
    layout.GROUND_DIR: frozenset({"model", "map", "imagery"}),
}
_EVERYTHING = frozenset({"labels", "patches", "imagery", "model", "map"})


@dataclass(frozen=True, slots=True)
class SourceTrace:
    """A file that imagery was made of."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class ImageryTrace:
    """A layer at a version: the digest of its pixels, and the files it was made of by then."""

    layer: str
    version: int
    sha256: str
    sources: tuple[SourceTrace, ...]


@dataclass(frozen=True, slots=True)
class TrainingTrace:
    """A training: its frozen set with the revisions learnt from, configuration, seed, code."""

    model: str
    training_set: str
    training_set_sha256: str
    revisions: tuple[int, ...]
    validations: tuple[int, ...]
    config: dict[str, Any]
    seed: int
    code_commit: str


@dataclass(frozen=True, slots=True)
class ModelTrace:
    """A model, and its trainings: its own first, then those of the models it began from."""

    version: str
    sha256: str
    origin: str | None
    trainings: tuple[TrainingTrace, ...]


@dataclass(frozen=True, slots=True)
class MapTrace:
    """A map: which prediction, its files by digest."""

    prediction: int
    layer_version: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Trace:
    """Where an artefact comes from. What does not shape it is None or empty.

    `found` says in words what it is. `labels` are revisions whose shapes it holds; what a model learnt from is with its
    trainings. `patches` are corrections of earlier vintages, by number. `code_commit` and `software` are of what wrote
    the release.
    """

    artefact: str
    found: str
    sha256: str | None = None
    release: str | None = None
    labels: tuple[int, ...] = ()
    patches: tuple[int, ...] = ()
    nomenclature: str | None = None
    imagery: ImageryTrace | None = None
    model: ModelTrace | None = None
    map: MapTrace | None = None
    code_commit: str | None = None
    software: dict[str, str] | None = None


def trace(artefact: str) -> Trace:
    """Trace a release by its name, a file of one by its path within it or on this disk, and any file by its SHA-256.

    Raises: UnknownArtefact, InvalidContents (the release was frozen by another version of the platform).
    """
    named = Release.objects.named(artefact)
    if named is not None:
        return _of_release(named, artefact=artefact, found=f"release {named.folder}", parts=_EVERYTHING)
    within = _within_a_release(artefact)
    if within is not None:
        release, path, sha256 = within
        return _of_file(release, path, artefact=artefact, sha256=sha256)
    place = Path(artefact)
    if not place.is_file() and not _SHA256.fullmatch(artefact):
        raise UnknownArtefact(
            f"{artefact!r} is no published release, no file of one and no file here: give CAMPAIGN-VERSION, "
            "CAMPAIGN-VERSION/PATH, a file, or a SHA-256."
        )
    sha256 = file_sha256(place) if place.is_file() else artefact
    found = next(_by_digest(artefact, sha256), None)
    if found is None:
        raise UnknownArtefact(f"No release, model, map or imagery here has a file of SHA-256 {sha256}.")
    return found


def _within_a_release(artefact: str) -> tuple[Release, str, str] | None:
    """A release, a path that its manifest lists, and its digest there."""
    place = Path(artefact)
    root = Path(settings.RELEASES_DIR).resolve()
    if place.is_absolute() or place.exists():
        if not place.resolve().is_relative_to(root):
            return None
        place = place.resolve().relative_to(root)
    parts = place.parts
    release = Release.objects.public().filter(folder=parts[0]).first() if len(parts) > 1 else None
    if release is None:
        return None
    path = "/".join(parts[1:])
    sha256 = _listed(release).get(path)
    if sha256 is None:
        raise UnknownArtefact(f"Release {release.folder} has no file {path!r}: its manifest.json lists those it has.")
    return release, path, sha256


def _listed(release: Release) -> dict[str, str]:
    """SHA-256 by path of a release's files; empty where its manifest is lost."""
    try:
        manifest = read_manifest(release.path)
    except InvalidContents:
        return {}
    return {layout.MANIFEST: manifest.sha256, **{entry.path: entry.sha256 for entry in manifest.files}}


def _by_digest(artefact: str, sha256: str) -> Iterator[Trace]:
    for release in Release.objects.public().order_by("-published_at"):
        for path, listed in _listed(release).items():
            if listed == sha256:
                yield _of_file(release, path, artefact=artefact, sha256=sha256)
    for model in TrainedModel.objects.filter(sha256=sha256).select_related("campaign"):
        found = f"weights of {model.version}"
        yield Trace(artefact=artefact, found=found, sha256=sha256, model=model_trace(model))
    for prediction in Prediction.objects.filter(state=Prediction.State.READY).select_related(
        "model__campaign", "layer"
    ):
        for name, digest in prediction.files.items():
            if digest == sha256:
                yield _of_prediction(prediction, name, artefact=artefact, sha256=sha256)
    for polygons in PolygonMap.objects.select_related("prediction__model__campaign", "prediction__layer"):
        for name, kept in polygons.files.items():
            if kept["sha256"] == sha256:
                yield _of_prediction(polygons.prediction, name, artefact=artefact, sha256=sha256)
    for layer in ImageryLayer.objects.all():
        if sha256 in layer.files.values():
            found = f"file of the imagery {layer.slug}"
            imagery = imagery_trace(layer, version=layer.version, sha256=layer.analysis_sha256)
            yield Trace(artefact=artefact, found=found, sha256=sha256, imagery=imagery)
    for source in SourceFile.objects.filter(sha256=sha256).select_related("layer"):
        layer = source.layer
        found = f"{source.name}, a source of the imagery {layer.slug}"
        imagery = imagery_trace(layer, version=layer.version, sha256=layer.analysis_sha256)
        yield Trace(artefact=artefact, found=found, sha256=sha256, imagery=imagery)


def _of_prediction(prediction: Prediction, name: str, *, artefact: str, sha256: str) -> Trace:
    layer, version = prediction.layer, prediction.layer_version
    return Trace(
        artefact=artefact,
        found=f"{name} of the map {prediction.pk} of {prediction.model.version}",
        sha256=sha256,
        imagery=imagery_trace(
            layer, version=version, sha256=layer.analysis_sha256 if version == layer.version else "not kept"
        ),
        model=model_trace(prediction.model),
        map=MapTrace(prediction=prediction.pk, layer_version=version, files=dict(prediction.files)),
    )


def _of_file(release: Release, path: str, *, artefact: str, sha256: str) -> Trace:
    parts = _PARTS.get(path.split("/")[0], _EVERYTHING)
    found = f"{path} of release {release.folder}"
    return _of_release(release, artefact=artefact, found=found, parts=parts, path=path, sha256=sha256)


def _of_release(
    release: Release,
    *,
    artefact: str,
    found: str,
    parts: frozenset[str],
    path: str = "",
    sha256: str | None = None,
) -> Trace:
    if not release.is_frozen:
        raise UnknownArtefact(
            f"Release {release.folder} was published before what a release holds was frozen: its release.json, "
            "annotations and model card say what it is made of."
        )
    frozen = frozen_inputs(release)
    model = release.trained_model if "model" in parts else None
    return Trace(
        artefact=artefact,
        found=found,
        sha256=sha256 or release.manifest_sha256,
        release=release.folder,
        labels=_labels(release, frozen, path) if "labels" in parts else (),
        patches=tuple(release.patches.order_by("patch_id").values_list("patch_id", flat=True))
        if "patches" in parts
        else (),
        nomenclature=f"{frozen.nomenclature.code} {frozen.nomenclature.version}",
        imagery=imagery_trace(release.campaign.layer, version=frozen.layer_version, sha256=frozen.layer.sha256)
        if "imagery" in parts
        else None,
        model=model_trace(model) if model else None,
        map=_map(frozen) if "map" in parts else None,
        code_commit=frozen.code_commit,
        software=dict(frozen.software),
    )


def _labels(release: Release, frozen: Frozen, path: str) -> tuple[int, ...]:
    """Revisions of the release, or those of the one tile that an image or a mask is of."""
    labels = release.labels.order_by("tile_row", "tile_col", "annotation_id")
    tile = _TILE_FILE.fullmatch(path.rsplit("/", 1)[-1])
    if tile is not None:
        row, col = divmod(int(tile.group(1)) - 1, tile_grid(frozen).n_cols)
        labels = labels.filter(tile_row=row, tile_col=col)
    return tuple(labels.values_list("revision_id", flat=True))


def _map(frozen: Frozen) -> MapTrace | None:
    if frozen.map is None:
        return None
    prediction = Prediction.objects.get(pk=frozen.map.prediction_id)
    return MapTrace(prediction=prediction.pk, layer_version=prediction.layer_version, files=dict(frozen.map.digests))


def imagery_trace(layer: ImageryLayer, *, version: int, sha256: str) -> ImageryTrace:
    """A layer as it was at a version, with every file that it was made of by then."""
    sources = SourceFile.objects.filter(layer=layer, layer_version__lte=version).order_by("number")
    return ImageryTrace(
        layer=layer.slug,
        version=version,
        sha256=sha256,
        sources=tuple(SourceTrace(name, digest) for name, digest in sources.values_list("name", "sha256")),
    )


def model_trace(model: TrainedModel) -> ModelTrace:
    """A model with its own training and those of the models that it began from."""
    trainings = []
    run, origin = model.run, model.foreign_origin
    version = model.version
    while run is not None:
        trainings.append(_training(run, version))
        earlier = run.initial_model
        run, version = (earlier.run, earlier.version) if earlier else (None, "")
    return ModelTrace(
        version=model.version,
        sha256=model.sha256,
        origin=f"{origin.name}, {origin.address}, SHA-256 {origin.source_sha256}" if origin else None,
        trainings=tuple(trainings),
    )


def _training(run: TrainingRun, version: str) -> TrainingTrace:
    learnt = run.training_set
    judged = learnt.validated.order_by("tile_id").values_list("validation_ids", flat=True)
    return TrainingTrace(
        model=version,
        training_set=f"{learnt.campaign.slug}-set-{learnt.number}",
        training_set_sha256=learnt.sha256,
        revisions=tuple(learnt.items.order_by("revision_id").values_list("revision_id", flat=True)),
        validations=tuple(sorted(verdict for verdicts in judged for verdict in verdicts)),
        config=dict(run.config),
        seed=run.seed,
        code_commit=run.code_commit or "unknown",
    )
