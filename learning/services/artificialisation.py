"""Figures of artificialised ground: a bracket where usage is not known everywhere that it matters, else a figure.

A bracket has no middle, no mean and no number of its own: what is artificialised cannot be told from cover alone, and
its lower end is never to be published as "artificialisation" (docs/adr/0052).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from annotation.models import Campaign, Territory
from learning.core.artificialisation import (
    ARTIFICIALISED,
    CRITERIA,
    NOT_ARTIFICIALISED,
    NOT_EXTRACTION,
    UNDECIDED,
    ArtificialisationRule,
    shipped_artificialisation_rule,
)
from learning.models import ArtificialisationMap, TerritoryArtificialisation
from learning.services.predictions import shown_prediction
from learning.services.usage_inputs import usage_inputs

M2_PER_HA = 10_000
SEALED = ("CS1.1.1.1", "CS1.1.1.2", "CS1.1.1")  # each of the two, and ground of either

#: [cover, usage, state, criterion, pixels]; codes are empty where nothing is known, usage may be NOT_EXTRACTION.
Counts = Sequence[Sequence[str | int]]


@dataclass(frozen=True, slots=True)
class CriterionArea:
    """Ground that a criterion decided: its code, the reason by language, and what it was counted as."""

    criterion: str
    reason: dict[str, str]
    artificialised_ha: float
    not_artificialised_ha: float


@dataclass(frozen=True, slots=True)
class BeforeThresholds:
    """Ground that the (cover, usage) rule counts, before any threshold: as mapped, and as a sample of places has it.

    A place does not tell how large the patch is that it is part of, so that no sample says it after the thresholds.

    Args:
        lower_ha, upper_ha: as mapped; the same where all usage that matters is known.
        lower_estimate_ha, upper_estimate_ha: (value, lower, upper) with 95 % intervals; None: not assessed.
        places: of the sample, within the territory. sample: its number.
    """

    lower_ha: float
    upper_ha: float
    lower_estimate_ha: tuple[float, float, float] | None = None
    upper_estimate_ha: tuple[float, float, float] | None = None
    places: int = 0
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class RestsOn:
    """What figures of artificialised ground rest on.

    Args:
        model: version of the model whose map it is. rule: code and version.
        usage: sources of usage, what wins first, as ArtificialisationMap.usage.
        mapped_ha: ground with imagery. ground_ha: all of the territory; that of the map where none was asked for.
        without_usage_ha: ground whose usage nobody says. usage_declared_unknown_ha: ground of code US6.6.
        sealed_ha: buildings and sealed ground, as mapped.
        by_criterion: what thresholds and exemptions changed or kept.
        before_thresholds: what cover and usage alone count, with an interval where there is a sample.
        is_current: whether what is known of usage is still what it was then.
    """

    model: str
    vintage: int
    rule: str
    usage: list[dict[str, str | int]]
    mapped_ha: float
    ground_ha: float
    without_usage_ha: float
    usage_declared_unknown_ha: float
    sealed_ha: float
    by_criterion: tuple[CriterionArea, ...]
    before_thresholds: BeforeThresholds
    made_at: datetime
    is_current: bool


@dataclass(frozen=True, slots=True)
class ArtificialisationBracket:
    """Usage is unknown where it decides: at least `lower_ha` as mapped and at most `upper_ha`, and no figure."""

    lower_ha: float
    upper_ha: float
    rests_on: RestsOn
    kind: Literal["bracket"] = "bracket"


@dataclass(frozen=True, slots=True)
class ArtificialisedArea:
    """Cover and usage are known wherever they decide: what the map counts.

    Args:
        artificialised_ha: as mapped, after thresholds and exemptions.
        estimate_ha, half_width_ha: None: no sample of places says it after the thresholds, see BeforeThresholds.
        not_assessed: why: "no_sample", or "thresholds" where there is a sample.
    """

    artificialised_ha: float
    rests_on: RestsOn
    estimate_ha: float | None = None
    half_width_ha: float | None = None
    not_assessed: str = ""
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True, slots=True)
class NoArtificialisation:
    """There is nothing to tell, and why: one of "no_map", "not_computed", "territory_unknown"."""

    reason: str
    kind: Literal["none"] = "none"


ArtificialisationFigures = ArtificialisationBracket | ArtificialisedArea | NoArtificialisation


def artificialisation_figures(*, campaign: Campaign, territory: Territory | None = None) -> ArtificialisationFigures:
    """What is known of artificialised ground on the map that a campaign shows, in all of it or within a territory."""
    prediction = shown_prediction(campaign)
    if prediction is None:
        return NoArtificialisation("no_map")
    found = ArtificialisationMap.objects.select_related("prediction__model__campaign__layer")
    made = found.filter(prediction=prediction).first()
    if made is None:
        return NoArtificialisation("not_computed")
    return figures_on(made, territory=territory)


def figures_on(made: ArtificialisationMap, *, territory: Territory | None = None) -> ArtificialisationFigures:
    """The same of the artificialised ground that was computed of a map, whichever the campaign shows."""
    campaign, rule = made.prediction.model.campaign, shipped_artificialisation_rule(made.rule)
    counts, ground_px, estimate = made.counts, _pixels(made.counts), made.estimate
    if territory is not None:
        counted = TerritoryArtificialisation.objects.filter(map=made, territory=territory).first()
        if counted is None:
            return NoArtificialisation("territory_unknown")
        counts, ground_px, estimate = counted.counts, counted.ground_px, counted.estimate
    ha_per_px = campaign.layer.gsd_m**2 / M2_PER_HA
    by_state = _by_state(counts)
    rests_on = RestsOn(
        model=made.prediction.model.version,
        vintage=campaign.layer.vintage,
        rule=f"{made.rule} {made.rule_version}",
        usage=made.usage,
        mapped_ha=_pixels(counts) * ha_per_px,
        ground_ha=ground_px * ha_per_px,
        without_usage_ha=sum(int(row[4]) for row in counts if row[1] in ("", NOT_EXTRACTION)) * ha_per_px,
        usage_declared_unknown_ha=sum(int(row[4]) for row in counts if row[1] == "US6.6") * ha_per_px,
        sealed_ha=sum(int(row[4]) for row in counts if row[0] in SEALED) * ha_per_px,
        by_criterion=tuple(_by_criterion(counts, rule, ha_per_px)),
        before_thresholds=_before_thresholds(counts, estimate, rule, ha_per_px),
        made_at=made.finished_at,
        is_current=usage_inputs(campaign.layer, rule).sha256 == made.usage_sha256,
    )
    lower, undecided = by_state[ARTIFICIALISED] * ha_per_px, by_state[UNDECIDED] * ha_per_px
    if undecided:
        return ArtificialisationBracket(lower_ha=lower, upper_ha=lower + undecided, rests_on=rests_on)
    return ArtificialisedArea(
        artificialised_ha=lower, rests_on=rests_on, not_assessed="thresholds" if estimate else "no_sample"
    )


def _pixels(counts: Counts) -> int:
    return sum(int(row[4]) for row in counts)


def _by_state(counts: Counts) -> Counter[int]:
    found: Counter[int] = Counter()
    for _cover, _usage, state, _criterion, pixels in counts:
        found[int(state)] += int(pixels)
    return found


def _before_thresholds(
    counts: Counts, estimate: dict[str, Any], rule: ArtificialisationRule, ha_per_px: float
) -> BeforeThresholds:
    """What cover and usage count by themselves; exempt ground is left out."""
    pixels: Counter[bool | None] = Counter()
    for cover, usage, _state, criterion, count in counts:
        exempt = str(criterion).startswith("exempt")
        alone = rule.artificialised_under(str(cover) or None, rule.usages_of(str(usage)))
        pixels[False if exempt else alone] += int(count)
    lower = pixels[True] * ha_per_px
    return BeforeThresholds(
        lower_ha=lower,
        upper_ha=lower + pixels[None] * ha_per_px,
        lower_estimate_ha=tuple(estimate["lower"]) if estimate else None,
        upper_estimate_ha=tuple(estimate["upper"]) if estimate else None,
        places=int(estimate.get("places", 0)),
        sample=estimate.get("sample"),
    )


def _by_criterion(counts: Counts, rule: ArtificialisationRule, ha_per_px: float) -> Iterable[CriterionArea]:
    found: Counter[tuple[str, int]] = Counter()
    for _cover, _usage, state, criterion, pixels in counts:
        found[str(criterion), int(state)] += int(pixels)
    for name in CRITERIA[1:]:
        artificialised, not_artificialised = found[name, ARTIFICIALISED], found[name, NOT_ARTIFICIALISED]
        if artificialised or not_artificialised:
            yield CriterionArea(
                name, dict(rule.criteria[name]), artificialised * ha_per_px, not_artificialised * ha_per_px
            )
