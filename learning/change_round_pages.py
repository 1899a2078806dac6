"""The page on which a maintainer looks what a round of questions about change would hold, and opens it."""

from __future__ import annotations

import secrets
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from annotation.errors import UserError
from annotation.models import Campaign, ChangeRound, Job, VintagePair
from annotation.page_errors import refusal_in_words
from annotation.services.change_rounds import LEAST_CELL_PX
from annotation.views import class_looks
from learning.sample_plan_form import MOST_SEED, pairs_of
from learning.services.change_round_jobs import KIND, RoundPlan, start_change_round
from learning.territory_shown import counted
from learning.trust_pages import MaintainedView

MOST_PLACES = 20_000
KINDS_SHOWN = 12
CONTROL_PERCENT = 10
REFUSED = {
    "no_prediction": gettext_lazy(
        "One of the two dates has no published map: publish a model there, or compare labels of both dates."
    ),
    "job_already_running": gettext_lazy("The two dates are being compared already: wait for it to end."),
    "campaign_closed": gettext_lazy("The campaign is closed: nobody could answer."),
}


class RoundForm(forms.Form):
    """What is compared, and how much of it is asked."""

    pair = forms.ModelChoiceField(VintagePair.objects.none(), label=gettext_lazy("Two dates"), empty_label=None)
    source = forms.ChoiceField(
        label=gettext_lazy("What is compared"), choices=ChangeRound.Source.choices,
        help_text=gettext_lazy("Maps: wherever they differ. Labels: where people labelled the earlier date."),
    )  # fmt: skip
    places = forms.IntegerField(
        label=gettext_lazy("Places that differ, at most"), required=False, min_value=1, max_value=MOST_PLACES,
        initial=500, help_text=gettext_lazy("Those most worth asking come first. Left empty: all."),
    )  # fmt: skip
    control_percent = forms.FloatField(
        label=gettext_lazy("Tiles where the dates agree (% of the tiles)"), min_value=0, max_value=50,
        initial=CONTROL_PERCENT,
        help_text=gettext_lazy("Drawn at random: they show change that both maps miss."),
    )  # fmt: skip
    least_m2 = forms.FloatField(label=gettext_lazy("Smallest ground asked about (m²)"), min_value=0, max_value=10_000)
    seed = forms.IntegerField(required=False, min_value=0, max_value=MOST_SEED, widget=forms.HiddenInput)

    def __init__(self, data: Any, *, campaign: Campaign, asked: RoundPlan | None = None) -> None:
        """With the pairs whose later date is the campaign's imagery, and what was asked for last; a seed is a new one.

        Args: asked: None: what most rounds have.
        """
        pixel_m2 = campaign.layer.gsd_m**2
        before = _as_typed(campaign, asked) if asked is not None else {}
        super().__init__(data, initial={"least_m2": f"{LEAST_CELL_PX * pixel_m2:g}", **before, "seed": None})
        self.pixel_m2 = pixel_m2
        pairs = pairs_of(campaign)
        found = self.fields["pair"]
        if isinstance(found, forms.ModelChoiceField):
            found.queryset = VintagePair.objects.filter(pk__in=[one.pk for one in pairs])
        self.fields["pair"].widget.choices = [  # type: ignore[attr-defined]
            (one.pk, f"{one.first.title} ({one.first.vintage}) / {one.second.title} ({one.second.vintage})")
            for one in pairs
        ]

    @property
    def plan(self) -> RoundPlan:
        """What was asked for, once it is valid."""
        given = self.cleaned_data
        seed = given["seed"]
        return RoundPlan(
            pair=given["pair"].pk,
            source=given["source"],
            places=given["places"],
            control_share=given["control_percent"] / 100,
            least_px=max(1, round(given["least_m2"] / self.pixel_m2)),
            seed=secrets.randbelow(MOST_SEED) if seed is None else seed,
        )


class NewChangeRoundView(MaintainedView):
    """The form, what the round last looked at would hold, and the button that opens it."""

    template_name = "learning/new_change_round.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """The newest look stands until a round was opened."""
        job = Job.objects.filter(kind=KIND, campaign=self.campaign).order_by("-created_at").first()
        under_way = job if job is not None and not job.is_finished else None
        done = job if job is not None and job.state == Job.State.SUCCEEDED else None
        looked = done if done is not None and not done.payload["opens"] else None
        opened = done.result["round"] if done is not None and done.payload["opens"] else 0
        asked = RoundPlan(**job.payload["plan"]) if job is not None and not opened else None
        form = kwargs.pop("form", None) or RoundForm(None, campaign=self.campaign, asked=asked)
        return super().get_context_data(
            campaign=self.campaign,
            pairs=pairs_of(self.campaign),
            form=form,
            redundancy=self.campaign.redundancy,
            job=under_way,
            failed=job.error if job is not None and job.state == Job.State.FAILED else "",
            looked=_looked(self.campaign, looked) if looked is not None else None,
            opened=self.campaign.change_rounds.filter(number=opened, closed_at=None).first(),
            boot={
                "language": (get_language() or "en")[:2], "job": str(under_way.pk) if under_way is not None else None,
                "plan": "", "pair": "",
            },
            **kwargs,
        )  # fmt: skip

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Look, or open what was looked at; either is followed on this page, which also says where it stopped."""
        form = RoundForm(request.POST, campaign=self.campaign)
        opens = "open" in request.POST
        if form.is_valid():
            try:
                start_change_round(campaign=self.campaign, plan=form.plan, opens=opens, actor=self.person)
            except UserError as error:
                form.add_error(None, str(refusal_in_words(error, REFUSED)))
            else:
                said = _("The round is being opened.") if opens else _("The two dates are being compared.")
                messages.success(request, said)
                return redirect("new-change-round", slug=slug)
        return self.render_to_response(self.get_context_data(form=form), status=400)


def _looked(campaign: Campaign, job: Job) -> dict[str, Any]:
    """What the round would hold, in words, and the same form again with its seed."""
    plan, found = RoundPlan(**job.payload["plan"]), job.result
    pair = VintagePair.objects.filter(pk=plan.pair).select_related("first", "second").first()
    looks = class_looks(campaign)
    kinds = [
        {
            "first": looks.get(one["first"], {"name": one["first"]})["name"] or _("nothing"),
            "second": looks.get(one["second"], {"name": one["second"]})["name"] or _("nothing"),
            "cells": one["cells"],
            "area": counted(one["area_ha"]),
        }
        for one in found.get("kinds", [])
    ]
    return {
        "pair": pair,
        "source": ChangeRound.Source(plan.source).label,
        "found": found if found["round"] is not None else None,
        "area": counted(found.get("area_ha")),
        "kinds": kinds[:KINDS_SHOWN],
        "more": len(kinds) - KINDS_SHOWN,
        "asked": {
            "places": plan.places, "control_percent": round(100 * plan.control_share, 1),
            "least_m2": round(plan.least_px * campaign.layer.gsd_m**2, 2),
        },
        "again": _as_typed(campaign, plan),
    }  # fmt: skip


def _as_typed(campaign: Campaign, plan: RoundPlan) -> dict[str, str]:
    """A plan as the form has it."""
    return {
        "pair": str(plan.pair), "source": plan.source, "places": "" if plan.places is None else str(plan.places),
        "control_percent": f"{100 * plan.control_share:g}",
        "least_m2": f"{plan.least_px * campaign.layer.gsd_m**2:g}", "seed": str(plan.seed),
    }  # fmt: skip
