"""That a campaign's classes stay as they are while labels are written, and what became of codes that are no more.

A change of classes holds the campaign alone (`hold_alone`); whoever writes labels holds it together with others who do
(`hold_classes`), and never waits: a change may take a minute, and its refusal says to come again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from annotation.core.class_changes import recode_features
from annotation.errors import ClassesChanged, ClassesChanging
from annotation.models import Campaign, ClassChange, NomenclatureClass

_LOCK_SPACE = 0x50C1A55  # ours alone among advisory locks; the second key is the campaign
CHANGING = "The classes of this campaign are being changed: what you sent is not lost, send it again in a minute."
CHANGED = (
    "The classes of this campaign have changed since these labels were drawn: give the shapes their new classes, then "
    "save again."
)


def hold_classes(campaign: Campaign, *, known: str | None = None) -> None:
    """Keep the campaign's classes as they are until this transaction ends.

    Args:   known: version of the classes that the sender speaks of, where they say it; else those of `campaign`, as it
            was read before.
    Raises: ClassesChanging (come again), ClassesChanged.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock_shared(%s, %s)", [_LOCK_SPACE, campaign.pk])
        if not cursor.fetchone()[0]:
            raise ClassesChanging(CHANGING)
        # Read in a statement of its own: one that waits for nothing sees what was there before the lock was had.
        cursor.execute(
            "SELECT c.nomenclature_id, n.version FROM annotation_campaign c"
            " JOIN annotation_nomenclature n ON n.id = c.nomenclature_id WHERE c.id = %s",
            [campaign.pk],
        )
        nomenclature, version = cursor.fetchone()
    if nomenclature != campaign.nomenclature_id or (known is not None and known != version):
        raise ClassesChanged(CHANGED, details={"version": version})


def hold_classes_of(annotation_id: int) -> None:
    """The same for the campaign of one label, where there is such a label. Raises: ClassesChanging."""
    campaign = Campaign.objects.filter(tiles__annotations=annotation_id).first()
    if campaign is not None:
        hold_classes(campaign)


def hold_alone(campaign: Campaign) -> None:
    """Wait until nobody writes labels of the campaign, and keep everybody from it until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, campaign.pk])


def codes_now(campaign: Campaign) -> dict[str, str | None]:
    """What became of each code that people labelled with once and no longer do: its code now, or None where that is for
    somebody to look at. One answer a code: no code comes back with another meaning.
    """
    found: dict[str, str | None] = {}
    steps: list[tuple[Any, ClassChange, bool]] = []
    for change in ClassChange.objects.filter(campaign=campaign, applied_at__isnull=False).only(
        "codes", "back", "applied_at", "reversed_at"
    ):
        steps.append((change.applied_at, change, False))
        if change.reversed_at is not None:
            steps.append((change.reversed_at, change, True))
    earlier: list[dict[str, str | None]] = []  # the latest change is the first to be taken back
    for _at, change, is_back in sorted(steps, key=lambda one: one[0]):
        if is_back:
            carried = {code: None if now is None else change.back.get(now, now) for code, now in found.items()}
            found = {**carried, **change.back, **earlier.pop()}
            continue
        earlier.append(dict(found))
        for code, now in found.items():
            if now is not None:
                found[code] = change.codes.get(now, now)
        found.update(change.codes)
    if not found:
        return {}
    # As the campaign is now, however long ago this row of it was read.
    classes = NomenclatureClass.objects.filter(nomenclature__campaigns=campaign, selectable=True)
    in_use = set(classes.values_list("code", flat=True))
    return {code: now for code, now in found.items() if code not in in_use}


def in_codes_now(
    features: Sequence[dict[str, Any]], campaign: Campaign, *, known: Mapping[str, str | None] | None = None
) -> list[dict[str, Any]]:
    """Features in today's classes, without those whose class is for somebody to look at.

    Args:   known: `codes_now(campaign)`, where it was asked before.
    """
    return recode_features(features, default=codes_now(campaign) if known is None else known)[0]
