"""The page of a campaign's quality: how far people agree, and for maintainers gold tiles and reliability."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from annotation import pictures
from annotation.api.quality_views import public_ids
from annotation.errors import NotThere, UserError
from annotation.models import Annotation, Campaign, NomenclatureClass, Tile, TileAgreement
from annotation.page_errors import refusal_in_words
from annotation.services import agreement, gold
from annotation.services.people import role_in
from annotation.services.reliability import reliability_for_maintainer
from annotation.views import BAR_UNITS, class_rows, in_words

CONTESTED_SHOWN = 12
CANDIDATES_SHOWN = 12
WORDS = {
    "job_already_running": gettext_lazy("The agreement is being counted: load this page again in a moment."),
}


class QualityView(LoginRequiredMixin, TemplateView):
    """For reviewers and maintainers; to anyone else the page does not exist."""

    template_name = "annotation/quality.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """Agreement for reviewers; gold tiles and reliability too for maintainers."""
        campaign, user = self.campaign(slug), cast(User, self.request.user)
        found = agreement.campaign_agreement(campaign=campaign, actor=user)
        classes = list(campaign.nomenclature.classes.order_by("position"))
        maintains = role_in(campaign=campaign, user=user) == "maintainer"
        names = public_ids(one.annotator_id for one in found.people)
        contested = agreement.contested_tiles(campaign=campaign, actor=user)[:CONTESTED_SHOWN]
        return super().get_context_data(
            campaign=campaign,
            agreement=found,
            counting=campaign.jobs.filter(kind="count_agreement", state__in=["queued", "running"]).first(),
            iou_rows=iou_rows(found, classes),
            matrix=confusion_rows(found, classes),
            people=[(names[one.annotator_id], one) for one in found.people],
            overview=overview(campaign),
            contested=[(one, one.differing_px / one.compared_px, tile_view(campaign, one)) for one in contested],
            maintains=maintains,
            **(self.for_maintainers(campaign, user) if maintains else {}),
            **kwargs,
        )

    def for_maintainers(self, campaign: Campaign, user: User) -> dict[str, Any]:
        """What only maintainers may see."""
        found = reliability_for_maintainer(campaign=campaign, actor=user)
        names = public_ids(one.annotator_id for one in found)
        candidates = (
            Annotation.objects.usable_as_labels()
            .filter(tile__campaign=campaign, tile__role=Tile.Role.POOL)
            .select_related("tile", "annotator__contributor")
            .order_by("-decided_at", "-pk")[:CANDIDATES_SHOWN]
        )
        return {
            "reliability": [(names[one.annotator_id], one, class_rows(campaign, one.classes)) for one in found],
            "golds": [(one, thumbnail(campaign, one.tile)) for one in gold.golds_of(campaign)],
            "candidates": [(one, thumbnail(campaign, one.tile)) for one in candidates],
        }

    def post(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Count agreement anew, mark a tile as gold, or retire one; then the page again."""
        campaign, user = self.campaign(slug), cast(User, request.user)
        try:
            messages.success(request, self.do(campaign, user))
        except NotThere:
            raise Http404 from None
        except UserError as error:
            messages.error(request, refusal_in_words(error, WORDS))
        return redirect("quality", slug=slug)

    def do(self, campaign: Campaign, user: User) -> str:
        """Carry out the form that was sent; returns what to tell. Raises: UserError."""
        form = self.request.POST
        if form.get("do") == "count":
            agreement.start_agreement_count(campaign=campaign, actor=user)
            return _("The agreement is being counted: load this page again in a moment.")
        if form.get("do") == "mark":
            gold.mark_gold(
                campaign=campaign,
                annotation_id=number(form.get("annotation")),
                actor=user,
                note=form.get("note", "")[:500],
            )
            return _("This tile is gold now: people will be given it without being told.")
        if form.get("do") == "retire":
            gold.retire_gold(gold_id=number(form.get("gold")), actor=user, faulty=form.get("faulty") == "yes")
            return _("This tile is given to nobody any more.")
        raise Http404

    def campaign(self, slug: str) -> Campaign:
        """The campaign, for those who review it."""
        campaign = get_object_or_404(Campaign.objects.select_related("layer", "nomenclature"), slug=slug)
        if not Campaign.objects.reviewed_by(self.request.user).filter(pk=campaign.pk).exists():
            raise Http404
        return campaign


def number(text: str | None) -> int:
    """An id from a form. Raises: Http404: it is none."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 15):
        raise Http404
    return int(text)


def iou_rows(found: agreement.CampaignAgreement, classes: list[NomenclatureClass]) -> list[dict[str, Any]]:
    """One row a class met, for the drawn table."""
    return [
        {
            "code": item.code,
            "name": in_words(item.name),
            "colour": item.colour,
            "iou": found.iou[item.code],
            "bar": round(BAR_UNITS * found.iou[item.code]),
        }
        for item in classes
        if item.code in found.iou
    ]


def confusion_rows(found: agreement.CampaignAgreement, classes: list[NomenclatureClass]) -> dict[str, Any]:
    """Of the ground that one person gives a class, the share that another gives each class, in whole percent."""
    met = [item for item in classes if item.code in found.pairs]
    rows = []
    for item in met:
        row = found.pairs[item.code]
        total = sum(row.values())
        cells = [round(100 * row.get(other.code, 0) / total) for other in met]
        rows.append({"code": item.code, "name": in_words(item.name), "cells": list(zip(met, cells, strict=True))})
    return {"codes": [item.code for item in met], "rows": rows}


def overview(campaign: Campaign) -> dict[str, Any]:
    """The whole layer for an SVG, with the side of the disagreement map on it."""
    layer = campaign.layer
    return {
        "width": layer.width,
        "height": layer.height,
        "images": pictures.imagery_of(layer, left=0, top=0, width=layer.width, height=layer.height),
        "map_width": campaign.n_cols * campaign.tile_px,
        "map_height": campaign.n_rows * campaign.tile_px,
    }


def tile_view(campaign: Campaign, one: TileAgreement) -> tuple[pictures.PlacedTile, ...]:
    """Imagery of one tile, for an SVG of its size."""
    one.tile.campaign = campaign
    window = one.tile.window
    return pictures.imagery_of(
        campaign.layer, left=window.col_off, top=window.row_off, width=window.width, height=window.height
    )


def thumbnail(campaign: Campaign, tile: Tile) -> str:
    """Address of a small picture of a tile."""
    tile.campaign = campaign
    return pictures.thumbnail_of(tile)
