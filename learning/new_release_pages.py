"""The page on which a maintainer looks at what a release would be, writes its notes, and begins it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from annotation.errors import UserError
from annotation.models import Campaign
from annotation.page_errors import refusal_in_words
from learning.errors import NoNationalView, NothingToPublish, ReleaseInputGone
from learning.model_figures import named, named_classes
from learning.models import Release
from learning.release.licences import licence_name
from learning.release.notes import LANGUAGES, LONGEST
from learning.release_words import suggestion_in_words
from learning.services.promotion import published_model
from learning.services.release_proposals import Proposal, propose_release
from learning.services.releases import start_release
from learning.trust_pages import MaintainedView

REFUSED = {
    "invalid_notes": gettext_lazy(
        "These notes cannot be published: they hold an address or a character that is not seen, or are too long."
    ),
    "invalid_version": gettext_lazy("Give a version of three numbers, such as 1.2.0, above the last one."),
    "version_taken": gettext_lazy("This version is taken, and what is published never changes: choose a higher one."),
    "release_on_disk": gettext_lazy(
        "The files of this version are on the disk, and the database knows nothing of it: choose a higher one, and "
        "tell an operator."
    ),
    "nothing_to_publish": gettext_lazy(
        "There is no accepted label yet that a release may carry: review some submissions first."
    ),
    "release_input_gone": gettext_lazy(
        "The files of the last release are away, and what is new cannot be told without them: an operator has to "
        "bring them back, or withdraw it."
    ),
    "no_national_view": gettext_lazy(
        "Not every class of this campaign refines a national one: publish the classes as they are."
    ),
    "job_already_running": gettext_lazy("This release is being made already: wait for it to end."),
}


def text_area(rows: int) -> forms.Textarea:
    """A field for notes."""
    return forms.Textarea(attrs={"rows": rows})


class ReleaseForm(forms.Form):
    """Version, title and notes; each draft is sent along, so that notes nobody edited are made anew of the facts."""

    version = forms.CharField(label=gettext_lazy("Version"), max_length=30)
    title = forms.CharField(label=gettext_lazy("Title"), max_length=200)
    notes = forms.CharField(
        label=gettext_lazy("What this release is"),
        help_text=gettext_lazy("In one or two sentences, in place of the campaign’s description. It may stay empty."),
        required=False,
        max_length=2000,
        widget=text_area(2),
    )
    text_fr = forms.CharField(
        label=gettext_lazy("What changed, in French"), required=False, max_length=LONGEST, widget=text_area(9)
    )
    text_en = forms.CharField(
        label=gettext_lazy("What changed, in English"), required=False, max_length=LONGEST, widget=text_area(9)
    )
    draft_fr = forms.CharField(required=False, widget=forms.HiddenInput)
    draft_en = forms.CharField(required=False, widget=forms.HiddenInput)

    @property
    def edited_texts(self) -> dict[str, str]:
        """Notes that somebody edited, by language."""
        found = {}
        for language in LANGUAGES:
            text, draft = (_unix(self.cleaned_data[f"{name}_{language}"]) for name in ("text", "draft"))
            if text != draft:
                found[language] = text
        return found


class NewReleaseView(MaintainedView):
    """What would be in a release that began now: by the classes as they are, or by the national ones (?view=national).

    Each view has a version and notes of its own, so that the form is that of the view looked at.
    """

    template_name = "learning/new_release.html"

    @property
    def view(self) -> Release.View:
        """The view asked for."""
        return Release.View.NATIONAL if self.request.GET.get("view") == "national" else Release.View.OWN

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The proposal with its form, or why there is nothing to release."""
        campaign = Campaign.objects.select_related("layer", "nomenclature").get(pk=self.campaign.pk)
        model = published_model(campaign)
        try:
            proposal = propose_release(campaign, model=model, view=self.view)
        except (NoNationalView, NothingToPublish, ReleaseInputGone) as error:
            return super().get_context_data(campaign=campaign, nothing=refusal_in_words(error, REFUSED), **kwargs)
        return super().get_context_data(
            **{
                "campaign": campaign,
                "national": self.view == Release.View.NATIONAL,
                "proposal": proposal,
                "model": model,
                "why": suggestion_in_words(proposal.suggestion),
                "rows": class_rows(campaign, proposal),
                "licence": licence_name(proposal.changes.licence),
                "imagery_licence": licence_name(campaign.layer.licence),
                "form": form_for(campaign, proposal),
                **kwargs,
            }
        )

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Begin it; how far it is stands on the page of releases."""
        form = ReleaseForm(request.POST)
        if form.is_valid():
            given = form.cleaned_data
            try:
                start_release(
                    campaign=self.campaign,
                    actor=self.person,
                    version=given["version"].strip(),
                    title=given["title"],
                    notes=given["notes"].strip(),
                    texts=form.edited_texts,
                    view=self.view,
                )
            except UserError as error:
                form.add_error(None, refusal_in_words(error, REFUSED))
            else:
                messages.success(request, _("The release is being made."))
                return redirect("release-desk", slug=slug)
        return self.render_to_response(self.get_context_data(form=form), status=400)


def form_for(campaign: Campaign, proposal: Proposal) -> ReleaseForm:
    """The form as it is first shown."""
    drafts = {f"{name}_{language}": text for language, text in proposal.notes.items() for name in ("text", "draft")}
    return ReleaseForm(initial={"version": proposal.suggestion.version, "title": campaign.title, **drafts})


def class_rows(campaign: Campaign, proposal: Proposal) -> list[dict[str, Any]]:
    """Polygons that came, changed and went, by class; classes without any left out."""
    classes = named_classes(campaign)
    return [
        {"item": named(classes, code), "counts": counts}
        for code, counts in proposal.changes.polygons.items()
        if counts.total
    ]


def _unix(text: str) -> str:
    return "\n".join(text.split("\r\n")).strip()
