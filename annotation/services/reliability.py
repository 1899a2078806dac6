"""How reliable the people of a campaign are, by class, from what they handed in on gold tiles (docs/adr/0022).

For the person and their maintainers only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from annotation.core.reliability import (
    ClassReliability,
    Evidence,
    SequentialTest,
    add_evidence,
    campaign_means,
    class_reliability,
    label_weight,
    sequential_test,
    tile_evidence,
)
from annotation.errors import NotThere
from annotation.models import Campaign, GoldOutcome
from annotation.services.clock import database_now
from annotation.services.nomenclatures import selectable_codes

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# Fewer say too little of a person to show them, and too much of which tiles were gold.
LEAST_TILES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class PersonReliability:
    """One person's figures in one campaign.

    Args:
        tiles, passed: gold tiles that count, and those passed.
        test: where the sequential test on them stands.
        classes: by class code, of those they gave on gold tiles.
    """

    annotator_id: int
    tiles: int
    passed: int
    test: SequentialTest
    classes: Mapping[str, ClassReliability]


def people_reliability(campaign: Campaign, *, until: datetime | None = None) -> dict[int, PersonReliability]:
    """Everybody with gold outcomes in a campaign, by annotator id; of the outcomes before `until` where it is given."""
    outcomes = GoldOutcome.objects.filter(gold__tile__campaign=campaign)
    if until is not None:
        outcomes = outcomes.filter(created_at__lt=until)
    rows = sorted(
        outcomes.that_count().values_list("annotator_id", "pk", "passed", "confusion"), key=lambda row: row[:2]
    )
    codes = selectable_codes(campaign)
    passes: dict[int, list[bool]] = {}
    evidence: dict[int, dict[str, Evidence]] = {}
    for annotator, group in groupby(rows, key=lambda row: row[0]):
        of_person = list(group)
        passes[annotator] = [passed for _annotator, _pk, passed, _confusion in of_person]
        evidence[annotator] = add_evidence(tile_evidence(confusion) for *_rest, confusion in of_person)
    means = campaign_means(evidence.values(), class_codes=codes)
    return {
        annotator: PersonReliability(
            annotator_id=annotator,
            tiles=len(passes[annotator]),
            passed=sum(passes[annotator]),
            test=sequential_test(passes[annotator], restart_when_cleared=True),
            classes=class_reliability(
                evidence[annotator],
                means={code: means[code] for code in codes if code in evidence[annotator]},
                n_classes=len(codes),
            ),
        )
        for annotator in passes
    }


def own_reliability(*, user: User) -> list[tuple[Campaign, PersonReliability]]:
    """A person's own figures in each campaign where enough is known of them, as of the beginning of the day.

    Live figures would tell, after each tile, whether it was gold.
    """
    today = database_now().replace(hour=0, minute=0, second=0, microsecond=0)
    mine = GoldOutcome.objects.filter(annotator=user, created_at__lt=today).values("gold__tile__campaign")
    found = []
    for campaign in Campaign.objects.filter(pk__in=mine).order_by("title"):
        figures = people_reliability(campaign, until=today).get(user.pk)
        if figures is not None and figures.tiles >= LEAST_TILES_SHOWN:
            found.append((campaign, figures))
    return found


def reliability_for_maintainer(*, campaign: Campaign, actor: User) -> list[PersonReliability]:
    """Everybody's figures, those flagged or with fewest tiles passed first.

    Raises: NotThere (not a maintainer).
    """
    if not Campaign.objects.maintained_by(actor).filter(pk=campaign.pk).exists():
        raise NotThere(f"You are not a maintainer of {campaign.slug!r}: ask one of them.")
    return sorted(people_reliability(campaign).values(), key=lambda one: (one.passed / one.tiles, -one.tiles))


def label_weights(campaign: Campaign) -> dict[int, dict[str, float]]:
    """What each person's labels count, by annotator id and class code; only what is not 1."""
    return _not_one(people_reliability(campaign).values())


def _not_one(people: Iterable[PersonReliability]) -> dict[int, dict[str, float]]:
    found = {}
    for person in people:
        weights = {code: label_weight(person.classes, code) for code in person.classes}
        heard = {code: weight for code, weight in weights.items() if weight != 1.0}
        if heard:
            found[person.annotator_id] = heard
    return found
