"""What a release says of artificialised ground: polygons with their criterion, what they rest on (docs/adr/0059)."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from annotation.models import AnnotationRevision, Territory
from annotation.services.usage import usage_campaigns
from learning.core.artificialisation import DEFAULT_RULE, shipped_artificialisation_rule
from learning.models import ArtificialisationMap, TrainedModel
from learning.release.frozen import FrozenGround
from learning.release.licences import carried_licences
from learning.release.manifest import file_sha256
from learning.services.artificialisation import figures_on
from learning.services.evaluations import json_safe
from learning.services.predictions import ready_prediction
from learning.services.territory_figures import json_types
from learning.services.usage_inputs import LABELS, usage_inputs

FILES = ("artificialisation.parquet", "artificialisation.gpkg", "artificialisation.rule.json")


def released_ground(model: TrainedModel, *, licence: str) -> FrozenGround | None:
    """The artificialised ground of a model's map, for a release under `licence`; None where nothing is known of usage
    or there is no map.

    A source of usage under a licence that the release may not carry, or that is not known, keeps the polygons out: they
    are made of it, and would give it on under other terms.
    """
    prediction = ready_prediction(model)
    if prediction is None:
        return None
    found = ArtificialisationMap.objects.select_related("prediction__model__campaign__layer")
    made = found.filter(prediction=prediction).first()
    if made is None or not made.usage:
        known = usage_inputs(prediction.layer, shipped_artificialisation_rule(DEFAULT_RULE)).sources
        return FrozenGround(reason="not_computed") if known else None
    refused = _refused_source(made, licence)
    if refused is not None:
        return FrozenGround(reason="licence", about=refused)
    digests = kept_files(made)
    if digests is None:
        return FrozenGround(reason="made_again")
    return FrozenGround(
        digests=digests,
        figures=json_safe({**_figures(made), "territories": _territories(made)}),
        sources=tuple(f"{one['source']}, {one['as_of']}" for one in made.usage if one["kind"] != LABELS),
    )


def kept_files(made: ArtificialisationMap) -> dict[str, str] | None:
    """SHA-256 of the files by names that stay theirs when the ground is computed again; None where that happens now.

    The names are links beside the files: no byte is copied.
    """
    kept = {}
    for name in FILES:
        sha256 = made.files[name]["sha256"]
        place = made.path(f"released-{sha256[:16]}-{name}")
        if not place.exists():
            try:
                os.link(made.path(name), place)
            except FileNotFoundError:
                return None
        if file_sha256(place) != sha256:
            place.unlink()
            return None
        kept[place.name] = sha256
    return kept


def _refused_source(made: ArtificialisationMap, licence: str) -> str | None:
    """The first source that may not be given on under a licence."""
    carried = carried_licences(licence)
    for one in made.usage:
        if one["kind"] != LABELS and one["licence"] not in carried:
            return f"{one['source']} ({one['licence'] or 'no licence'})"
    if any(one["kind"] == LABELS for one in made.usage):
        campaigns = usage_campaigns(made.prediction.layer)
        # Labels may have changed since: one revision that may not be given on is enough.
        revisions = AnnotationRevision.objects.filter(annotation__tile__campaign__in=campaigns)
        other = revisions.exclude(licence__in=carried).select_related("annotation__tile__campaign").first()
        if other is not None:
            return f"{other.annotation.tile.campaign.title} ({other.licence or 'no licence'})"
    return None


def _figures(made: ArtificialisationMap, territory: Territory | None = None) -> dict[str, Any]:
    """Figures as a territory's page has them, without whether more is known by now: a release does not change."""
    told = json_types(asdict(figures_on(made, territory=territory)))
    told.get("rests_on", {}).pop("is_current", None)
    return told


def _territories(made: ArtificialisationMap) -> list[dict[str, Any]]:
    counted = Territory.objects.filter(pk__in=made.territories.values("territory")).order_by("kind", "code")
    return [{"kind": one.kind, "code": one.code, "name": one.name, "figures": _figures(made, one)} for one in counted]
