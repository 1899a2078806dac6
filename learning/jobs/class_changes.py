"""A change of a campaign's classes, or the way back: one transaction, so that a worker that dies leaves nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection

from annotation.jobs.registry import job
from annotation.models import ClassChange
from annotation.services.class_changes import apply_change, no_fault
from annotation.services.jobs import JobContext
from learning.services.class_changes import KIND, take_back

TOLD_EVERY_S = 1.0
faultpoint: Callable[[str], None] = no_fault


class Teller:
    """Writes progress over a connection of its own: the one that migrates shows nothing before it is done."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._said = (0.0, "")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="tell-progress", daemon=True)

    def __enter__(self) -> Teller:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join(timeout=10)

    def __call__(self, share: float, message: str) -> None:
        """Note how far it is. Raises: JobCancelled, JobLost, which undo all of it."""
        self._said = (share, message)
        if self._context.should_stop():
            self._context.progress(share)

    def _tell(self) -> None:
        told = None
        try:
            while not self._ended.wait(TOLD_EVERY_S):
                if told != self._said:
                    told = share, message = self._said
                    self._context.renew(progress=min(share, 0.99), message=message[:300])
        finally:
            connection.close()


@job(KIND)
def change_classes(context: JobContext) -> dict[str, Any]:
    """Apply a planned change or take one back; delivered twice, it happens once."""
    payload = context.payload
    actor = get_user_model().objects.filter(pk=payload["actor"]).first() if payload["actor"] else None
    with Teller(context) as tell:
        if payload["reverse"]:
            change = ClassChange.objects.select_related("campaign").get(pk=payload["change"])
            change = take_back(change=change, actor=actor, progress=tell, faultpoint=faultpoint)
        else:
            change = apply_change(change_id=payload["change"], actor=actor, progress=tell, faultpoint=faultpoint)
    return {"change": change.pk, "state": change.state}
