"""The page on which maintainers start a campaign from weights published elsewhere."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from annotation.core.nomenclature import Mapping as ClassMapping
from annotation.errors import UserError
from annotation.models import Campaign, Job
from annotation.page_errors import refusal_in_words
from annotation.services.nomenclatures import selectable_codes
from annotation.views import in_words
from learning.core.weights_source import Recipe, SourceVariant, WeightsSource, known_sources, shipped_source
from learning.decision_words import gate_in_words
from learning.errors import UnusableWeights
from learning.models import TrainedModel
from learning.services import imports
from learning.services.promotion import RULE, published_model, start_judging
from learning.services.publishing import publish_unjudged
from learning.trust_pages import MaintainedView


class ImportModelView(MaintainedView):
    """What was imported, what can be, and what would become of each class; sending is done by the page's script."""

    template_name = "learning/import_model.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The imported models, and the files that the shipped sources describe."""
        campaign = Campaign.objects.select_related("layer", "nomenclature").get(pk=self.campaign.pk)
        names = {code: in_words(name) for code, name in campaign.nomenclature.classes.values_list("code", "name")}
        running = Job.objects.filter(campaign=campaign, kind__in=["import_model", "judge"])
        active = running.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING]).order_by("-created_at").first()
        sources = [source_row(campaign, shipped_source(code), names) for code in known_sources()]
        context = {
            "campaign": campaign,
            "imported": [model_row(model, names) for model in imports.imported_models(campaign)],
            "sources": sources,
            "preferred": preferred_variant(sources),
            "published": published_model(campaign),
            "needed": RULE.min_holdout_tiles,
            "limit": settings.MODEL_UPLOAD_MAX_BYTES,
            "boot": {
                "campaign": campaign.slug,
                "language": (get_language() or "en")[:2],
                "job": str(active.pk) if active else None,
                "limit": settings.MODEL_UPLOAD_MAX_BYTES,
            },
        }
        return super().get_context_data(**{**context, **kwargs})

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Have a model judged, or publish it before it can be."""
        number = request.POST.get("model", "")
        found = self.campaign.trained_models.filter(number=int(number)) if number.isdigit() else None
        model = found.select_related("campaign", "origin", "run").first() if found is not None else None
        if model is None or model.origin is None:
            raise Http404
        try:
            messages.success(request, self.done(model, request.POST.get("do", "")))
        except UserError as error:
            messages.error(request, _("Nothing was decided: %(why)s") % {"why": refusal_in_words(error)})
        return redirect("import-model", slug=slug)

    def done(self, model: TrainedModel, action: str) -> str:
        """Do it, and say so."""
        named = {"model": model.version}
        if action == "publish":
            publish_unjudged(model=model, actor=self.person, reason=self.request.POST.get("reason", ""))
            return _("%(model)s is published; its map is being made.") % named
        start_judging(model=model, actor=self.person)
        return _("%(model)s is being judged on the control tiles that are labelled now.") % named


def model_row(model: TrainedModel, names: dict[str, str]) -> dict[str, Any]:
    """An imported model with its classes in words, and who published it before it could be judged."""
    origin = model.origin
    assert origin is not None  # noqa: S101 (imported models have one)
    unjudged = model.gate.get("published_unjudged", {})
    publisher = get_user_model().objects.filter(pk=unjudged.get("by")).first()
    is_held = model.state == TrainedModel.State.HELD
    return {
        "model": model,
        "origin": origin,
        "title": in_words(origin.title),
        "seen": in_words(origin.seen),
        "silent": [names.get(code, code) for code, channels in origin.rows.items() if not channels],
        "publisher": publisher.username if publisher else None,
        "figures": model.evaluations.order_by("-created_at").first(),
        "reasons": gate_in_words(model),
        "may_be_judged": is_held or model.is_published_unjudged,
        "may_be_published": is_held and model.gate.get("n_tiles", 0) < RULE.min_holdout_tiles,
    }


def source_row(campaign: Campaign, source: WeightsSource, names: dict[str, str]) -> dict[str, Any]:
    """A source and each of its files: what would become of every class, or why it cannot be used here."""
    mapping = None
    with suppress(UnusableWeights):  # each file says why
        mapping = imports.loaded_mapping(campaign, source)
    return {
        "source": source,
        "title": in_words(dict(source.title)),
        "seen": in_words(dict(source.seen)),
        "variants": [variant_row(campaign, source, variant, names, mapping) for variant in source.variants],
    }


def variant_row(
    campaign: Campaign,
    source: WeightsSource,
    variant: SourceVariant,
    names: dict[str, str],
    mapping: ClassMapping | None,
) -> dict[str, Any]:
    """One file. Where the imagery names its bands otherwise, the form's own field says so."""
    row: dict[str, Any] = {"variant": variant, "bands": source.bands_of(variant)}
    have = {band.lower() for band in campaign.layer.bands}
    row["missing"] = [band for band in variant.bands if band.lower() not in have]
    # Which bands they are does not change the classes.
    any_bands = list(campaign.layer.bands)[: len(variant.bands)]
    bands = any_bands if row["missing"] and len(any_bands) == len(variant.bands) else None
    try:
        recipe = imports.recipe_for(
            campaign=campaign, source=source, variant=variant.code, bands=bands, mapping=mapping
        )
    except UserError as error:
        return {**row, "refusal": refusal_in_words(error)}
    return {**row, "classes": class_rows(campaign, recipe, names), "left_out": sorted(recipe.why_left_out)}


def preferred_variant(sources: list[dict[str, Any]]) -> str:
    """The file that reads most of the bands that the imagery has by name; empty where none can be read."""
    usable = [row["variant"] for source in sources for row in source["variants"] if not row["missing"]]
    best = max(usable, key=lambda variant: (len(variant.bands), len(variant.rewarded)), default=None)
    return best.code if best else ""


def class_rows(campaign: Campaign, recipe: Recipe, names: dict[str, str]) -> list[dict[str, Any]]:
    """Each class with the channels that say it."""
    return [
        {
            "code": code,
            "name": names.get(code, code),
            "channels": [channel for channel, target in recipe.counterparts.items() if target == code],
        }
        for code in selectable_codes(campaign)
    ]
