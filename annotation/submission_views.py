"""All submissions of a campaign that wait for a reviewer, to be judged one by one or many at once."""

from __future__ import annotations

import uuid
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Count, Func, IntegerField, QuerySet
from django.db.models import F as Column
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import TemplateView

from annotation import pictures
from annotation.errors import UserError
from annotation.models import Annotation, Campaign, Review
from annotation.page_errors import refusal_in_words
from annotation.services.asked import Windows, asked_of_each
from annotation.services.review_queue import waiting_for
from annotation.services.reviews import record_reviews
from annotation.views import SHOWN_LABEL_BYTES

PAGE_SIZE = 24


class FilterForm(forms.Form):
    """Whose submissions, and from which rows and columns of tiles."""

    author = forms.ChoiceField(label=gettext_lazy("Author"), required=False)
    top = forms.IntegerField(label=gettext_lazy("From row"), required=False, min_value=0)
    bottom = forms.IntegerField(label=gettext_lazy("to row"), required=False, min_value=0)
    left = forms.IntegerField(label=gettext_lazy("From column"), required=False, min_value=0)
    right = forms.IntegerField(label=gettext_lazy("to column"), required=False, min_value=0)

    def __init__(self, *args: Any, waiting: QuerySet[Annotation], **kwargs: Any) -> None:
        """Offer the authors who have something waiting, those with the most first."""
        super().__init__(*args, **kwargs)
        authors = dict(waiting.order_by().values_list("annotator__contributor__public_id").annotate(n=Count("pk")))
        if asked := self.data.get("author"):
            authors.setdefault(asked, 0)  # all of theirs may have been judged a moment ago
        ordered = sorted(authors.items(), key=lambda author: (-author[1], author[0]))
        everyone = ("", _("everyone"))
        self.fields["author"].choices = [everyone, *((name, f"{name} ({n})") for name, n in ordered)]  # type: ignore[attr-defined]

    def narrow(self, waiting: QuerySet[Annotation]) -> QuerySet[Annotation]:
        """The submissions asked for; all of them while a field makes no sense."""
        if not self.is_valid():
            return waiting
        asked = self.cleaned_data
        wanted = {
            "annotator__contributor__public_id": asked["author"],
            "tile__row__gte": asked["top"],
            "tile__row__lte": asked["bottom"],
            "tile__col__gte": asked["left"],
            "tile__col__lte": asked["right"],
        }
        return waiting.filter(**{name: value for name, value in wanted.items() if value not in (None, "")})


class VerdictForm(forms.Form):
    """One verdict on the submissions chosen, each as "id:version"."""

    operation_id = forms.UUIDField(widget=forms.HiddenInput)
    verdict = forms.ChoiceField(choices=[(Review.Verdict.ACCEPT, ""), (Review.Verdict.SEND_BACK, "")])
    reason = forms.ChoiceField(
        label=gettext_lazy("Reason, when sent back"),
        required=False,
        choices=[("", gettext_lazy("choose a reason")), *Review.Reason.choices],
    )
    comment = forms.CharField(label=gettext_lazy("Comment"), required=False, max_length=2000)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A form that is sent twice is one verdict."""
        super().__init__(*args, **kwargs)
        self.fields["operation_id"].initial = uuid.uuid4()


def parsed_choice(text: str) -> tuple[int, int] | None:
    """A submission's id and the version looked at; None for anything else."""
    number, colon, version = text.partition(":")
    is_choice = colon and all(part.isascii() and part.isdigit() and len(part) < 15 for part in (number, version))
    return (int(number), int(version)) if is_choice else None


class SubmissionsView(LoginRequiredMixin, TemplateView):
    """What waits, the riskiest first."""

    template_name = "annotation/submissions.html"

    def campaign(self) -> Campaign:
        """For reviewers only; to anyone else the page does not exist."""
        reviewed = Campaign.objects.reviewed_by(self.request.user).select_related("layer", "nomenclature")
        campaign = reviewed.filter(slug=self.kwargs["slug"]).first()
        if campaign is None:
            raise Http404
        return campaign

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The submissions of this page with their pictures."""
        campaign = self.campaign()
        user = cast(User, self.request.user)
        waiting = waiting_for(user, campaign)
        filters = FilterForm(self.request.GET, waiting=waiting)
        shown = (
            filters.narrow(waiting)
            .select_related("tile", "head", "annotator__contributor")
            .annotate(stored=Func(Column("head__features"), function="pg_column_size", output_field=IntegerField()))
        )
        page = Paginator(shown, PAGE_SIZE).get_page(self.request.GET.get("page"))
        colours = dict(campaign.nomenclature.classes.values_list("code", "colour"))
        asked = asked_of_each(list(page))
        return super().get_context_data(
            campaign=campaign,
            filters=filters,
            form=kwargs.pop("form", None) or VerdictForm(),
            page=page,
            items=[(item, self._picture(item, campaign, colours, asked[item.pk])) for item in page],
            waiting=waiting.count(),
            chosen=set(self.request.POST.getlist("chosen")),
            subpixel_scale=pictures.SUBPIXEL_SCALE,
            **kwargs,
        )

    def _picture(
        self, item: Annotation, campaign: Campaign, colours: dict[str, str], asked: Windows
    ) -> pictures.LabelledView:
        item.tile.campaign = campaign
        item.shown_version = str(item.version)  # type: ignore[attr-defined]
        is_light = item.stored < SHOWN_LABEL_BYTES  # type: ignore[attr-defined]
        features = item.head.features if item.head and is_light else []
        return pictures.labelled_view(item.tile, features, colours=colours, sides=(1.0, 1.0), asked=asked)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Record the verdict on each submission chosen."""
        self.campaign()
        form = VerdictForm(request.POST)
        chosen = [choice for text in request.POST.getlist("chosen") if (choice := parsed_choice(text))]
        if not chosen:
            form.add_error(None, _("Choose at least one submission."))
        if form.is_valid() and self._record(form, chosen):
            return redirect(request.get_full_path())
        return self.render_to_response(self.get_context_data(form=form), status=400)

    def _record(self, form: VerdictForm, chosen: list[tuple[int, int]]) -> bool:
        try:
            recorded, refused = record_reviews(
                submissions=chosen, reviewer=cast(User, self.request.user), **form.cleaned_data
            )
        except UserError as error:
            form.add_error(None, refusal_in_words(error))
            return False
        done = {"n": len(recorded)}
        if recorded:
            messages.success(
                self.request,
                ngettext("%(n)s verdict was recorded.", "%(n)s verdicts were recorded.", len(recorded)) % done,
            )
        for one in refused:
            told = {"id": one.annotation_id, "reason": refusal_in_words(one.error)}
            messages.warning(self.request, _("Submission %(id)s: %(reason)s") % told)
        return True
