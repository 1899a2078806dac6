"""Pictures of the running site for the documentation: `python -m demo.screenshots` after `make demo`.

    python -m demo.screenshots [--url http://127.0.0.1:8000] [--campaign demo] [--languages en fr] [--only draft merge]

Needs the development requirements (Playwright, Pillow) and Chromium. Signs in with new passwords for the
demonstration's accounts, so the ones that `make demo` printed no longer work afterwards; saves its scenes as the
annotator's work on one open tile, and submits nothing.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from demo.api import ApiSession
from demo.earlier import CODE, KIND
from demo.studio_scenes import SCENES, WIDE, Hands, Subject

REPOSITORY = Path(__file__).resolve().parents[2]
LOCALES = {"en": "en-GB", "fr": "fr-FR"}
LARGEST_BYTES = 300_000
#: Colours of the page that are kept: those with so many pixels (a swatch of the palette has more), and so many of them.
FLAT_PX, FLAT_COLOURS = 100, 64
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
REMEMBER = "localStorage.setItem('solcommun.studio', JSON.stringify({0}))"
PATIENCE_MS = 60_000
HIGH = {"viewport": {"width": 1280, "height": 1180}}
#: Pictures of the public map, each with these layers on.
MAP_LAYERS = {
    "map-classes": ["imagery", "class"],
    "map-doubt": ["imagery", "entropy"],
    "map-labels": ["imagery", "labels"],
}


def main() -> None:
    """Take every picture into docs/screenshots/LANGUAGE/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--campaign", default="demo")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "screenshots")
    parser.add_argument("--languages", nargs="+", choices=LOCALES, default=[*LOCALES])
    parser.add_argument("--only", nargs="+", help="names of pictures; all when not given")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        passwords = demo_passwords()
        for language in options.languages:
            Photographer(browser, options, passwords, language).work()
        browser.close()


