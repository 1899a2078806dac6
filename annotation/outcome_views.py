"""What became of one's labels of a tile: what was handed in, what stands now, and what was said of it."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import TemplateView

from annotation import pictures
from annotation.core.differences import Change, class_changes
from annotation.core.grid import SUBPIXELS
from annotation.errors import UserError
from annotation.models import Annotation, AnnotationRevision, Review
from annotation.page_errors import refusal_in_words
from annotation.services.asked import Windows, asked_of
from annotation.services.review_queue import dispute_review
from annotation.views import in_words

SHOWN_CHANGES = 10
MOST_CORNERS = 20_000  # of two coverages compared while someone waits


class DisputeForm(forms.Form):
    """Why the labels are right as they are."""

    version = forms.IntegerField(widget=forms.HiddenInput)
    comment = forms.CharField(
        label=gettext_lazy("Why are the labels right as they are?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class OutcomeView(LoginRequiredMixin, TemplateView):
    """One's labels of a tile, beside what a reviewer made of them."""

    template_name = "annotation/outcome.html"

    def annotation(self) -> Annotation:
        """One's own that has been handed in at least once; any other does not exist."""
        found = (
            Annotation.objects.of(self.request.user)
            .select_related("tile__campaign__layer", "tile__campaign__nomenclature", "head")
            .filter(pk=self.kwargs["annotation_id"], submitted_at__isnull=False, head__isnull=False)
            .first()
        )
        if found is None:
            raise Http404
        return found

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The pictures, the differences and the words."""
        annotation = self.annotation()
        review = annotation.reviews.select_related("revision", "corrected").first()
        submitted, now = _versions(annotation, review)
        nomenclature = annotation.tile.campaign.nomenclature
        names = {item.code: in_words(item.name) for item in nomenclature.classes.all()}
        colours = dict(nomenclature.classes.values_list("code", "colour"))
        changes = _changes(annotation, submitted, now) if now is not None else ()
        side = annotation.tile.px * SUBPIXELS
        asked = asked_of(annotation)
        can_dispute = (
            annotation.state == Annotation.State.SENT_BACK
            and not submitted.second_opinions.filter(asked_by=annotation.annotator_id).exists()
        )
        return super().get_context_data(
            annotation=annotation,
            review=review,
            submitted=_view(annotation, submitted, colours, asked),
            now=_view(annotation, now, colours, asked) if now else None,
            changed=[pictures.svg_path(change.rings) for change in changes],
            changes=[
                {"before": names.get(change.before), "after": names.get(change.after), "percent": 100 * change.share}
                for change in changes[:SHOWN_CHANGES]
            ],
            more_changes=max(0, len(changes) - SHOWN_CHANGES),
            is_too_detailed=now is not None and _corners(submitted, now) > MOST_CORNERS,
            marks=[{**mark, "words": Review.Reason(mark["reason"]).label} for mark in review.marks] if review else [],
            mark_radius=side // 24,
            opinions=annotation.second_opinions.select_related("revision"),
            form=kwargs.pop("form", None) or DisputeForm(initial={"version": annotation.version}),
            can_dispute=can_dispute,
            subpixel_scale=pictures.SUBPIXEL_SCALE,
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Dispute the verdict."""
        annotation = self.annotation()
        form = DisputeForm(request.POST)
        if form.is_valid():
            try:
                dispute_review(
                    annotation_id=annotation.pk,
                    author=cast(User, request.user),
                    expected_version=form.cleaned_data["version"],
                    comment=form.cleaned_data["comment"],
                )
            except UserError as error:
                form.add_error(None, refusal_in_words(error))
            else:
                messages.success(request, _("Another reviewer will decide."))
                return redirect("outcome", annotation_id=annotation.pk)
        return self.render_to_response(self.get_context_data(form=form), status=400)


def _versions(annotation: Annotation, review: Review | None) -> tuple[AnnotationRevision, AnnotationRevision | None]:
    """What was handed in last, and what a reviewer made of it, if anything."""
    head = cast(AnnotationRevision, annotation.head)
    if review is not None and review.corrected is not None:
        return review.revision, review.corrected
    return head, None


def _view(
    annotation: Annotation, revision: AnnotationRevision, colours: dict[str, str], asked: Windows
) -> pictures.LabelledView:
    return pictures.labelled_view(annotation.tile, revision.features, colours=colours, sides=(1.25, 1.25), asked=asked)


def _changes(annotation: Annotation, submitted: AnnotationRevision, now: AnnotationRevision) -> tuple[Change, ...]:
    if _corners(submitted, now) > MOST_CORNERS:
        return ()
    side = annotation.tile.px * SUBPIXELS
    return class_changes(submitted.features, now.features, side=side)


def _corners(*revisions: AnnotationRevision) -> int:
    return sum(len(ring) for one in revisions for feature in one.features for ring in feature["rings"])
