"""Fifty shapes drawn by the real mouse while everything goes wrong; then: is each of them on the server, once?

    python bench/chaos_studio.py [--repeats 20] [--shapes 50] [--seed 1] [--jobs 2]

Each repeat draws on one tile in a real Chromium with its own profile, against the real site and PostgreSQL, and meets
at random moments: the whole browser killed with SIGKILL right after a shape showed as drawn, and again while the server
refuses; an expired session; a revision saved elsewhere; 503 answers; answers lost after the server had stored; ten
minutes without network; a full disk quota; a second tab that takes over. After a kill the studio is opened once by the
tile's address and once by its own, which must give the same tile. The ten minutes without network are not waited for:
the page's clock is put forward by ten minutes (Playwright's fast_forward runs the timers that fall due), and the lease
on the server is made ten minutes older, which comes to the same for both sides; the network is off for seconds.

While each fault is on, shapes are changed as well as drawn: another class, a corner dragged, a hole cut, a shape
deleted, an undo. What must be stored in the end is known exactly, class and all rings: a shape in any other state is
lost, and so is the deletion of a shape that is still there. The shapes that are deleted are drawn for that and counted
nowhere else, so that `drawn` is what was asked for.

Afterwards a short scenario on a studio with a fault planted at build time (the browser's copy deleted before the
acknowledgement), which this must catch: two shapes are drawn while the server refuses, the browser is killed once a
save was refused, two more are drawn and the tile is handed in. Caught means: just the first two are lost, the others
are stored, and nothing else went wrong; and the same scenario on the real studio loses nothing.

Once, the browser dies with unsent shapes, the lease lapses, somebody else gets the tile, and the studio is opened again
on another one: the shapes must come to the first tile all the same (LEFT BEHIND).

After the repeats, one person for each answers on the checking page: without network and killed, killed at once, signed
out, 503, answers lost, two tabs. Each answer must be stored once. The edits and these answers have lines of their own,
EDITS and CHECKING. The last line is FIGURES and a JSON object, of the shapes of the repeats alone.
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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar

from _chaos_site import SLUG, build, database, open_campaign, prepare_environment, site

prepare_environment()

import _chaos_checking as checking  # noqa: E402 their scenes load Django
from _chaos_browser import Browser  # noqa: E402
from _chaos_desk import EDITS, PROBE, Desk  # noqa: E402

FEWEST, MOST = 18, 60  # shapes: each fault draws up to two, and a tile has room for so many
LEFT = "left behind"
DOOMED = "refused, then killed"
SPARE = 3  # shapes drawn to be deleted
AnyBrowser = TypeVar("AnyBrowser", bound=Browser)


def killed(desk: Desk) -> None:
    """Then the last edit is undone, which the browser must know of."""
    desk.draw()
    desk.edit()
    desk.relabel()
    desk.kill()
    desk.open(by_tile=False)
    desk.take_back()


def killed_while_refused(desk: Desk) -> None:
    """The save has been tried and refused when the browser dies."""
    desk.wait_saved()
    desk.replies = "busy"
    desk.draw()
    desk.edit()
    desk.wait_state("[data-state='offline']")
    desk.kill()
    desk.replies = "given"
    desk.open()


def signed_out(desk: Desk) -> None:
    desk.expire_session()
    desk.draw()
    desk.edit()
    desk.draw()
    desk.wait_state("[data-problem='sign_in']")
    desk.sign_in_beside()
    desk.wait_saved()


def changed_elsewhere(desk: Desk) -> None:
    """Saves are held back until both sides have gone on."""
    desk.draw()
    desk.wait_saved()
    desk.replies = "busy"
    desk.save_elsewhere()
    desk.edit()
    desk.draw()
    desk.replies = "given"
    desk.page.wait_for_selector("dialog.merge[open]")
    desk.settle()
    desk.wait_saved()


def busy(desk: Desk) -> None:
    desk.replies = "busy"
    desk.draw()
    desk.edit()
    desk.draw()
    desk.page.wait_for_timeout(2_500)
    desk.replies = "given"


def answers_lost(desk: Desk) -> None:
    before = desk.lost_replies
    desk.replies = "lost"
    desk.draw()
    desk.wait_for_lost_reply(before)
    desk.edit()
    desk.draw()
    desk.replies = "given"


def offline(desk: Desk) -> None:
    from django.db.models import F

    from annotation.models import Lease

    desk.context.set_offline(True)
    desk.draw()
    desk.edit()
    desk.page.clock.fast_forward("10:00")
    Lease.objects.filter(tile_id=int(desk.tile)).update(expires_at=F("expires_at") - timedelta(minutes=10))
    desk.edit()
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
    desk.edit()
    desk.draw()
    desk.wait_saved()
    desk.set_quota(None)


def second_tab(desk: Desk) -> None:
    desk.draw()
    first = desk.page
    second = desk.context.new_page()
    second.goto(f"/campaigns/{SLUG}/studio/?tile={desk.tile}")
    second.click("[data-testid='go-on-here']")
    second.wait_for_selector("[data-testid='go-on-here']", state="detached")
    first.wait_for_selector("[data-testid='go-on-here']", state="attached")
    second.wait_for_selector("#studio[data-ready='true']")
    desk.take_up(second)
    desk.edit()
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
    for _ in range(SPARE):
        desk.draw("extra")
    for number, fault in enumerate(faults, start=1):
        end = shapes * number // len(faults)
        while len(desk.drawn) < end - LONGEST and desk.rng.random() < 0.7:
            desk.draw()
        desk.during = fault.__name__
        fault(desk)
        desk.during = ""
        while len(desk.drawn) < end:
            desk.draw()
    desk.submit()


def refused_then_killed(desk: Desk) -> None:
    """Only what the planted fault is about: nobody but this browser has the first two shapes when it dies."""
    desk.open()
    desk.replies = "busy"
    desk.during = DOOMED
    for _ in range(2):
        desk.draw()
    desk.wait_for_refusal()
    desk.kill()
    desk.during, desk.replies = "", "given"
    desk.open(by_tile=False)
    for _ in range(2):
        desk.draw()
    desk.submit()


def left_behind(desk: Desk) -> None:
    """Work that only this browser has, on a tile that is somebody else's when the studio is opened again."""
    desk.open()
    desk.replies = "busy"
    desk.during = LEFT
    for _ in range(2):
        desk.draw()
    desk.wait_for_refusal()
    desk.kill()
    desk.during, desk.replies = "", "given"
    desk.lose_lease()
    assert desk.open_any() != desk.tile, "the studio gave the tile that is somebody else's"
    for _ in range(300):
        if not desk.compare()[0].lost:
            return
        desk.page.wait_for_timeout(100)


