"""Pictures of the running site for the documentation: `python -m demo.screenshots` after `make demo`.

Needs the development requirements (Playwright) and Chromium. Signs in with new passwords for the demonstration's
accounts, so the ones that `make demo` printed no longer work afterwards.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = {"width": 1360, "height": 850}


def main() -> None:
    """Take every picture into docs/screenshots/."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--campaign", default="demo")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "screenshots")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"],
        )
        passwords = demo_passwords()
        studio(signed_in(browser, options.url, "annotator", passwords), options)
        review(signed_in(browser, options.url, "reviewer", passwords), options)
        pages(signed_in(browser, options.url, "maintainer", passwords), options)
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


def signed_in(browser: Any, url: str, name: str, passwords: dict[str, str]) -> Any:
    """A page of someone who has signed in."""
    page = browser.new_context(base_url=url, viewport=SIZE, locale="en-GB", color_scheme="light").new_page()
    page.goto("/accounts/login/")
    page.fill("#id_login", name)
    page.fill("#id_password", passwords[name])
    page.click("main button[type=submit]")
    page.wait_for_url("**/campaigns/")
    return page


def studio(page: Any, options: argparse.Namespace) -> None:
    """The studio with the model's draft taken over, and one area drawn by hand."""
    page.goto(f"/campaigns/{options.campaign}/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    draft = page.locator("[data-testid='draft']")
    if draft.count() and draft.is_enabled():
        draft.click()
        page.wait_for_timeout(2500)
    page.wait_for_timeout(2500)
    page.screenshot(path=options.out / "studio.png")
    page.click("[data-testid='submit']")  # something for the review desk to show
    page.wait_for_timeout(3000)


def review(page: Any, options: argparse.Namespace) -> None:
    """The review desk with a submission, or empty when the demonstration left none."""
    page.goto(f"/campaigns/{options.campaign}/review/")
    page.wait_for_selector("#review[data-ready='true'], [data-testid='empty']")
    page.wait_for_timeout(2000)
    page.screenshot(path=options.out / "review.png")


def pages(page: Any, options: argparse.Namespace) -> None:
    """The campaign's page and the catalogue."""
    page.goto(f"/campaigns/{options.campaign}/")
    page.wait_for_timeout(3500)
    page.screenshot(path=options.out / "campaign.png", full_page=True)
    page.goto("/releases/")
    page.locator("main h2 a").first.click()
    page.wait_for_timeout(3500)
    page.screenshot(path=options.out / "catalogue.png", full_page=True)


if __name__ == "__main__":
    main()
