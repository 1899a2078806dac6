"""The fast lane as a test sees it."""

from __future__ import annotations

from typing import Any

from e2e.studio import BUILT, GRASS, new_person, sign_in

# The least sure first, as they are asked.
ASKED = [("region-3", BUILT), ("region-4", GRASS), ("region-2", GRASS), ("region-1", BUILT)]
SENT = "#validate[data-pending='0']"


def open_lane(open_page: Any, user: Any, **options: Any) -> Any:
    page = open_page(**options)
    sign_in(page, user)
    page.goto("/campaigns/gers/validate/")
    page.wait_for_selector("#validate[data-ready='true']")
    return page


def begin_lane(open_page: Any) -> tuple[Any, Any, int]:
    """A new person, the page they have opened, and the tile it asks about."""
    user = new_person()
    page = open_lane(open_page, user)
    return user, page, int(page.get_attribute("#validate", "data-tile"))


def asked(page: Any, feature: str) -> None:
    page.wait_for_selector(f"#validate[data-item='{feature}']", state="attached")


def verdicts(user: Any, tile: int) -> dict[str, tuple[str, str]]:
    from annotation.models import Validation

    found = Validation.objects.filter(annotator=user, tile_id=tile).order_by("created_at", "pk")
    return {one.feature_id: (one.verdict, one.class_code) for one in found}


def key_of(page: Any, code: str) -> str:
    shown = page.locator(f"[data-testid='class-{code}'] kbd").inner_text()
    return f"Shift+Digit{shown[1:]}" if shown.startswith("⇧") else f"Digit{shown}"
