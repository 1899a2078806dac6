"""The page on which maintainers say when a campaign retrains and what a model must be, and publish or restore one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.errors import UserError
from annotation.models import Campaign
from annotation.page_errors import refusal_in_words
from annotation.views import in_words
from learning import decision_words
from learning.models import RetrainingPolicy, TrainedModel
from learning.querysets import models_of, runs_without_model
from learning.services.forecast import MORE_TILES, forecast_gain
from learning.services.promotion import start_judging
from learning.services.publishing import publish_model, roll_back_model
from learning.services.scheduling import drift_since_last_model, go_on, has_moved, set_retraining_policy
from learning.trust_pages import MaintainedView

MODELS_SHOWN = 30
REFUSED = {
    "cannot_publish": gettext_lazy(
        "This model cannot be published: the gate would not promote it against the one that is published now, or its "
        "file is gone. Judge it again, or train."
    ),
    "cannot_judge": gettext_lazy("Only a model that was held back is judged again, while its file is there."),
    "cannot_roll_back": gettext_lazy(
        "This model cannot be published again: it never was, it is now, or its file is gone. Choose another one."
    ),
    "job_already_running": gettext_lazy("This is under way already: wait for it to end."),
}


def number(**options: Any) -> forms.FloatField:
    """A number that browsers check as this form does."""
    return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), **options)


class PolicyForm(forms.Form):
    """When a campaign retrains by itself, and what its models must be."""

    enabled = forms.BooleanField(label=gettext_lazy("Retrain by itself"), required=False)
    period_hours = number(label=gettext_lazy("At most every (hours)"), min_value=0.01, max_value=24 * 366)
    min_newly_accepted = forms.IntegerField(
        label=gettext_lazy("From so many newly accepted labels"), min_value=1, max_value=1_000_000
    )
    round_size = forms.IntegerField(label=gettext_lazy("Tiles a round asks for"), min_value=1, max_value=1_000_000)
    drift_index = number(
        label=gettext_lazy("Earlier when the classes of new labels have moved by (empty: never)"),
        help_text=gettext_lazy("The population stability index of class shares: 0.1 is small, 0.25 large."),
        required=False,
        min_value=0.01,
        max_value=100,
    )
    stop_below_points = number(
        label=gettext_lazy("Stop when the next 100 tiles bring less than (points of mean IoU; empty: never)"),
        help_text=gettext_lazy("Told from the models so far, four or more, and only when it is nine in ten sure."),
        required=False,
        min_value=0.01,
        max_value=100,
    )
    shadow = forms.BooleanField(
        label=gettext_lazy("Publish no model by itself: a maintainer does, here"), required=False
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        """A floor for each class that people may choose."""
        super().__init__(*args, **kwargs)
        self.floors = []
        for item in campaign.nomenclature.classes.filter(selectable=True).order_by("position"):
            name = f"floor-{item.code}"
            self.fields[name] = number(
                label=f"{in_words(item.name)} ({item.code})", required=False, min_value=0.1, max_value=99.9
            )
            self.floors.append((item.code, name))

    @property
    def floor_fields(self) -> list[Any]:
        """The floors' fields, in the nomenclature's order."""
        return [self[name] for _code, name in self.floors]

    @property
    def policy_values(self) -> dict[str, Any]:
        """What the form says, as the service takes it; floors are shares there."""
        given = dict(self.cleaned_data)
        floors = {code: given.pop(name) for code, name in self.floors}
        return {**given, "class_floors": {code: floor / 100 for code, floor in floors.items() if floor is not None}}


def form_values(policy: RetrainingPolicy) -> dict[str, Any]:
    """A policy as the form shows it."""
    names = [name for name in PolicyForm.base_fields if hasattr(policy, name)]
    floors = {f"floor-{code}": round(100 * floor, 4) for code, floor in policy.class_floors.items()}
    return {**{name: getattr(policy, name) for name in names}, **floors}


class RetrainingView(MaintainedView):
    """The schedule, what it decided last, what more labels would bring, and the models."""

    template_name = "learning/retraining.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Without a policy a campaign retrains only when asked: the form then shows what would be."""
        campaign = Campaign.objects.select_related("layer", "nomenclature").get(pk=self.campaign.pk)
        found = RetrainingPolicy.objects.filter(campaign=campaign).first()
        policy = found or RetrainingPolicy(campaign=campaign, enabled=False)
        drift = drift_since_last_model(campaign)
        gain = forecast_gain(campaign, threshold_points=policy.stop_below_points)
        models = models_of(campaign)[:MODELS_SHOWN]
        context: dict[str, Any] = {
            "campaign": campaign,
            "policy": policy,
            "is_stored": found is not None,
            "refusal": decision_words.refusal_in_words(policy),
            "is_stopped": policy.last_refusal_code == "stopped",
            "more_tiles": MORE_TILES,
            "gain": gain,
            "gain_words": decision_words.gain_in_words(gain) if gain else "",
            "below": round(100 * gain.below) if gain and gain.below is not None else None,
            "drift_words": decision_words.drift_in_words(drift) if drift else "",
            "drift_calls": has_moved(drift, policy),
            "open_runs": runs_without_model(campaign),
            "models": [(model, decision_words.gate_in_words(model)) for model in models],
        }
        if "form" not in kwargs:
            context["form"] = PolicyForm(campaign=campaign, initial=form_values(policy))
        return super().get_context_data(**context, **kwargs)

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Change the schedule, or let it go on where it stopped by itself."""
        if "go_on" in request.POST:
            return self.going_on(request, slug)
        campaign = Campaign.objects.select_related("nomenclature").get(pk=self.campaign.pk)
        form = PolicyForm(request.POST, campaign=campaign)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(form=form), status=400)
        try:
            set_retraining_policy(campaign=campaign, **form.policy_values)
        except UserError as error:
            form.add_error(None, refusal_in_words(error))
            return self.render_to_response(self.get_context_data(form=form), status=400)
        messages.success(request, _("The schedule is changed."))
        return redirect("retraining", slug=slug)

    def going_on(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Without a schedule there is nothing to go on with."""
        try:
            policy = go_on(campaign=self.campaign, actor=self.person)
        except UserError as error:
            messages.error(request, refusal_in_words(error))
        else:
            messages.success(
                request,
                _("It goes on until %(tiles)s tiles are labelled.") % {"tiles": policy.go_on_until_tiles},
            )
        return redirect("retraining", slug=slug)


class ModelActionView(MaintainedView):
    """Publish a model, publish an earlier one again, or have one judged again."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, *, slug: str, number: int) -> HttpResponse:
        """Do what the button says."""
        model = self.campaign.trained_models.select_related("campaign").filter(number=number).first()
        action = request.POST.get("action", "")
        if model is None or action not in {"publish", "restore", "judge"}:
            raise Http404
        try:
            messages.success(request, self.done(model, action))
        except UserError as error:
            messages.error(request, refusal_in_words(error, REFUSED))
        return redirect("retraining", slug=slug)

    def done(self, model: TrainedModel, action: str) -> str:
        """Do it, and say so."""
        named = {"model": model.version}
        if action == "publish":
            publish_model(model=model, actor=self.person)
            return _("%(model)s is published; its map is being made.") % named
        if action == "restore":
            roll_back_model(campaign=self.campaign, to_model=model, actor=self.person)
            return _("%(model)s is published again, and the next round comes from its map.") % named
        start_judging(model=model, actor=self.person)
        return _("%(model)s is being judged on the control tiles that are labelled now.") % named
