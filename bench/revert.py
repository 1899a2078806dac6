"""How long it takes to set hostile accounts' work aside, and whether what is trusted then equals a twin never attacked.

    python bench/revert.py [--accounts 24] [--edits 740] [--seed 1]

Boots by itself: a database of its own in the running PostgreSQL. Two campaigns with the same tiles and the same honest
work: in one, hostile accounts worked in between, three people a tile. Of a hostile account's edits four in five are
labels (most of them accepted by a reviewer who was fooled), some are answers on a model's drawing, some are reviews of
honest people's labels. Rows are written in bulk, as the services write them; what is timed is the real `revert_user`,
one account after the other, each after a dry run.

    revert_s        all accounts, one after the other
    slowest_s       the slowest of them
    dry_run_equal   each dry run listed what its run then did
    twin_equal      labels, what waits, what was sent back, agreed polygons, tile states and tickets equal the twin's
    undo_equal      all undone, the attacked campaign is what it was

Exit status 1 when one of the three does not hold, or when it took five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import uuid
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / name) for name in ("platform", "tests", "bench", ".")]
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
os.environ.setdefault("SOLCOMMUN_TEST_DATA_DIR", tempfile.mkdtemp(prefix="solcommun-revert-"))

from _next_tile_world import database  # noqa: E402 (the path must be set first)

TILE_PX = 64
LONGEST_S = 300
VERDICT_SHARE, REVIEW_SHARE = 0.14, 0.06  # of a hostile account's edits; the rest are labels
MODEL = "m1"


class World:
    """One campaign with honest work, and in `attacked` the hostile work in between."""

    def __init__(self, slug: str, people: dict[str, list[Any]], options: argparse.Namespace, *, attacked: bool) -> None:
        import scenes

        self.people, self.attacked, self.options = people, attacked, options
        self.rng = np.random.default_rng(options.seed)
        self.labels_each = round(options.edits * (1 - VERDICT_SHARE - REVIEW_SHARE))
        self.n_tiles = self.labels_each * options.accounts // 2  # two of three people on a tile are hostile
        side = int((self.n_tiles * 1.6) ** 0.5) + 12
        layer = scenes.virtual_layer(f"layer-{slug}", width=side * TILE_PX, height=side * TILE_PX)
        self.campaign = scenes.campaign(
            slug, layer=layer, tile_px=TILE_PX, redundancy=3, first_round=1, seed=1, holdout_share=0.05
        )
        self.tiles = self._tiles()
        self.round = self.campaign.rounds.get()
        self._write()

    def _tiles(self) -> list[Any]:
        from annotation.services.tiles import materialise_tiles, pool_mask

        places = [(int(row), int(col)) for row, col in np.argwhere(pool_mask(self.campaign))[: self.n_tiles]]
        assert len(places) == self.n_tiles, "the layer is too small"
        found = materialise_tiles(campaign=self.campaign, places=places)
        return [found[place] for place in places]

    def _write(self) -> None:
        """Every edit in a random order, the same in both campaigns but for the hostile ones."""
        from django.db import transaction

        from annotation.models import Ticket
        from annotation.services.tiles import refresh_tile_states

        Ticket.objects.filter(campaign=self.campaign).delete()
        edits = self._edits()
        chosen = [edit for edit in edits if self.attacked or not edit["hostile"]]
        self._write_labels([edit for edit in chosen if edit["what"] == "label"])
        self._write_verdicts([edit for edit in chosen if edit["what"] == "verdict"])
        with transaction.atomic():
            refresh_tile_states([tile.pk for tile in self.tiles])

    def _edits(self) -> list[dict[str, Any]]:
        honest, hostile = self.people["honest"], self.people["hostile"]
        edits: list[dict[str, Any]] = []
        for nth, tile in enumerate(self.tiles):
            slots = self.rng.permutation(3)
            trio = [hostile[2 * nth % len(hostile)], hostile[(2 * nth + 1) % len(hostile)], honest[nth % len(honest)]]
            for who, slot in zip(trio, slots, strict=True):
                said, chance = ["accept", "send_back", ""], [0.7, 0.1, 0.2]
                edits.append(
                    {
                        "what": "label", "tile": tile, "who": who, "slot": int(slot), "hostile": who in hostile,
                        "verdict": str(self.rng.choice(said, p=chance)), "reviewer": self.people["reviewer"][0],
                    }
                )  # fmt: skip
        self._hand_reviews_to_hostile(edits)
        verdicts = round(self.options.edits * VERDICT_SHARE)
        for who in [*honest, *hostile]:
            for tile in self.rng.choice(len(self.tiles), size=verdicts, replace=False):
                edits.append(
                    {
                        "what": "verdict", "tile": self.tiles[int(tile)], "who": who, "hostile": who in hostile,
                        "agree": bool(self.rng.random() < (0.3 if who in hostile else 0.9)),
                    }
                )  # fmt: skip
        return [edits[int(nth)] for nth in self.rng.permutation(len(edits))]

    def _hand_reviews_to_hostile(self, edits: list[dict[str, Any]]) -> None:
        """Some honest labels are judged by hostile accounts; in the twin nobody has judged those yet."""
        each = round(self.options.edits * REVIEW_SHARE)
        waiting = [edit for edit in edits if not edit["hostile"]]
        order = self.rng.permutation(len(waiting))[: each * len(self.people["hostile"])]
        for nth, position in enumerate(order):
            edit = waiting[int(position)]
            edit["reviewer"] = self.people["hostile"][nth % len(self.people["hostile"])]
            edit["verdict"] = ("accept" if nth % 2 else "send_back") if self.attacked else ""

    def _write_labels(self, edits: list[dict[str, Any]]) -> None:
        from django.utils import timezone

        from annotation.models import Annotation, AnnotationRevision, Lease, Review, Ticket
        from annotation.services.annotations import canonical_sha256

        now = timezone.now()
        ranks = count()
        tickets, leases, annotations, revisions, reviews = [], [], [], [], []
        states = {"accept": "accepted", "send_back": "sent_back", "": "submitted"}
        for edit in edits:
            tile, who = edit["tile"], edit["who"]
            ticket = Ticket(
                campaign=self.campaign, round=self.round, rank=next(ranks), tile=tile, slot=edit["slot"], slots=3,
                kind="uncertainty", state="done",
            )  # fmt: skip
            tickets.append(ticket)
            leases.append(Lease(tile=tile, annotator=who, ticket=ticket, state="done", granted_at=now, expires_at=now))
            annotation = Annotation(
                tile=tile, annotator=who, state="draft", submitted_at=now,
                decided_at=now + timedelta(seconds=1) if edit["verdict"] else None,
            )  # fmt: skip
            annotation.wanted = states[edit["verdict"]]  # type: ignore[attr-defined]
            annotations.append(annotation)
            features = [{"id": "f1", "class_code": "CS2.2.1", "rings": [[[0, 0], [8 * edit["slot"] + 8, 0], [0, 8]]]}]
            revision = AnnotationRevision(
                annotation=annotation, number=1, author=who, features=features, sha256=canonical_sha256(features),
                licence="etalab-2.0",
            )  # fmt: skip
            revisions.append(revision)
            if edit["verdict"]:
                reviews.append(
                    Review(
                        annotation=annotation, revision=revision, author=who, reviewer=edit["reviewer"],
                        verdict=edit["verdict"], reason="class" if edit["verdict"] == "send_back" else "",
                    )
                )  # fmt: skip
        for model, rows in (
            (Ticket, tickets), (Lease, leases), (Annotation, annotations), (AnnotationRevision, revisions),
            (Review, reviews),
        ):  # fmt: skip
            model.objects.bulk_create(rows, batch_size=2_000)
        for annotation, revision in zip(annotations, revisions, strict=True):
            annotation.head, annotation.version, annotation.state = revision, 1, annotation.wanted
        Annotation.objects.bulk_update(annotations, ["head", "version", "state"], batch_size=1_000)

    def _write_verdicts(self, edits: list[dict[str, Any]]) -> None:
        from annotation.models import Validation, ValidationBatch
        from annotation.services.validations import outline_sha256

        rings = [[[0, 0], [64, 0], [64, 64], [0, 64]]]
        batches, rows = [], []
        for edit in edits:
            batch = ValidationBatch(
                id=uuid.uuid4(), tile=edit["tile"], annotator=edit["who"], model_version=MODEL, finished=True,
                answer={"stored": 3, "remaining": 0},
            )  # fmt: skip
            batches.append(batch)
            rows += [
                Validation(
                    batch=batch, tile=edit["tile"], annotator=edit["who"], model_version=MODEL,
                    feature_id=f"region-{nth}", shown_class="CS2.2.1", rings=rings, shown_sha256=outline_sha256(rings),
                    confidence=0.5,
                    verdict="agree" if edit["agree"] else "disagree", class_code="CS2.2.1" if edit["agree"] else "",
                    seconds=1.0, licence="etalab-2.0",
                )
                for nth in range(3)
            ]  # fmt: skip
        ValidationBatch.objects.bulk_create(batches, batch_size=2_000)
        Validation.objects.bulk_create(rows, batch_size=2_000)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Build both campaigns, revert, compare, undo, compare."""
    import scenes
    from trust_rows import trusted_state

    from annotation.services.people import set_role
    from annotation.services.reverts import revert_user, undo_revert

    people = {
        "hostile": [scenes.person(f"hostile-{nth}") for nth in range(options.accounts)],
        "honest": [scenes.person(f"honest-{nth}") for nth in range(options.accounts)],
        "reviewer": [scenes.person("reviewer")],
    }
    attacked = World("attacked", people, options, attacked=True)
    twin = World("twin", people, options, attacked=False)
    for who in [*people["hostile"], *people["reviewer"]]:
        set_role(campaign=attacked.campaign, user=who, role="reviewer")
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    before, wanted = trusted_state(attacked.campaign), trusted_state(twin.campaign)
    times, dry_times, things, same = [], [], 0, True
    reverts = []
    for account in people["hostile"]:
        begun = time.perf_counter()
        dry = revert_user(account=account, actor=None, reason="bench", dry_run=True)
        dry_times.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        done = revert_user(account=account, actor=None, reason="bench")
        times.append(time.perf_counter() - begun)
        same &= dry.lines == done.lines
        things += len(done.lines)
        reverts.append(done.revert)
    after = trusted_state(attacked.campaign)
    for revert in reverts:
        undo_revert(revert_id=revert.pk, actor=None, reason="bench")
    undone = trusted_state(attacked.campaign)
    return {
        "times": times, "dry_times": dry_times, "things": things, "dry_run_equal": same,
        "twin_equal": after == wanted and before != wanted, "undo_equal": undone == before,
        "differs": [part for part in wanted if after[part] != wanted[part]],
        "sizes": {part: len(wanted[part]) for part in wanted},
    }  # fmt: skip


