"""The page on which maintainers say what ground is used for, and have its artificialised part counted."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from annotation.errors import UserError
from annotation.models import Campaign, Job, UsageSource
from annotation.page_errors import refusal_in_words
from annotation.services.imagery import KNOWN_LICENCES
from annotation.services.usage import end_usage_source, import_usage, usage_campaigns, usage_sources
from learning.models import ArtificialisationMap
from learning.services.artificialisation import ArtificialisationFigures, artificialisation_figures
from learning.services.artificialised_maps import KIND, start_artificialisation
from learning.services.predictions import shown_prediction
from learning.trust_pages import MaintainedView
from learning.views import download

MAX_UPLOAD_MIB = 4  # read and checked while the browser waits; larger files by the command, in a process of its own
REFUSED = {
    "job_already_running": gettext_lazy("The artificialised ground is being counted already: wait for it to end."),
    "no_class_map": gettext_lazy("There is no map yet: publish a model, and wait for its map."),
    "no_cover_mapping": gettext_lazy(
        "The classes of this campaign are not known as land cover of OCS GE: a mapping is missing."
    ),
    "name_taken": gettext_lazy("This file was imported for this imagery before: end that source first."),
}


class UsageForm(forms.Form):
    """A file of polygons and what is to be known of it."""

    kind = forms.ChoiceField(label=gettext_lazy("What it says"), choices=UsageSource.Kind.choices)
    file = forms.FileField(
        label=gettext_lazy("GeoJSON file"),
        help_text=gettext_lazy(
            "In longitude and latitude, 4 MB at most. GeoPackages and larger files: whoever runs this site imports "
            "them with the command import_usage."
        ),
    )
    code_field = forms.CharField(
        label=gettext_lazy("Property that holds the code of usage"),
        required=False,
        max_length=60,
        initial="code_us",
        help_text=gettext_lazy("For land use alone, with codes such as US1.1 or US5."),
    )
    source = forms.CharField(
        label=gettext_lazy("Who made it"), max_length=200, help_text=gettext_lazy("For example: IGN, OCS GE")
    )
    licence = forms.ChoiceField(label=gettext_lazy("Licence"), choices=[(name, name) for name in KNOWN_LICENCES])
    as_of = forms.DateField(
        label=gettext_lazy("Date of the source"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Where two files say different things of a place, the newer one holds."),
    )

    def clean_file(self) -> UploadedFile[Any]:
        """Small enough to be read while one waits."""
        found: UploadedFile[Any] = self.cleaned_data["file"]
        if (found.size or 0) > MAX_UPLOAD_MIB << 20:
            raise forms.ValidationError(_("This file is too large to be read here: use the command import_usage."))
        return found

    def clean_as_of(self) -> date:
        """Not of the future, which would win over every file for good."""
        found: date = self.cleaned_data["as_of"]
        if found > date.today():
            raise forms.ValidationError(_("This day has not come yet."))
        return found


class UsageView(MaintainedView):
    """What is known of usage, what follows for artificialised ground, and the forms to change both."""

    template_name = "learning/usage.html"

    def get_context_data(self, *, slug: str = "", **kwargs: Any) -> dict[str, Any]:
        """Figures first, then sources, then the form."""
        layer = self.campaign.layer
        figures = artificialisation_figures(campaign=self.campaign)
        prediction = shown_prediction(self.campaign)
        made = ArtificialisationMap.objects.filter(prediction=prediction).first() if prediction else None
        active = Job.objects.filter(kind=KIND, campaign=self.campaign, state__in=["queued", "running"]).first()
        return super().get_context_data(
            campaign=self.campaign,
            figures=figures,
            bar=bar_of(figures),
            criteria=criteria_of(figures),
            has_map=prediction is not None,
            files=sized_files(made),
            sources=usage_sources(layer),
            ended=UsageSource.objects.filter(layer=layer, ended_at__isnull=False).order_by("-ended_at")[:20],
            companions=usage_campaigns(layer),
            active=active,
            form=kwargs.pop("form", None) or UsageForm(),
            boot={"language": (get_language() or "en")[:2], "job": str(active.pk) if active else None},
            **kwargs,
        )

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Count, end a source, or import a file."""
        form = UsageForm(request.POST, request.FILES)
        try:
            if "count" in request.POST:
                self._count()
            elif "end" in request.POST:
                self._end(request.POST["end"])
            elif form.is_valid():
                self._import(form)
            else:
                return self.render_to_response(self.get_context_data(form=form), status=400)
        except UserError as error:
            if "source" in form.data:
                form.add_error(None, refusal_in_words(error, REFUSED))
                return self.render_to_response(self.get_context_data(form=form), status=400)
            messages.error(request, refusal_in_words(error, REFUSED))
        return redirect("usage", slug=slug)

    def _count(self) -> None:
        prediction = shown_prediction(self.campaign)
        if prediction is None:
            messages.error(self.request, str(REFUSED["no_class_map"]))
            return
        start_artificialisation(prediction=prediction, actor=self.person)
        messages.success(self.request, _("The artificialised ground is being counted."))

    def _end(self, asked: str) -> None:
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 15 else 0
        source = usage_sources(self.campaign.layer).filter(pk=number).first()
        if source is not None:
            end_usage_source(source=source)
            messages.success(self.request, _("%(source)s holds no longer.") % {"source": source})

    def _import(self, form: UsageForm) -> None:
        asked = form.cleaned_data
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (Path(asked["file"].name).stem[:200] + ".geojson")
            with path.open("wb") as out:
                for chunk in asked["file"].chunks():
                    out.write(chunk)
            made = import_usage(
                layer=self.campaign.layer,
                path=path,
                kind=asked["kind"],
                source=asked["source"],
                licence=asked["licence"],
                as_of=asked["as_of"],
                code_field=(asked["code_field"] or None) if asked["kind"] == UsageSource.Kind.USAGE else None,
                actor=self.person,
            )
        said = ngettext(
            "%(n)s polygon of %(source)s lies on this imagery.",
            "%(n)s polygons of %(source)s lie on this imagery.",
            made.n_polygons,
        )
        messages.success(self.request, said % {"n": made.n_polygons, "source": made})


