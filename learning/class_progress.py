"""How far a change of classes is, in words: also where its worker is no more, and what to do then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.utils.translation import gettext as _

from annotation.models import ClassChange, Job
from annotation.services.clock import database_now
from learning.services.class_changes import KIND

LONG_WAIT = timedelta(minutes=2)
SOON_S, LATER_S = 3, 20  # between two looks of the page


@dataclass(frozen=True, slots=True)
class Told:
    """What a page says of a change under way, or of one that ended early.

    Args:
        words: a sentence or two. share: 0 to 1 while a worker is at it, else None.
        said: the worker's own words, in English; for whoever runs the platform.
        again_s: seconds until the page looks again; 0: it does not.
        may_start: whether it can be started once more.
    """

    words: str
    share: float | None = None
    said: str = ""
    again_s: int = 0
    may_start: bool = False


def told_of(change: ClassChange) -> Told | None:
    """What to say of a change's latest job; None where it ended as it should."""
    job = Job.objects.filter(kind=KIND, payload__change=change.pk).order_by("-created_at").first()
    if job is None or job.state == Job.State.SUCCEEDED:
        return None
    is_done = change.state == (ClassChange.State.REVERSED if job.payload["reverse"] else ClassChange.State.APPLIED)
    if job.is_finished:
        return None if is_done else _ended_early(change, job)
    if is_done:
        words = _("All of it is done. Its worker stopped before it could say so: give it a minute or two.")
        return Told(words, again_s=LATER_S)
    return _under_way(job)


def _under_way(job: Job) -> Told:
    now = database_now()
    if job.state == Job.State.QUEUED:
        words = _("It waits for a worker, and nothing has changed yet. You may leave this page.")
        if now - job.created_at > LONG_WAIT:
            words = _(
                "No worker has taken it up yet, and nothing has changed: tell whoever runs the platform that it waits."
            )
        return Told(words, said=job.message, again_s=SOON_S)
    if job.leased_until is None or job.leased_until < now:
        words = _(
            "Its worker stopped in the middle. Nothing of it shows: every label is as it was before. Another worker "
            "begins it anew by itself within a minute or two; you need not do anything."
        )
        return Told(words, again_s=LATER_S)
    under_way = _("Under way: nothing of it shows before all of it is done. You may leave this page.")
    return Told(f"{under_way} {_step(job.progress)}", share=job.progress, again_s=SOON_S)


def _step(share: float) -> str:
    """Which step a worker is at; the shares are those of annotation.services.class_changes."""
    if share < 0.3:
        return _("First step of four: labels are looked at.")
    if share < 0.5:
        return _("Second step of four: labels get their new classes.")
    if share < 0.9:
        return _("Third step of four: outlines on maps.")
    return _("Last step of four.")


def _ended_early(change: ClassChange, job: Job) -> Told:
    if job.state == Job.State.CANCELLED:
        words = _("It was stopped before it was done, and nothing was changed.")
    else:
        words = _("It ended early, and nothing was changed.")
    is_as_planned = change.campaign.nomenclature_id == change.before_id
    may_start = change.state == ClassChange.State.PLANNED and is_as_planned
    if may_start:
        next_step = _("Start it again; if it ends early once more, tell whoever runs the platform what is said below.")
    elif job.payload["reverse"]:
        next_step = _(
            "Take it back again; if it ends early once more, tell whoever runs the platform what is said below."
        )
    else:
        next_step = _("The classes are others now: choose the change anew on the page of changes.")
    return Told(f"{words} {next_step}", said=job.error, may_start=may_start)