def main() -> int:
    """Measure, print the table and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=24)
    parser.add_argument("--edits", type=int, default=740)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with database():
        found = measure(options)
    times = sorted(found["times"])
    print(f"{options.accounts} accounts, {options.edits} edits each: {found['things']} things set aside")
    print(f"{'':>24}{'all':>9}{'median':>9}{'slowest':>9}  (s)")
    for name, values in (("dry runs", sorted(found["dry_times"])), ("reverts", times)):
        print(f"{name:>24}{sum(values):9.2f}{values[len(values) // 2]:9.3f}{values[-1]:9.3f}")
    print("trusted in the twin: " + ", ".join(f"{number} {part}" for part, number in found["sizes"].items()))
    if found["differs"]:
        print("differs from the twin in: " + ", ".join(found["differs"]))
    figures = {
        "revert_s": round(sum(times), 2), "slowest_s": round(times[-1], 3), "things": found["things"],
        "dry_run_equal": found["dry_run_equal"], "twin_equal": found["twin_equal"], "undo_equal": found["undo_equal"],
    }  # fmt: skip
    print("FIGURES " + json.dumps(figures))
    holds = all(found[name] for name in ("dry_run_equal", "twin_equal", "undo_equal"))
    return 0 if holds and sum(times) < LONGEST_S else 1


if __name__ == "__main__":
    raise SystemExit(main())
