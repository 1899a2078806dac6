"""Models from weights published elsewhere: what is made of a file, its row, and where uploads wait (docs/adr/0032)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from annotation.core.nomenclature import Mapping as ClassMapping
from annotation.core.nomenclature import MappingEntry
from annotation.models import Campaign, Job, NomenclatureMapping
from annotation.services.jobs import enqueue_job
from annotation.services.nomenclatures import selectable_codes
from learning.core.weights_source import Recipe, WeightsSource, make_recipe
from learning.errors import CannotPublishUnjudged, LicenceUnfit, UnusableWeights, UploadTooLarge
from learning.models import ModelOrigin, TrainedModel
from learning.release.errors import UnusableArtefact
from learning.release.weights import read_weights_header
from learning.services.promotion import published_model

if TYPE_CHECKING:
    from django.contrib.auth.models import User

UPLOAD_SUFFIX = ".safetensors"
UPLOADS_KEPT_S = 48 * 3600  # of one whose job never came to take it


def recipe_for(
    *,
    campaign: Campaign,
    source: WeightsSource,
    variant: str,
    bands: list[str] | None = None,
    mapping: ClassMapping | None = None,
) -> Recipe:
    """What is made of a file of this variant in a campaign: classes by code, bands by name.

    Args:
        bands: the imagery's names of the variant's bands, in its order; None = the same names.
        mapping: instead of the one loaded from the source's nomenclature to the campaign's.
    Raises: UnusableWeights (no such variant, another number of bands, a band that the imagery lacks, no mapping, or
            fewer than two classes reached), LicenceUnfit.
    """
    if source.licence != settings.CONTRIBUTION_LICENCE:
        raise LicenceUnfit(
            f"{source.code} is under {source.licence}, and what is published here under "
            f"{settings.CONTRIBUTION_LICENCE}: a model made from it could not be released."
        )
    chosen = source.variant(variant)
    counterparts, reasons = _said_of_channels(campaign, source, mapping)
    recipe = make_recipe(
        source,
        chosen,
        bands=bands,
        class_codes=selectable_codes(campaign),
        counterparts=counterparts,
        reasons=reasons,
        nomenclature_code=campaign.nomenclature.code,
        nomenclature_version=campaign.nomenclature.version,
        notes={
            "campaign": campaign.slug,
            "source": source.code,
            "variant": chosen.code,
            "published_as": chosen.published_as,
            "licence": source.licence,
            "attribution": source.attribution,
            "seen": source.seen["en"],
            "bands": "; ".join(f"{band.name}: {band.note}" for band in source.bands_of(chosen) if band.note),
        },
    )
    have = [band.lower() for band in campaign.layer.bands]
    if missing := [band for band in recipe.bands if band.lower() not in have]:
        raise UnusableWeights(
            f"{chosen.code} reads {', '.join(recipe.bands)}, and {campaign.layer.slug} has "
            f"{', '.join(campaign.layer.bands)}: {missing[0]} is missing. Name the imagery's bands in the variant's "
            f"order ({', '.join(chosen.bands)}), or choose a variant with fewer."
        )
    return recipe


@transaction.atomic
def start_import(
    *,
    campaign: Campaign,
    actor: User | None,
    path: Path,
    file_name: str,
    source: WeightsSource,
    recipe: Recipe,
    variant: str,
    uploaded: bool,
    publish_unjudged: bool = False,
    reason: str = "",
    seen_here: bool | None = None,
) -> Job:
    """Queue the making of a model from a file that is in place.

    Args:
        uploaded: the file came over the network: safetensors only, and it is removed when the job has read it.
        publish_unjudged, reason: publish it although it cannot be judged yet (see publishing.publish_unjudged).
        seen_here: whether the weights have learnt from this campaign's ground, as far as the actor knows.
    Raises: CannotPublishUnjudged (without a reason, or a model is published), JobAlreadyRunning.
    """
    refuse_unjudged(campaign, reason, wanted=publish_unjudged)
    described = source.variant(variant)
    return enqueue_job(
        kind="import_model",
        payload={
            "campaign": campaign.pk,
            "path": str(path.absolute()),
            "file_name": Path(file_name).name[:200],
            "uploaded": uploaded,
            "recipe": recipe.as_json(),
            "origin": {
                "source": source.code,
                "variant": described.code,
                "title": dict(source.title),
                "published_as": described.published_as,
                "address": source.address,
                "licence": source.licence,
                "attribution": source.attribution,
                "seen": dict(source.seen),
                "seen_here": seen_here,
            },
            "publish_unjudged": publish_unjudged,
            "reason": reason.strip()[:500],
        },
        owner=actor,
        campaign=campaign,
        queue=settings.JOB_GPU_QUEUE,
        key=campaign.slug,
    )


@transaction.atomic
def finish_import(*, job: Job, campaign: Campaign, file: str, converted: dict[str, Any]) -> TrainedModel:
    """Write down the model that an import made, as a candidate; a second call returns the first one's model.

    Args:
        file: relative to MODELS_DIR, already in place and durable.
        converted: as `learning.core.foreign_weights.Converted.as_json`.
    """
    campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    known = TrainedModel.objects.filter(origin__job=job).first()
    if known is not None:
        return known
    last = campaign.trained_models.aggregate(last=Max("number"))["last"] or 0
    recipe = job.payload["recipe"]
    origin = ModelOrigin.objects.create(
        **job.payload["origin"],
        file_name=job.payload["file_name"],
        source_sha256=converted["source_sha256"],
        bands=recipe["bands"],
        class_codes=recipe["class_codes"],
        rows=converted["rows"],
        left_out=converted["left_out"],
        imported_by=job.owner,
        job=job,
    )
    return TrainedModel.objects.create(
        campaign=campaign, origin=origin, number=last + 1, file=file, sha256=converted["sha256"]
    )


def refuse_unjudged(campaign: Campaign, reason: str, *, wanted: bool) -> None:
    """Say at once what the job would say at its end, of a wish to publish before a model can be judged.

    Raises: CannotPublishUnjudged (without a reason, or a model is published).
    """
    if not wanted:
        return
    if not reason.strip():
        raise CannotPublishUnjudged("Say why it is published before it can be judged: the reason is kept and shown.")
    published = published_model(campaign)
    if published is not None:
        raise CannotPublishUnjudged(
            f"{published} is published: a model takes its place by the gate alone. Label control tiles, and have the "
            "imported one judged."
        )


def imported_models(campaign: Campaign) -> list[TrainedModel]:
    """A campaign's imported models, newest first."""
    found = campaign.trained_models.filter(origin__isnull=False).select_related("campaign", "origin", "run")
    return list(found.order_by("-number"))