def told(browser: Browser, work: Callable[[], None]) -> str:
    """Does it and kills the browser; what went wrong, if anything did: what is on the server is compared still."""
    try:
        work()
    except Exception as error:
        # A shape that never showed, or a save that never came, is a finding.
        traceback.print_exc()
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        if browser.context:
            browser.kill()
        shutil.rmtree(browser.profile, ignore_errors=True)
    return ""


def as_person(
    kind: type[AnyBrowser],
    url: str,
    name: str,
    *,
    program: str,
    seed: int,
    work: Callable[[AnyBrowser], dict[str, Any]],
) -> dict[str, Any]:
    """One person's part, from sign-in to the comparison, in a thread of its own; prints its figures."""
    import scenes
    from django.db import connection
    from playwright.sync_api import sync_playwright

    started = time.monotonic()
    try:
        scenes.person(name)
        with sync_playwright() as playwright:
            rng = random.Random(seed)  # noqa: S311 a scenario, not a secret
            figures = work(kind(playwright, url, name, program, rng))
    finally:
        connection.close()
    print(f"{name}: {json.dumps(figures | {'seconds': round(time.monotonic() - started, 1)})}", flush=True)
    return figures


def draw_all(desk: Desk, scenario: Callable[[Desk], None]) -> dict[str, Any]:
    """One repeat, and its comparison."""
    failure = told(desk, lambda: scenario(desk))
    found, submitted = desk.compare()
    lost = Counter(piece.kind for piece in found.lost)
    return {
        "drawn": len(desk.drawn), "stored": len(desk.drawn) - lost["drawn"],
        "elsewhere": sum(1 for piece in desk.pieces if piece.kind == "elsewhere"), "lost": len(found.lost),
        "duplicated": found.surplus, "submitted": submitted, "edits": dict(desk.edits),
        "lost_during": [piece.during for piece in found.lost], "wrong": found.words(), "failure": failure,
    }  # fmt: skip


