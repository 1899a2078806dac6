"""Fifty shapes drawn by the real mouse while everything goes wrong; then: is each of them on the server, once?

    python bench/chaos_studio.py [--repeats 20] [--shapes 50] [--seed 1] [--jobs 2]

Each repeat draws on one tile in a real Chromium with its own profile, against the real site and PostgreSQL, and meets
at random moments: the whole browser killed with SIGKILL right after a shape showed as drawn, and again while the server
refuses; an expired session; a revision saved elsewhere; 503 answers; answers lost after the server had stored; ten
minutes without network; a full disk quota; a second tab that takes over. Afterwards the same with a fault planted in
the studio at build time (the browser's copy deleted before the acknowledgement), which this must catch.
The last line is FIGURES and a JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from _chaos_site import build, database, open_campaign, prepare_environment, site

prepare_environment()

from _chaos_desk import PROBE, Desk, Ring  # noqa: E402 its scenes load Django

PLANTED_REPEATS = 2
FEWEST = 18  # shapes: each fault draws up to two


def killed(desk: Desk) -> None:
    desk.draw()
    desk.kill()
    desk.open()


def killed_while_refused(desk: Desk) -> None:
    """The save has been tried and refused when the browser dies."""
    desk.wait_saved()
    desk.replies = "busy"
    desk.draw()
    desk.wait_state("[data-state='offline']")
    desk.kill()
    desk.replies = "given"
    desk.open()


def signed_out(desk: Desk) -> None:
    from django.contrib.auth import get_user_model
    from django.contrib.sessions.models import Session

    account = str(get_user_model().objects.get(username=desk.name).pk)
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == account:
            session.delete()
    desk.draw()
    desk.draw()
    desk.wait_state("[data-problem='sign_in']")
    other = desk.context.new_page()
    desk.sign_in(other)
    other.close()
    desk.page.bring_to_front()
    desk.wait_saved()


def changed_elsewhere(desk: Desk) -> None:
    desk.draw()
    desk.wait_saved()
    desk.save_elsewhere()
    desk.draw()
    desk.page.wait_for_selector("dialog.merge[open]")
    desk.settle()
    desk.wait_saved()


def busy(desk: Desk) -> None:
    desk.replies = "busy"
    desk.draw()
    desk.draw()
    desk.page.wait_for_timeout(2_500)
    desk.replies = "given"


def answers_lost(desk: Desk) -> None:
    before = desk.lost_replies
    desk.replies = "lost"
    desk.draw()
    while desk.lost_replies == before:
        desk.page.wait_for_timeout(100)
    desk.draw()
    desk.replies = "given"


def offline(desk: Desk) -> None:
    from django.db.models import F

    from annotation.models import Lease

    desk.context.set_offline(True)
    desk.draw()
    desk.page.clock.fast_forward("10:00")
    Lease.objects.filter(tile_id=int(desk.tile)).update(expires_at=F("expires_at") - timedelta(minutes=10))
    desk.draw()
    desk.context.set_offline(False)
    desk.wait_saved()


def full(desk: Desk) -> None:
    """The quota is full from the browser's start: Chromium would otherwise count on room it saw earlier."""
    desk.wait_saved()
    desk.kill()
    desk.open(quota=1)
    refusal = desk.page.evaluate(PROBE)
    assert refusal == "QuotaExceededError", f"the browser is not full: {refusal}"
    desk.draw()
    desk.draw()
    desk.wait_saved()
    desk.set_quota(None)


def second_tab(desk: Desk) -> None:
    desk.draw()
    first = desk.page
    second = desk.context.new_page()
    second.goto(f"/campaigns/chaos/studio/?tile={desk.tile}")
    second.click("[data-testid='go-on-here']")
    second.wait_for_selector("[data-testid='go-on-here']", state="detached")
    first.wait_for_selector("[data-testid='go-on-here']", state="attached")
    second.wait_for_selector("#studio[data-ready='true']")
    desk.page = second
    second.click("[data-testid='tool-rectangle']")
    desk.draw()
    first.close(run_before_unload=False)


FAULTS = (
    killed, killed_while_refused, signed_out, changed_elsewhere, busy, answers_lost, offline, full, second_tab,
)  # fmt: skip
LONGEST = 2  # shapes that a fault draws itself


