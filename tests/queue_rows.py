"""Ranked rounds and people at work on them, for tests of the queue."""

from __future__ import annotations

import threading
import time
import uuid
from typing import Any

import scenes
from django.db import connection, connections

from annotation.models import Annotation, Tile
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.tiles import pool_mask


def pool_places(campaign: Any, count: int) -> list[tuple[int, int]]:
    mask = pool_mask(campaign)
    places = [(row, col) for row in range(campaign.n_rows) for col in range(campaign.n_cols) if mask[row, col]]
    return places[:count]


def hand_in(tile: Tile, someone: Any) -> Annotation:
    """One area saved and submitted."""
    square = scenes.square(scenes.TWO_CLASSES[0], 0, 0, 10)
    saved = save_annotation(
        tile=tile, annotator=someone, features=[square], operation_id=uuid.uuid4(), expected_version=0
    )
    submit_annotation(tile=tile, annotator=someone, operation_id=uuid.uuid4(), expected_version=1)
    saved.annotation.refresh_from_db()
    return saved.annotation


def at_once(*actions: Any) -> list[str]:
    """Run each action in a thread of its own, all begun together; returns what they raised."""
    failures: list[str] = []
    gate = threading.Barrier(len(actions))

    def run(action: Any) -> None:
        try:
            gate.wait(timeout=30)
            action()
        except BaseException as error:
            failures.append(f"{type(error).__name__}: {error}")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=90)
    failures += ["Timeout: still waiting after 90 s" for thread in threads if thread.is_alive()]
    return failures


def until_somebody_waits(holds: threading.Event, waits: threading.Event) -> None:
    """Once somebody `holds` locks, say that another one `waits` for them; after a while in any case."""
    assert holds.wait(30)
    for _ in range(300):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND "
                "pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
            )
            if cursor.fetchone()[0]:
                break
        time.sleep(0.05)
    waits.set()


def scored_round(campaign: Any, count: int) -> list[tuple[int, int]]:
    """A round of `count` tiles whose scores fall with their rank; returns their places, best first."""
    places = pool_places(campaign, count)
    assert len(places) == count
    open_queue_round(
        campaign=campaign,
        function="entropy",
        model_version="m1",
        control_share=0.0,
        tickets=[
            QueuedTile(row=row, col=col, kind="uncertainty", score=1.0 - position / count)
            for position, (row, col) in enumerate(places)
        ],
    )
    return places