def check_all(checker: checking.Checker) -> dict[str, Any]:
    """One person's answers, and their comparison."""
    failure = told(checker, lambda: checking.check(checker))
    return {**checker.compare(), "failure": failure}


def is_doomed_alone_lost(row: dict[str, Any]) -> bool:
    """Whether the planted fault did what it must, and nothing else went wrong."""
    return bool(
        not row["failure"] and row["submitted"] and row["lost_during"] == [DOOMED] * 2
        and row["stored"] == row["drawn"] - 2 and not row["duplicated"]
    )  # fmt: skip


def is_whole(row: dict[str, Any]) -> bool:
    """Whether all that was done is stored, and the tile handed in."""
    return bool(not row["failure"] and row["submitted"] and not row["lost"] and not row["duplicated"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--shapes", type=int, default=50, help=f"on each tile, {FEWEST} to {MOST}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="repeats at a time")
    options = parser.parse_args()
    if not FEWEST <= options.shapes <= MOST:
        parser.error(f"--shapes is from {FEWEST} (each fault needs two) to {MOST} (the tile has room for no more)")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise SystemExit("No Chromium on this machine: `make test` installs it, or set CHROMIUM to its path.")

    def drawing(url: str, name: str, seed: int, scenario: Callable[[Desk], None]) -> dict[str, Any]:
        return as_person(Desk, url, name, program=program, seed=seed, work=lambda desk: draw_all(desk, scenario))

    def answering(url: str, name: str, seed: int) -> dict[str, Any]:
        return as_person(checking.Checker, url, name, program=program, seed=seed, work=check_all)

    seeds = [options.seed * 1000 + i for i in range(options.repeats)]
    with database():
        checking.open_campaign(open_campaign())
        with site(build("product")) as url, ThreadPoolExecutor(options.jobs) as pool:
            drawn = [
                pool.submit(drawing, url, f"person-{i}", seed, lambda desk: repeat(desk, options.shapes))
                for i, seed in enumerate(seeds)
            ]
            checked = [pool.submit(answering, url, f"checker-{i}", seed) for i, seed in enumerate(seeds)]
            rows, answers = ([one.result() for one in waiting] for waiting in (drawn, checked))
            left = drawing(url, "left", options.seed, left_behind)
            real = drawing(url, "not-planted", options.seed, refused_then_killed)
        with site(build("planted", "--config", "bench/chaos-fault.config.ts")) as url:
            planted = drawing(url, "planted", options.seed, refused_then_killed)
    shutil.rmtree(os.environ["SOLCOMMUN_TEST_DATA_DIR"], ignore_errors=True)
    raise SystemExit(
        report(rows, answers, left=left, real=real, planted=planted, asked=options.repeats * options.shapes)
    )


def report(
    rows: list[dict[str, Any]],
    answers: list[dict[str, Any]],
    *,
    left: dict[str, Any],
    real: dict[str, Any],
    planted: dict[str, Any],
    asked: int,
) -> int:
    """Print the totals; 0 when all is as it must be."""
    edits = {kind: sum(row["edits"].get(kind, 0) for row in rows) for kind in EDITS}
    answered = {name: sum(row[name] for row in answers) for name in ("answered", "stored", "lost", "duplicated")}
    answered["unfinished"] = sum(1 for row in answers if row["failure"])
    totals = {name: sum(row[name] for row in rows) for name in ("drawn", "stored", "elsewhere", "lost", "duplicated")}
    unfinished = sum(1 for row in rows if row["failure"] or not row["submitted"])
    caught = is_doomed_alone_lost(planted) and is_whole(real)
    print("EDITS " + json.dumps(edits))
    print("CHECKING " + json.dumps(answered))
    print("LEFT BEHIND " + json.dumps({name: left[name] for name in ("drawn", "stored", "lost", "duplicated")}))
    print("FIGURES " + json.dumps({**totals, "unfinished": unfinished, "planted_fault_caught": caught}))
    is_well = (
        totals["drawn"] == asked and all(is_whole(row) for row in rows) and caught
        and all(row["edits"].get(kind) for row in rows for kind in EDITS)
        and is_whole(left | {"submitted": True}) and answered["stored"] == answered["answered"] > 0
        and not (answered["lost"] or answered["duplicated"] or answered["unfinished"])
    )  # fmt: skip
    return 0 if is_well else 1


if __name__ == "__main__":
    main()
