"""What readers of the public pages see of a sample, told to those who answer and close it."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from learning.models import ReferenceSample
from learning.services.area_figures import area_figures
from learning.services.change_figures import ChangeFigures
from learning.territory_shown import estimated
from learning.territory_words import NOT_ASSESSED


def seen_by_readers(sample: ReferenceSample, change: ChangeFigures | None) -> str:
    """In a sentence or two: nothing before it is closed, then its figures, or those of a newer one.

    Args: change: what is told of the pair of a closed sample of change.
    """
    if sample.closed_at is None:
        return _("Nothing of this sample before it is closed.")
    if sample.kind == ReferenceSample.Kind.CHANGE:
        return _change_seen(sample, change)
    newer = ReferenceSample.objects.filter(
        campaign=sample.campaign, kind=sample.kind, closed_at__isnull=False, pk__gt=sample.pk
    ).exists()
    if newer:
        return _("The figures of a newer sample.")
    figures = area_figures(campaign=sample.campaign)
    if figures.overall is None:
        return _not_assessed(figures.reason)
    value, half = 100 * figures.overall.value, 100 * figures.overall.half_width
    shown = estimated(value, max(0.0, value - half), min(100.0, value + half))
    told = sum(area.estimate_ha is not None for area in figures.classes)
    areas = ngettext(
        "the area of %(n)s class with its interval", "the areas of %(n)s classes with their intervals", told
    ) % {"n": told}
    return _("The map is right on %(value)s %% of the ground (95%% interval: %(interval)s %%), and %(areas)s.") % {
        "value": shown.value, "interval": shown.interval, "areas": areas,
    }  # fmt: skip


def _change_seen(sample: ReferenceSample, figures: ChangeFigures | None) -> str:
    """Readers see the sample of a pair that was closed last, whichever campaign drew it."""
    if figures is None:
        return _not_assessed("no_pair")
    if figures.sample != sample:
        return _("The figures of a newer sample.")
    if figures.found is None:
        return _not_assessed(figures.reason)
    return _("Flow, return flow and net, each with its interval, as below.")


def _not_assessed(reason: str) -> str:
    return _("“Not assessed”: %(why)s") % {"why": NOT_ASSESSED.get(reason, reason)}
