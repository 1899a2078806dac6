"""Pages on which maintainers change a campaign's classes: choose, see what it does, confirm, follow, take back."""

from __future__ import annotations

import csv
import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from annotation.errors import NotThere, UserError
from annotation.models import Annotation, Campaign, ClassChange, Job
from annotation.page_errors import refusal_in_words
from annotation.views import in_words
from learning.class_progress import told_of
from learning.services.class_changes import (
    KIND,
    change_of,
    preview,
    require_unreleased,
    start_again,
    start_change,
    start_reversal,
)
from learning.trust_pages import MaintainedView

CHILDREN = range(1, 6)
SHOWN = 50
MOST_BYTES = 5_000_000
REFUSED = {
    "cannot_change_classes": gettext_lazy(
        "This plan does not fit the classes as they are: look at the codes. A class that is split has a code of its "
        "own for each part; classes that have others below them are neither split nor merged."
    ),
    "national_class_stands": gettext_lazy(
        "National classes stay as they are, and each label in its national class: only the local classes below them "
        "change. The code of a local class is that of the national one, a slash, and a name of a-z 0-9 _ -."
    ),
    "not_a_nomenclature": gettext_lazy(
        "A class needs a code of its own, a name in French and in English, and a colour."
    ),
    "reason_required": gettext_lazy("Say why the classes change: people who label are told."),
    "job_already_running": gettext_lazy("A change of this campaign’s classes is under way: wait for it to end."),
    "cannot_reverse": gettext_lazy(
        "This change stands: a release was made with it, or it is not the latest one. Take back later changes first, "
        "or change the classes once more the other way."
    ),
}


class ClassChangesView(MaintainedView):
    """Changes so far, and the next one step by step."""

    template_name = "learning/class_changes.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The classes to choose from, as the plan so far leaves them alone."""
        campaign = Campaign.objects.select_related("nomenclature", "layer").get(pk=self.campaign.pk)
        classes = [
            {"code": item.code, "name": in_words(item.name), "selectable": item.selectable, "parent": item.parent_code}
            for item in campaign.nomenclature.classes.order_by("position")
        ]
        parents = {item["parent"] for item in classes}
        return super().get_context_data(
            campaign=campaign,
            classes=classes,
            leaves=[item for item in classes if item["selectable"] and item["code"] not in parents],
            children=CHILDREN,
            changes=ClassChange.objects.filter(campaign=campaign).select_related("made_by")[:SHOWN],
            under_way=Job.objects.filter(kind=KIND, campaign=campaign, state__in=["queued", "running"]).exists(),
            **kwargs,
        )

    def post(self, request: HttpRequest, *, slug: str) -> HttpResponse:
        """Show what the plan would do; or, confirmed with the campaign's short name, do it."""
        campaign = Campaign.objects.select_related("nomenclature", "layer").get(pk=self.campaign.pk)
        plan: Any = []
        try:
            plan = _plan_of(request)
            if "apply" not in request.POST:
                return self._shown(plan, preview(campaign=campaign, plan=plan))
            if request.POST.get("typed", "").strip() != campaign.slug:
                refusal = _("Type the campaign’s short name, %(slug)s, to confirm.") % {"slug": campaign.slug}
                return self._shown(plan, preview(campaign=campaign, plan=plan), refusal=refusal)
            change, _job = start_change(
                campaign=campaign, plan=plan, actor=self.person, reason=request.POST.get("reason", "")
            )
        except UserError as error:
            context = self.get_context_data(
                refusal=_refusal(error),
                plan_json=_as_text(plan[:-1] if isinstance(plan, list) else []),
            )
            return self.render_to_response(context, status=error.status)
        return redirect("class-change", slug=slug, number=change.pk)

    def _shown(self, plan: Any, found: dict[str, Any], *, refusal: str = "") -> HttpResponse:
        context = self.get_context_data(
            plan=[_step_in_words(step) for step in plan], plan_json=_as_text(plan),
            found={**found, "labels": _told(found["labels"])}, refusal=refusal,
            reason=self.request.POST.get("reason", ""),
        )  # fmt: skip
        return self.render_to_response(context, status=422 if refusal else 200)


class ClassChangeView(MaintainedView):
    """One change: how far it is, what it did, and the way back."""

    template_name = "learning/class_change.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Its report once there is one."""
        change = _change_or_404(self.campaign, self.kwargs["number"])
        return super().get_context_data(
            campaign=self.campaign,
            change=change,
            steps=[_step_in_words(step) for step in change.plan],
            told=told_of(change),
            may_reverse=_may_reverse(change),
            report=_told(change.report),
            reversal=_told(change.reversal),
            **kwargs,
        )

    def post(self, request: HttpRequest, *, slug: str, number: int) -> HttpResponse:
        """Take it back; or, where its first try ended early, start it again."""
        change, again = _change_or_404(self.campaign, number), "again" in request.POST
        try:
            if again:
                start_again(change=change, actor=self.person)
            else:
                start_reversal(change=change, actor=self.person)
        except UserError as error:
            context = self.get_context_data(refusal=_refusal(error))
            return self.render_to_response(context, status=error.status)
        messages.success(request, _("The change is started again.") if again else _("The change is being taken back."))
        return redirect("class-change", slug=slug, number=number)