def repeat(desk: Desk, shapes: int) -> None:
    """Draw all shapes, each fault at a random moment of its own stretch, and submit."""
    faults = desk.rng.sample(FAULTS, len(FAULTS))
    desk.open()
    for number, fault in enumerate(faults, start=1):
        end = shapes * number // len(faults)
        while len(desk.drawn) < end - LONGEST and desk.rng.random() < 0.7:
            desk.draw()
        fault(desk)
        while len(desk.drawn) < end:
            desk.draw()
    desk.submit()


def compare(desk: Desk) -> tuple[list[Ring], int, bool]:
    """What of the work is not on the server, how much is there twice or altered, and whether it was handed in."""
    from annotation.models import Annotation

    annotation = Annotation.objects.select_related("head").filter(tile_id=int(desk.tile)).first()
    features = annotation.head.features if annotation and annotation.head else []
    stored = Counter(frozenset((x, y) for x, y in feature["rings"][0]) for feature in features)
    wanted = [*desk.drawn, *desk.elsewhere]
    surplus = sum(stored.values()) - sum(1 for ring in wanted if stored[ring])
    return [ring for ring in wanted if not stored[ring]], surplus, bool(annotation and annotation.state == "submitted")


def one(url: str, name: str, program: str, *, shapes: int, seed: int) -> dict[str, Any]:
    """One repeat, from sign-in to the comparison, in a thread of its own."""
    import scenes
    from django.db import connection
    from playwright.sync_api import sync_playwright

    try:
        scenes.person(name)
        with sync_playwright() as playwright:
            return _one(playwright, url, name, program, shapes=shapes, seed=seed)
    finally:
        connection.close()


def _one(playwright: Any, url: str, name: str, program: str, *, shapes: int, seed: int) -> dict[str, Any]:
    desk = Desk(playwright, url, name, program, random.Random(seed))  # noqa: S311 a scenario, not a secret
    failure = ""
    started = time.monotonic()
    try:
        repeat(desk, shapes)
    except Exception as error:
        # A shape that never showed, or a save that never came, is a finding: what is on the server is compared still.
        failure = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        traceback.print_exc()
    finally:
        if desk.context:
            desk.kill()
        shutil.rmtree(desk.profile, ignore_errors=True)
    lost, duplicated, submitted = compare(desk)
    missing_elsewhere = sum(1 for ring in desk.elsewhere if ring in lost)
    figures = {
        "drawn": len(desk.drawn), "stored": len(desk.drawn) - (len(lost) - missing_elsewhere),
        "elsewhere": len(desk.elsewhere), "lost": len(lost), "duplicated": duplicated, "submitted": submitted,
        "failure": failure, "seconds": round(time.monotonic() - started, 1),
    }  # fmt: skip
    print(f"{name}: {json.dumps(figures)}", flush=True)
    return figures


def planted(program: str, options: argparse.Namespace) -> bool:
    """Whether the faulty build is caught losing work."""
    with site(build("planted", "--config", "bench/chaos-fault.config.ts")) as url:
        for i in range(PLANTED_REPEATS):
            found = one(url, f"planted-{i}", program, shapes=FEWEST, seed=options.seed * 1000 + i)
            if found["lost"] > 0:
                return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--shapes", type=int, default=50, help="on each tile, 18 to 60")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="repeats at a time")
    options = parser.parse_args()
    if not FEWEST <= options.shapes <= 60:
        parser.error(f"--shapes is from {FEWEST} (each fault needs two) to 60 (the tile has room for no more)")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("No Chromium on this machine: `make test` installs it, or set CHROMIUM to its path.")
    with database():
        open_campaign()
        with site(build("product")) as url, ThreadPoolExecutor(options.jobs) as pool:
            waiting = [
                pool.submit(one, url, f"person-{i}", program, shapes=options.shapes, seed=options.seed * 1000 + i)
                for i in range(options.repeats)
            ]
            rows = [row.result() for row in waiting]
        caught = planted(program, options)
    shutil.rmtree(os.environ["SOLCOMMUN_TEST_DATA_DIR"], ignore_errors=True)
    totals = {name: sum(row[name] for row in rows) for name in ("drawn", "stored", "elsewhere", "lost", "duplicated")}
    unfinished = sum(1 for row in rows if row["failure"] or not row["submitted"])
    asked = options.repeats * options.shapes
    print("FIGURES " + json.dumps({**totals, "unfinished": unfinished, "planted_fault_caught": caught}))
    if totals["drawn"] != asked or totals["lost"] or totals["duplicated"] or unfinished or not caught:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
