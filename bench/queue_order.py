"""Whether the queue keeps its promises under a crowd, and whether the check would see it if it did not.

    python bench/queue_order.py [--people 64] [--tiles 2000] [--redundancy 3]

Boots by itself: a database of its own in the running PostgreSQL. Each person is a thread with a connection of its own
who claims, works and hands in until nothing is left; 5 % of the claims are skipped, 3 % end in silence, 10 % are
delivered twice, and so is every submission. Then the same with the claim replaced by one that looks first and takes
afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
os.environ["DJANGO_SETTINGS_MODULE"] = "_next_tile_settings"

from _next_tile_world import database  # noqa: E402 (the path must be set first)

PLANTED_PEOPLE, PLANTED_TILES, PLANTED_REDUNDANCY = 32, 100, 2


def main() -> None:
    """Run both, print what was seen and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=64)
    parser.add_argument("--tiles", type=int, default=2000)
    parser.add_argument("--redundancy", type=int, default=3)
    arguments = parser.parse_args()
    with database():
        from queue_crowd import Crowd, Ticket, crowd, look_only, open_slots, promises

        from annotation.services import queue

        def run(seen: Crowd, redundancy: int):  # type: ignore[no-untyped-def]
            slots, before = open_slots(), time.monotonic()
            seen.run()
            found = promises(seen, slots, redundancy=redundancy)
            print(f"{len(seen.people)} people, {len(seen.grants):,} claims, {seen.unanswered} not answered,", end=" ")
            failures, told = found.failures, replace(found, failures=())
            print(f"{time.monotonic() - before:.0f} s\n  {told}", flush=True)
            print(f"  {len(failures)} failures{': ' + failures[0][:80] if failures else ''}", flush=True)
            Ticket.objects.all().update(state="void")
            return found

        kept = run(
            crowd(people=arguments.people, tiles=arguments.tiles, redundancy=arguments.redundancy), arguments.redundancy
        )
        broken = kept.broken(redundancy=arguments.redundancy, people=arguments.people)
        queue._next_ticket = look_only
        planted = run(
            crowd(people=PLANTED_PEOPLE, tiles=PLANTED_TILES, redundancy=PLANTED_REDUNDANCY, name="planted"),
            PLANTED_REDUNDANCY,
        )
        caught = planted.broken(redundancy=PLANTED_REDUNDANCY, people=PLANTED_PEOPLE)
    print(f"broken: {broken or 'nothing'}; with the planted fault: {caught or 'nothing'}")
    figures = {
        "most_on_a_tile": kept.most_on_a_tile, "repeats": kept.repeats, "unfinished": kept.unfinished,
        "least_tau": kept.least_tau, "most_passed_over": kept.most_passed_over, "planted_fault_caught": bool(caught),
    }  # fmt: skip
    print("FIGURES " + json.dumps(figures))
    sys.exit(bool(broken) or not caught)


if __name__ == "__main__":
    main()
