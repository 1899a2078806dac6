"""Pages of figures over time: a campaign's for its maintainers, and each person's own work for themselves."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User

from annotation.models import Campaign
from annotation.services import agreement, throughput
from annotation.views import BAR_UNITS, in_words
from annotation.views import MyWorkView as OwnWorkView
from learning.decision_words import gain_in_words
from learning.models import MapChange
from learning.querysets import models_of
from learning.services import map_changes
from learning.services.class_balance import ClassBalance, class_balance
from learning.services.forecast import forecast_gain
from learning.services.promotion import published_model
from learning.trust_pages import MaintainedView


class DashboardView(MaintainedView):
    """How a campaign is going: what comes in, what waits, how far it is, and what the model makes of it."""

    template_name = "learning/dashboard.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Every figure is summed by the database, from an index or from what was counted before."""
        campaign = Campaign.objects.select_related("layer", "nomenclature").get(pk=self.campaign.pk)
        weeks = throughput.campaign_weeks(campaign)
        states = throughput.tile_states(campaign)
        balance = class_balance(campaign)
        published = published_model(campaign)
        gain = forecast_gain(campaign)
        return super().get_context_data(
            campaign=campaign,
            weeks=weeks if any(week.handed_in or week.accepted for week in weeks) else [],
            this_week=weeks[-1],
            backlog=throughput.backlog_of(campaign),
            states=states,
            coverage=coverage_rows(campaign, states),
            agreement=agreement.agreement_figures(campaign=campaign, actor=self.person),
            balance=balance,
            unjudged=published if published and published.is_published_unjudged else None,
            balance_rows=balance_rows(campaign, balance),
            gain_words=gain_in_words(gain) if gain else "",
            models=list(models_of(campaign).filter(miou__isnull=False).order_by("number")),  # type: ignore[misc]
            **kwargs,
        )


def coverage_rows(campaign: Campaign, states: throughput.TileStates) -> list[dict[str, Any]]:
    """One part a state, for the drawn bar: where it begins and how wide it is in BAR_UNITS, its share and ground."""
    tile_ha = (campaign.tile_px * campaign.layer.gsd_m) ** 2 / 10_000
    rows: list[dict[str, Any]] = []
    begin = 0
    for kind in ("accepted", "submitted", "sent_back", "untouched"):
        tiles = getattr(states, kind)
        end = round(BAR_UNITS * (sum(row["tiles"] for row in rows) + tiles) / states.total) if states.total else 0
        rows.append(
            {
                "kind": kind,
                "tiles": tiles,
                "percent": 100 * tiles / states.total if states.total else 0.0,
                "area_ha": tiles * tile_ha,
                "bar": begin,
                "width": end - begin,
            }
        )
        begin = end
    return rows


def balance_rows(campaign: Campaign, balance: ClassBalance) -> list[dict[str, Any]]:
    """One row a class that was drawn or mapped, in the nomenclature's order; bars are in BAR_UNITS of the largest."""
    largest = max([*balance.drawn.values(), *balance.mapped.values()], default=0.0) or 1.0
    rows = []
    for item in campaign.nomenclature.classes.order_by("position"):
        drawn, mapped = balance.drawn.get(item.code, 0.0), balance.mapped.get(item.code, 0.0)
        if drawn or mapped:
            rows.append(
                {
                    "code": item.code,
                    "name": in_words(item.name),
                    "colour": item.colour,
                    "drawn_ha": balance.drawn_m2.get(item.code, 0.0) / 10_000,
                    "drawn": 100 * drawn,
                    "mapped": 100 * mapped if balance.map else None,
                    "bar_drawn": round(BAR_UNITS * drawn / largest),
                    "bar_mapped": round(BAR_UNITS * mapped / largest),
                }
            )
    return rows


class MyWorkView(OwnWorkView):
    """What became of my labels, and what they changed of the map."""

    template_name = "learning/my_work.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Maps that one's labels were new to, and the tiles on which they moved most; on the first page alone."""
        context = super().get_context_data(**kwargs)
        if context["page"].number == 1:
            user = cast(User, self.request.user)
            context["changed_maps"] = [changed_map_row(found) for found in map_changes.changed_maps(user)]
            context["moved"] = [moved_row(found) for found in map_changes.most_changed(user)]
        return context


def changed_map_row(found: map_changes.ChangedMap) -> dict[str, Any]:
    """One map for the drawn table: percentages, and places in BAR_UNITS."""
    return {
        "changed": found,
        "own": before_and_after(found.before, found.after),
        "control": before_and_after(*found.control) if found.control else None,
    }


def moved_row(found: MapChange) -> dict[str, Any]:
    """One label for the drawn table."""
    compared = found.comparison
    return {
        "annotation": found.revision.annotation,
        "map": found.after,
        "own": before_and_after(compared.before, compared.after),
    }


def before_and_after(before: float, after: float) -> dict[str, Any]:
    """Two shares as percentages and as places in BAR_UNITS."""
    return {
        "before": 100 * before,
        "after": 100 * after,
        "from": round(BAR_UNITS * before),
        "to": round(BAR_UNITS * after),
        "better": after > before,
    }