def demo_passwords() -> dict[str, str]:
    """New passwords for the demonstration's accounts."""
    done = subprocess.run(
        [sys.executable, "manage.py", "create_demo_accounts"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


class Photographer:
    """Takes the pictures of one language."""

    def __init__(self, browser: Any, options: argparse.Namespace, passwords: dict[str, str], language: str) -> None:
        """A browser that is open, the command's options, the accounts' passwords."""
        self.browser, self.options, self.passwords, self.language = browser, options, passwords, language
        self.folder: Path = options.out / language
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sessions: dict[str, Any] = {}

    def work(self) -> None:
        """Every picture that was asked for."""
        if any(self.is_wanted(name) for name, *_rest in SCENES):
            self.take_studio()
        self.take_page("review", "reviewer", WIDE, review)
        self.take_page("campaign", "maintainer", HIGH, campaign)
        for name, layers in MAP_LAYERS.items():
            self.take_page(name, "maintainer", HIGH, showing(*layers))
        self.take_page("map-compare", "maintainer", HIGH, compared)
        self.take_page("catalogue", "maintainer", HIGH, catalogue)
        self.take_page("releases", "maintainer", HIGH, releases)
        self.take_page("model-card", "maintainer", HIGH, model_card)
        self.take_page("territory", "maintainer", HIGH, territory)
        self.take_page("territory-change", "maintainer", HIGH, territory_change)
        self.take_page("change", "annotator", WIDE, change)
        self.take_page("samples", "maintainer", HIGH, samples)
        self.take_page("usage", "maintainer", HIGH, usage)

    def is_wanted(self, name: str) -> bool:
        """Whether a picture was asked for."""
        return self.options.only is None or name in self.options.only

    def take_studio(self) -> None:
        """The scenes of the studio, each in a browser that knows nothing of the others' work."""
        api = ApiSession(self.options.url)
        api.sign_in("annotator", self.passwords["annotator"])
        subject = Subject.richest(api, self.options.campaign)
        for name, scene, window, memory in SCENES:
            if not self.is_wanted(name):
                continue
            hands = Hands(self.page_of("annotator", window, memory), subject)
            scene(hands)
            self.take(hands.page, name)
        subject.put([])

    def take_page(self, name: str, who: str, window: dict[str, Any], scene: Callable[[Any, str], None]) -> None:
        """A page of the site as someone sees it."""
        if not self.is_wanted(name):
            return
        page = self.page_of(who, window, {})
        scene(page, self.options.campaign)
        self.take(page, name)

    def page_of(self, who: str, window: dict[str, Any], memory: dict[str, Any]) -> Any:
        """A page of someone who has signed in, in a window with its own storage."""
        given = {"base_url": self.options.url, "locale": LOCALES[self.language], "color_scheme": "light", **window}
        if who not in self.sessions:
            context = self.browser.new_context(**given)
            page = context.new_page()
            page.goto("/accounts/login/")
            page.fill("#id_login", who)
            page.fill("#id_password", self.passwords[who])
            page.click("main button[type=submit]")
            page.wait_for_url("**/campaigns/")
            self.sessions[who] = context.storage_state()
            context.close()
        context = self.browser.new_context(storage_state=self.sessions[who], **given)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(REMEMBER.format(json.dumps({"practice": False, **memory})))
        return context.new_page()

    def take(self, page: Any, name: str) -> None:
        """The window as it is, as a small file; closes it."""
        page.wait_for_timeout(600)
        scale = page.evaluate("devicePixelRatio")
        packed = small_png(page.screenshot(), imagery_in(page, scale))
        (self.folder / f"{name}.png").write_bytes(packed)
        print(f"{self.language}/{name}.png  {len(packed) // 1000} kB", flush=True)
        page.context.close()


def small_png(png: bytes, imagery: tuple[int, int, int, int] | None) -> bytes:
    """The picture with 256 colours, fewer where that is too large; those of the page stay as they are.

    Args:
        imagery: left, top, right and bottom of what is not the page itself, in pixels of the picture.
    """
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    page = picture.copy()
    if imagery:
        page.paste((255, 255, 255), imagery)
    found, counts = np.unique(np.asarray(page).reshape(-1, 3), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    flat = found[order[counts[order] >= FLAT_PX][:FLAT_COLOURS]]
    packed = png
    for colours in (256, 192, 144):
        shades = picture.quantize(colours - len(flat)).getpalette() or []
        palette = Image.new("P", (1, 1))
        palette.putpalette([*flat.ravel().tolist(), *shades[: 3 * (colours - len(flat))]])
        buffer = io.BytesIO()
        picture.quantize(palette=palette, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        packed = buffer.getvalue()
        if len(packed) <= LARGEST_BYTES:
            break
    return packed


def imagery_in(page: Any, scale: float) -> tuple[int, int, int, int] | None:
    """Where the map is in a picture of the page: left, top, right, bottom."""
    maps = page.locator(".map")
    box = maps.first.bounding_box() if maps.count() else None
    if box is None:
        return None
    x, y, width, height = (box[side] * scale for side in ("x", "y", "width", "height"))
    return round(x), round(y), round(x + width), round(y + height)


def review(page: Any, campaign: str) -> None:
    """The review desk with a submission, or empty when the demonstration left none."""
    page.goto(f"/campaigns/{campaign}/review/")
    page.wait_for_selector("#review[data-ready='true'], [data-testid='empty']")
    page.wait_for_timeout(2000)


def campaign(page: Any, slug: str) -> None:
    """The campaign's page."""
    page.goto(f"/campaigns/{slug}/")
    page.wait_for_timeout(3500)


def showing(*layers: str) -> Callable[[Any, str], None]:
    """The campaign's map with just these layers on."""

    def scene(page: Any, slug: str) -> None:
        page.goto(f"/campaigns/{slug}/")
        page.wait_for_selector("input[data-layer='imagery']")
        for box in page.locator("input[data-layer]:not([disabled])").all():
            box.set_checked(box.get_attribute("data-layer") in layers)
        page.wait_for_timeout(2500)

    return scene


def compared(page: Any, slug: str) -> None:
    """The campaign's map: imagery on the left of the border, the model's classes on the right."""
    showing("imagery", "class")(page, slug)
    page.check("#compare-on")
    page.select_option("#compare-left", "imagery")
    page.select_option("#compare-right", "class")
    page.wait_for_timeout(2500)


def catalogue(page: Any, slug: str) -> None:
    """The campaign's newest release."""
    page.goto("/releases/")
    links = page.locator("main h2 a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    page.goto(next(link for link in links if re.search(rf"/{slug}-\d+\.\d+\.\d+/$", link)))
    page.wait_for_timeout(3500)


def releases(page: Any, slug: str) -> None:
    """The list of releases, with what it can be narrowed to."""
    page.goto("/releases/")
    page.wait_for_timeout(1500)


def model_card(page: Any, slug: str) -> None:
    """The card of the newest release's model."""
    catalogue(page, slug)
    page.click("a[href$='/model/']")


def territory(page: Any, slug: str) -> None:
    """The page of the demonstration's commune."""
    page.goto(f"/territories/{KIND}/{CODE}/?map={slug}")
    page.wait_for_timeout(3500)


def territory_change(page: Any, slug: str) -> None:
    """Its section on change."""
    territory(page, slug)
    page.locator("#change").evaluate("section => section.scrollIntoView()")
    page.wait_for_timeout(1000)


def change(page: Any, slug: str) -> None:
    """A question about change, the two dates side by side."""
    page.goto(f"/campaigns/{slug}/change/")
    page.wait_for_selector("#validate[data-ready='true']")
    page.wait_for_timeout(2500)


def samples(page: Any, slug: str) -> None:
    """The samples of the campaign with what they say."""
    page.goto(f"/campaigns/{slug}/sample/")
    page.wait_for_timeout(1500)


def usage(page: Any, slug: str) -> None:
    """What is known of the use of the ground, and what is artificialised."""
    page.goto(f"/campaigns/{slug}/usage/")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main()
