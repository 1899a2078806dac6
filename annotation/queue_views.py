"""The page on which a campaign's queue can be checked: what was offered, in which order, and why."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from annotation.models import Campaign, Ticket
from annotation.services.queue_audit import MOST_OFFERS, Offered, QueueAudit, audit_queue, first_offer_at

PAGE_SIZE = 100
SHOWN_DAYS = 7
CHART = {"width": 1080, "height": 260, "left": 52, "right": 8, "top": 12, "bottom": 34}
MOST_DOTS = 2_000


class PeriodForm(forms.Form):
    """Two days, both included, in universal time."""

    since = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    until = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def clean(self) -> dict[str, Any]:
        """The first day is not after the last."""
        values = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first: swap them."))
        return values

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """From the first moment of the first day to before the first of the day after the last."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return midnight(since), midnight(until + timedelta(days=1))


def midnight(day: date) -> datetime:
    """When a day begins, in universal time."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _campaign_or_404(request: HttpRequest, slug: str) -> Campaign:
    """For maintainers: when people work is not everyone's to know, nor which tiles are gold."""
    campaign = Campaign.objects.maintained_by(request.user).select_related("layer").filter(slug=slug).first()
    if campaign is None:
        raise Http404
    return campaign


def _period(request: HttpRequest) -> PeriodForm:
    today = timezone.now().date()
    shown = {"since": today - timedelta(days=SHOWN_DAYS - 1), "until": today}
    return PeriodForm({name: request.GET.get(name) or value for name, value in shown.items()})


class QueueAuditView(LoginRequiredMixin, TemplateView):
    """The order in which tiles were offered against their scores, for any period."""

    template_name = "annotation/queue_audit.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """Figures by round, a drawing of ranks over time, and every offer, latest first."""
        campaign = _campaign_or_404(self.request, slug)
        form = _period(self.request)
        audit = QueueAudit(rounds=(), offers=(), is_cut=False)
        if form.is_valid():
            since, until = form.moments
            audit = audit_queue(campaign=campaign, since=since, until=until)
        page = Paginator(audit.offers[::-1], PAGE_SIZE).get_page(self.request.GET.get("page"))
        return super().get_context_data(
            campaign=campaign,
            form=form,
            audit=audit,
            chart=rank_chart(audit.offers),
            page=page,
            rows=[(offer, Ticket.Kind(offer.kind).label if offer.kind else "") for offer in page],
            most_offers=MOST_OFFERS,
            first_offer=first_offer_at(campaign),
            **kwargs,
        )


def rank_chart(offers: tuple[Offered, ...]) -> dict[str, Any] | None:
    """Dots of rank over the order of time: a queue that keeps its order climbs from left to right."""
    ranked = [offer for offer in offers if offer.rank is not None]
    if len(ranked) < 2:
        return None
    every = -(-len(ranked) // MOST_DOTS)
    shown = ranked[::every]
    ranks = [offer.rank or 0 for offer in shown]
    low, high = min(ranks), max(ranks)
    wide = CHART["width"] - CHART["left"] - CHART["right"]
    tall = CHART["height"] - CHART["top"] - CHART["bottom"]
    return {
        **CHART,
        "low": low,
        "high": high,
        "count": len(ranked),
        "every": every,
        "bottom_y": CHART["height"] - CHART["bottom"],
        "right_x": CHART["width"] - CHART["right"],
        "text_y": CHART["height"] - 10,
        "dots": [
            {
                "x": round(CHART["left"] + wide * nth / (len(shown) - 1), 1),
                "y": round(CHART["top"] + tall * (1 - (rank - low) / max(1, high - low)), 1),
                "kind": offer.kind if offer.way == "queue" else offer.way,
            }
            for nth, (offer, rank) in enumerate(zip(shown, ranks, strict=True))
        ],
    }


@require_safe
@login_required
def queue_audit_csv(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Every offer of the period as a table, to be checked elsewhere."""
    campaign = _campaign_or_404(request, slug)
    form = _period(request)
    if not form.is_valid():
        raise Http404
    since, until = form.moments
    audit = audit_queue(campaign=campaign, since=since, until=until)
    name = f"queue-{campaign.slug}-{form.cleaned_data['since']}-{form.cleaned_data['until']}.csv"
    return StreamingHttpResponse(
        _lines(audit.offers),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


class _Echo:
    def write(self, line: str) -> str:
        return line


def _lines(offers: tuple[Offered, ...]) -> Iterator[str]:
    writer = csv.writer(_Echo())
    names = [field.name for field in fields(Offered)]
    yield writer.writerow(names)
    for offer in offers:
        values = [getattr(offer, name) for name in names]
        yield writer.writerow([value.isoformat() if isinstance(value, datetime) else value for value in values])