def bar_of(figures: ArtificialisationFigures) -> dict[str, float] | None:
    """Where the bounds lie on a bar of 1,000 for all that is mapped."""
    if figures.kind == "none" or not figures.rests_on.mapped_ha:
        return None
    whole = figures.rests_on.mapped_ha
    if figures.kind == "figure":
        return {"lower": round(1000 * figures.artificialised_ha / whole, 1), "open": 0.0}
    lower = round(1000 * figures.lower_ha / whole, 1)
    return {"lower": lower, "open": round(1000 * figures.upper_ha / whole - lower, 1)}


def criteria_of(figures: ArtificialisationFigures) -> list[dict[str, Any]]:
    """What thresholds and exemptions decided, in the reader's words."""
    if figures.kind == "none":
        return []
    language = "fr" if (get_language() or "en").startswith("fr") else "en"
    return [{"words": area.reason[language], "area": area} for area in figures.rests_on.by_criterion]


def sized_files(made: ArtificialisationMap | None) -> list[dict[str, Any]]:
    """The files that can be taken away, with their size in MB."""
    if made is None:
        return []
    return [
        {"name": name, "mb": found["bytes"] / 1e6} for name, found in made.files.items() if made.path(name).exists()
    ]


@require_safe
def artificialisation_file(request: HttpRequest, slug: str, file: str) -> HttpResponseBase:
    """One file of the artificialised ground of a campaign's map; with the control tiles, for maintainers alone."""
    campaign = Campaign.objects.maintained_by(request.user).filter(slug=slug).first()
    prediction = shown_prediction(campaign) if campaign is not None else None
    made = ArtificialisationMap.objects.filter(prediction=prediction).first() if prediction is not None else None
    if made is None or file not in made.files:
        told = f"There is no file {file} of artificialised ground of {slug}."
        return HttpResponse(told, status=404, content_type="text/plain")
    return download(
        request, made.path(file), sha256=made.files[file]["sha256"], size=made.files[file]["bytes"],
        name=f"{slug}-{file}", cache="private, no-cache",
    )  # fmt: skip
