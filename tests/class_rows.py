"""Plans of class changes for tests, and what a campaign's labels say, apart from the code under test."""

from __future__ import annotations

from typing import Any

from scenes import TWO_CLASSES

BUILT, GRASS = TWO_CLASSES


def new_class(code: str, colour: str = "#884422") -> dict[str, Any]:
    """A class as a plan writes it."""
    return {"code": code, "name": {"fr": f"{code} (fr)", "en": f"{code} (en)"}, "colour": colour}


def split_plan(code: str = BUILT, *, default: str | None = "new.1", **more: Any) -> list[dict[str, Any]]:
    """Two children, new.1 and new.2."""
    into = [new_class("new.1"), new_class("new.2", "#cc8844")]
    return [{"kind": "split", "code": code, "into": into, "default": default} | more]


def merge_plan(*codes: str, into: str = "both") -> list[dict[str, Any]]:
    """Several classes as one."""
    return [{"kind": "merge", "codes": list(codes or TWO_CLASSES), "into": new_class(into)}]


def rename_plan(code: str = BUILT, to: str = "renamed") -> list[dict[str, Any]]:
    """Another code."""
    return [{"kind": "rename", "code": code, "new_code": to}]


def apply_plan(campaign: Any, plan: Any, actor: Any = None) -> Any:
    """Plan and apply; the campaign is read anew."""
    from annotation.services.class_changes import apply_change, plan_change

    campaign.refresh_from_db()
    change = plan_change(campaign=campaign, plan=plan, actor=actor, reason="tests")
    change = apply_change(change_id=change.pk, actor=actor)
    campaign.refresh_from_db()
    return change


def take_back(change: Any, actor: Any = None) -> Any:
    """Reverse, as it is then."""
    from annotation.services.class_changes import reverse_change

    return reverse_change(change_id=change.pk, actor=actor)


def heads(campaign: Any) -> list[tuple[Any, ...]]:
    """What each annotation is: its revision, number, content, state and moment of decision."""
    from annotation.models import Annotation

    rows = Annotation.objects.filter(tile__campaign=campaign).order_by("pk")
    return list(rows.values_list("pk", "head_id", "version", "head__sha256", "state", "decided_at", "tile__state"))


def polygons(campaign: Any) -> list[tuple[Any, ...]]:
    """Polygons of the heads, as maps and exports read them."""
    from annotation.models import AnnotatedFeature, Annotation

    of = AnnotatedFeature.objects.filter(
        revision__in=Annotation.objects.filter(tile__campaign=campaign).values("head_id")
    )
    rows = of.order_by("revision__annotation", "feature_id")
    return list(rows.values_list("revision__annotation", "feature_id", "class_code", "provenance", "area_m2"))


def codes_of(annotation: Any) -> dict[str, str]:
    """Class by feature of the head, as it is stored."""
    annotation.refresh_from_db()
    return {feature["id"]: feature["class_code"] for feature in annotation.head.features}