def store_upload(pieces: Iterable[bytes]) -> Path:
    """Write an upload beside the other data, piece by piece, where a worker finds it.

    Raises: UploadTooLarge (above MODEL_UPLOAD_MAX_BYTES), UnusableWeights (no whole safetensors file).
    """
    folder, limit = Path(settings.UPLOADS_DIR), settings.MODEL_UPLOAD_MAX_BYTES
    folder.mkdir(parents=True, exist_ok=True)
    sweep_uploads()
    path, written = folder / f"{uuid.uuid4().hex}{UPLOAD_SUFFIX}", 0
    try:
        with path.open("xb") as stream:
            for piece in pieces:
                written += len(piece)
                if written > limit:
                    raise UploadTooLarge(f"The file has more than the {limit} bytes that are taken here.")
                stream.write(piece)
        read_weights_header(path)
    except UnusableArtefact as error:
        path.unlink(missing_ok=True)
        raise UnusableWeights(
            f"The {written} bytes received are no whole safetensors file ({str(error).partition(': ')[2]}): send the "
            "whole file, or convert it first."
        ) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def sweep_uploads() -> None:
    """Remove uploads that no job came to take."""
    for path in Path(settings.UPLOADS_DIR).glob(f"*{UPLOAD_SUFFIX}"):
        if time.time() - path.stat().st_mtime > UPLOADS_KEPT_S:
            path.unlink(missing_ok=True)


def loaded_mapping(campaign: Campaign, source: WeightsSource) -> ClassMapping | None:
    """The mapping loaded last from the source's nomenclature to the campaign's; None where both speak the same.

    Raises: UnusableWeights (none is loaded).
    """
    target = campaign.nomenclature
    if target.code == source.nomenclature:
        return None
    known = NomenclatureMapping.objects.filter(source__code=source.nomenclature, target=target).order_by("-pk").first()
    if known is None:
        raise UnusableWeights(
            f"No mapping from {source.nomenclature} to {target} is loaded: run manage.py load_nomenclatures, or give "
            "one with --mapping."
        )
    entries = [
        MappingEntry(entry.source_code, entry.target_code or None, entry.note, entry.is_default)
        for entry in known.entries.order_by("pk")
    ]
    return ClassMapping(source.nomenclature, target.code, known.note, tuple(entries))


def _said_of_channels(
    campaign: Campaign, source: WeightsSource, mapping: ClassMapping | None
) -> tuple[dict[str, str | None], dict[str, str]]:
    """Class by channel (the same where the campaign speaks the source's nomenclature, else the mapping's default), and
    what the mapping notes of each channel.
    """
    mapping = mapping or loaded_mapping(campaign, source)
    if mapping is None:
        return {channel: channel for channel in source.channels}, {}
    if (mapping.source, mapping.target) != (source.nomenclature, campaign.nomenclature.code):
        raise UnusableWeights(
            f"The mapping goes from {mapping.source} to {mapping.target}; one from {source.nomenclature} to "
            f"{campaign.nomenclature.code} is needed."
        )
    told: dict[str, list[str]] = {}
    for entry in mapping.entries:
        if entry.note:
            told.setdefault(entry.source, []).append(entry.note)
    counterparts = {entry.source: entry.target for entry in mapping.entries if entry.default}
    return counterparts, {code: " ".join(dict.fromkeys(notes)) for code, notes in told.items()}