class ClassChangeReportView(MaintainedView):
    """The report as a table for spreadsheets; the API has it as JSON."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Classes first, then each tile on which something became unlabelled."""
        change = _change_or_404(self.campaign, kwargs["number"])
        name = f"{self.campaign.slug}-classes-{change.pk}.csv"
        answer = HttpResponse(
            content_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )
        rows = csv.writer(answer)
        rows.writerow(["from", "to", "state", "annotations", "features", "area_m2", "row", "col", "part"])
        for row in change.report.get("rows", []):
            told = (row["from"], row["to"] or "", row["state"], row["annotations"], row["features"], row["area_m2"])
            rows.writerow([*told, "", "", ""])
        for place in change.report.get("places", []):
            at = (place["row"], place["col"], place["part"])
            rows.writerow(["", "", place["state"], 1, place["features"], place["area_m2"], *at])
        return answer


def _refusal(error: UserError) -> str:
    """In English a refusal speaks for itself, with the values it met."""
    return refusal_in_words(error, {} if (get_language() or "en").startswith("en") else REFUSED)


def _change_or_404(campaign: Campaign, number: int) -> ClassChange:
    try:
        return change_of(campaign=campaign, number=number)
    except NotThere as error:
        raise Http404 from error


def _told(counts: dict[str, Any]) -> dict[str, Any]:
    """Counts with each row's state in words."""
    rows = [{**row, "state_words": Annotation.State(row["state"]).label} for row in counts.get("rows", [])]
    return {**counts, "rows": rows} if counts else {}


def _may_reverse(change: ClassChange) -> bool:
    if change.state != ClassChange.State.APPLIED or change.campaign.nomenclature_id != change.after_id:
        return False
    try:
        require_unreleased(change)
    except UserError:
        return False
    return True


def _as_text(plan: Any) -> str:
    return json.dumps(plan, ensure_ascii=False)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # no plan: refused as such


def _plan_of(request: HttpRequest) -> Any:
    """The plan so far, with the step of the form, or that of a file."""
    file = request.FILES.get("file")
    if file is not None:
        return _read(file.read(MOST_BYTES).decode("utf-8", "replace"))
    plan = _read(request.POST.get("plan") or "[]")
    step = _step_of(request)
    return [*plan, step] if step is not None and isinstance(plan, list) else plan


def _step_of(request: HttpRequest) -> dict[str, Any] | None:
    given = request.POST
    kind = given.get("kind")
    if kind == "split":
        into = [one for number in CHILDREN if (one := _class_of(request, f"{number}")) is not None]
        default = given.get("default") or ""
        return {
            "kind": kind,
            "code": given.get("code", ""),
            "into": into,
            "default": given.get(f"code{default}") or None,
        }
    if kind == "merge":
        return {"kind": kind, "codes": given.getlist("codes"), "into": _class_of(request, "1") or {}}
    if kind == "rename":
        name = {language: given.get(f"{language}1", "").strip() for language in ("fr", "en")}
        step = {"kind": kind, "code": given.get("code", ""), "new_code": given.get("code1", "").strip()}
        return {**step, "name": name} if all(name.values()) else step
    if kind == "move":
        return {"kind": kind, "code": given.get("code", ""), "parent": given.get("parent") or None}
    return None


def _class_of(request: HttpRequest, number: str) -> dict[str, Any] | None:
    given = {name: request.POST.get(f"{name}{number}", "").strip() for name in ("code", "fr", "en", "colour")}
    if not given["code"]:
        return None
    return {"code": given["code"], "name": {"fr": given["fr"], "en": given["en"]}, "colour": given["colour"]}


def _step_in_words(step: dict[str, Any]) -> str:
    kind = step["kind"]
    if kind == "split":
        into = ", ".join(item["code"] for item in step["into"])
        words = {"code": step["code"], "into": into, "default": step.get("default") or _("unlabelled")}
        return _("Split %(code)s into %(into)s; shapes become: %(default)s") % words
    if kind == "merge":
        return _("Merge %(codes)s into %(into)s") % {"codes": ", ".join(step["codes"]), "into": step["into"]["code"]}
    if kind == "rename":
        return _("Rename %(code)s: %(to)s") % {
            "code": step["code"], "to": step.get("new_code") or in_words(step.get("name") or {}) or step["code"],
        }  # fmt: skip
    return _("Move %(code)s under %(parent)s") % {"code": step["code"], "parent": step["parent"] or _("no class")}
