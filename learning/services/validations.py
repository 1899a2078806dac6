"""The model's drawing of a tile, polygon by polygon, for people to judge, and what a training set makes of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from annotation.errors import BlindTile
from annotation.models import Campaign, Lease, Tile, Validation
from annotation.services.class_guard import codes_now
from annotation.services.validation_queue import (
    agreement_needed,
    claim_tile_to_validate,
    is_left_to_others,
    pass_over_undrawn,
    require_open,
)
from annotation.services.validations import (
    AgreedPolygon,
    Recorded,
    ShownDrawing,
    Verdict,
    Vote,
    agreed_polygons,
    outline_sha256,
    record_verdicts,
    repeated_verdicts,
    require_given,
)
from learning.errors import LeftToOthers, NoDraft, NoModelYet, NothingDrawnSoFar, TrainingSetChanged
from learning.services import drafts
from learning.services.predictions import shown_prediction

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from learning.models import TrainingSetValidation

EMPTY_TILES_A_CLAIM = 50  # tiles without anything drawn that one request steps over


@dataclass(frozen=True, slots=True)
class ToJudge:
    """A tile given to someone to judge: its lease, and the model's polygons with this person's verdicts so far."""

    lease: Lease
    tile: Tile
    model_version: str
    model_judged: bool
    items: list[dict[str, Any]]


def next_to_judge(*, campaign: Campaign, user: User, ahead: bool = False) -> ToJudge | None:
    """The next tile whose drawing this person may judge, least certain polygon first; None when there is none.

    Tiles where the model drew nothing are passed over, each once a person and model.
    Raises: CampaignClosed, NoModelYet, LeftToOthers, NothingDrawnSoFar.
    """
    require_open(campaign)
    prediction = shown_prediction(campaign)
    if prediction is None:
        raise NoModelYet("No model of this campaign has been published yet: label tiles, it learns from them.")
    version = prediction.model.version
    for _attempt in range(EMPTY_TILES_A_CLAIM):
        lease = claim_tile_to_validate(campaign=campaign, annotator=user, model_version=version, ahead=ahead)
        if lease is None:
            if is_left_to_others(campaign=campaign, annotator=user, model_version=version):
                raise LeftToOthers("Others are judging what is left: ask again in a few minutes, or label a tile.")
            return None
        tile = Tile.objects.select_related("campaign__layer").get(pk=lease.tile_id)
        try:
            draft = drafts.draft_of(tile=tile, user=user)
        except (NoDraft, BlindTile):
            pass_over_undrawn(lease, model_version=version)
            continue
        return ToJudge(lease, tile, draft.model_version, draft.judged, _items(tile, user, draft))
    raise NothingDrawnSoFar(
        f"{version} drew nothing on the {EMPTY_TILES_A_CLAIM} tiles looked through: ask again, there may be more."
    )


def judge(
    *,
    tile: Tile,
    user: User,
    operation_id: UUID,
    model_version: str,
    verdicts: Sequence[Verdict],
    done: bool = False,
) -> Recorded:
    """Store verdicts on what the model drew; see record_verdicts. Raises, beside its errors: BlindTile, NoDraft."""
    # The answer to a repeat is the first one, also when another model's map is shown by now.
    repeat = repeated_verdicts(operation_id=operation_id, annotator=user, tile=tile)
    if repeat is not None:
        return repeat
    require_given(tile=tile, annotator=user)  # before a drawing is made
    draft = drafts.draft_of(tile=tile, user=user)
    return record_verdicts(
        tile=tile,
        annotator=user,
        operation_id=operation_id,
        model_version=model_version,
        verdicts=verdicts,
        drawing=ShownDrawing(draft.model_version, draft.features),
        done=done,
    )


def _items(tile: Tile, user: User, draft: drafts.Draft) -> list[dict[str, Any]]:
    own = Validation.objects.of(user).filter(tile=tile, model_version=draft.model_version).current()
    said = {
        feature_id: {"verdict": verdict, "class_code": class_code or None}
        for feature_id, verdict, class_code in own.values_list("feature_id", "verdict", "class_code")
    }
    items = [
        {
            "feature_id": feature["id"],
            "class_code": feature["class_code"],
            "rings": feature["rings"],
            "confidence": feature["confidence"],
            "verdict": said.get(feature["id"]),
        }
        for feature in draft.features
    ]
    return sorted(items, key=lambda item: item["confidence"])


# --- what is learnt -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ValidatedTile:
    """A pool tile with the polygons that people agree on."""

    tile_id: int
    polygons: tuple[AgreedPolygon, ...]

    @property
    def validation_ids(self) -> list[int]:
        """The verdicts that say so, in order."""
        return sorted(number for polygon in self.polygons for number in polygon.validation_ids)

    @property
    def sha256(self) -> str:
        """Identity of what is learnt here: the polygons with their classes, whoever judged them."""
        content = sorted(polygon.identity for polygon in self.polygons)
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()

    @property
    def class_codes(self) -> set[str]:
        """The classes agreed on."""
        return {polygon.class_code for polygon in self.polygons}


def validated_labels(campaign: Campaign) -> list[ValidatedTile]:
    """Pool tiles with polygons that hold as labels now, by tile id; given under a licence, as all that is learnt from.

    The rule (docs/adr/0018): each person's last verdict that no revert set aside counts; where submissions are
    reviewed two people at least must give a polygon the same class, elsewhere one; any other class, disagreement or
    doubt takes it away.
    """
    given = Validation.objects.filter(tile__campaign=campaign, tile__role=Tile.Role.POOL, tile__golds__isnull=True)
    votes = given.exclude(licence="").counting().current()
    agreed = agreed_polygons(_votes(votes), needed=agreement_needed(campaign))
    gone = codes_now(campaign)  # verdicts stay as they were given; those on classes that are no more teach nothing
    known = {tile: tuple(one for one in polygons if one.class_code not in gone) for tile, polygons in agreed.items()}
    return [ValidatedTile(tile_id, polygons) for tile_id, polygons in sorted(known.items()) if polygons]


def _votes(validations: Any) -> Iterable[Vote]:
    names = ("pk", "tile_id", "model_version", "feature_id", "shown_sha256", "class_code")
    return (Vote(*values) for values in validations.values_list(*names))


def frozen_features(frozen: TrainingSetValidation) -> list[list[dict[str, Any]]]:
    """The polygons of a judged tile as a training set froze them: features as stored, a list for each model's drawing.

    Raises: TrainingSetChanged (the verdicts no longer say what was frozen).
    """
    rows = list(Validation.objects.filter(pk__in=frozen.validation_ids, tile=frozen.tile_id).order_by("pk"))
    agreed = agreed_polygons(
        (
            Vote(row.pk, row.tile_id, row.model_version, row.feature_id, row.shown_sha256, row.class_code)
            for row in rows
        ),
        needed=1,
    ).get(frozen.tile_id, ())
    found = ValidatedTile(frozen.tile_id, agreed)
    whole = all(outline_sha256(row.rings) == row.shown_sha256 for row in rows)
    if not whole or found.sha256 != frozen.sha256 or found.validation_ids != frozen.validation_ids:
        raise TrainingSetChanged(
            f"{frozen}: frozen as {frozen.sha256[:12]}, its verdicts read {found.sha256[:12]} now."
        )
    rings = {(row.model_version, row.feature_id): row.rings for row in rows}
    drawings: dict[str, list[dict[str, Any]]] = {}
    for polygon in agreed:
        drawings.setdefault(polygon.model_version, []).append(
            {
                "id": polygon.feature_id,
                "class_code": polygon.class_code,
                "rings": rings[polygon.model_version, polygon.feature_id],
                "provenance": "accepted",
            }
        )
    return list(drawings.values())
