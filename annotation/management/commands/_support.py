"""Shared by the commands: finding rows by name, following a job with visible progress, errors as one clear line."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db.models import Q

from annotation.errors import SolcommunError
from annotation.jobs.registry import run_job
from annotation.models import ImageryLayer, Job, VintagePair

SECONDS_BETWEEN_TRIES = 1.0


@contextmanager
def errors_for_people() -> Iterator[None]:
    """Turn our own errors into a command's one-line error."""
    try:
        yield
    except SolcommunError as error:
        raise CommandError(str(error)) from error


def account_named(name: str) -> User:
    """The account of this user name or random public id.

    Raises: CommandError.
    """
    user = get_user_model().objects.filter(Q(username=name) | Q(contributor__public_id=name)).first()
    if user is None:
        raise CommandError(f"There is no account {name!r}: give a user name, or the random id as c-0123456789ab.")
    return user


def layer_named(slug: str) -> ImageryLayer:
    """The imagery layer of this short name. Raises: CommandError, which lists those there are."""
    layer = ImageryLayer.objects.filter(slug=slug).first()
    if layer is None:
        known = ", ".join(ImageryLayer.objects.values_list("slug", flat=True)) or "none"
        raise CommandError(f"There is no imagery layer {slug!r} (there are: {known}).")
    return layer


def pair_named(*, first: str, second: ImageryLayer) -> VintagePair:
    """The pair of an earlier layer, by its short name, and a later one. Raises: CommandError, which lists its pairs."""
    pairs = VintagePair.objects.filter(second=second).select_related("first", "second")
    pair = pairs.filter(first__slug=first).first()
    if pair is None:
        known = ", ".join(one.first.slug for one in pairs) or "none"
        raise CommandError(
            f"Layers {first!r} and {second.slug!r} are not a pair yet (paired with the later one: {known}): run "
            f"`manage.py pair_layers {first} {second.slug}` first."
        )
    return pair


def follow_job(job: Job, *, out: TextIO, here: bool) -> Job:
    """Do the job in this process (`here`) or wait for a worker to, showing progress on a terminal.

    Raises: CommandError when it does not succeed.
    """
    if here:
        run_job(str(job.id))
        job.refresh_from_db()
    shown = ""
    while not job.is_finished:
        line = f"{job.kind}: {job.state} {100 * job.progress:3.0f} % {job.message}"
        if line != shown and out.isatty():
            out.write(f"\r{line:<100}")
            out.flush()
        shown = line
        time.sleep(0.5)
        job.refresh_from_db()
    if shown and out.isatty():
        out.write("\n")
    if job.state != Job.State.SUCCEEDED:
        raise CommandError((job.error.split("\n", 1)[0] or f"The job ended {job.state}.").strip())
    return job


def do_job_here(job: Job, *, out: TextIO) -> Job:
    """Do a job in this process; one whose own process died is taken over once its lease has lapsed.

    Raises: CommandError when it does not succeed.
    """
    job.refresh_from_db()
    while not job.is_finished:
        if not run_job(str(job.id)):
            time.sleep(SECONDS_BETWEEN_TRIES)
        job.refresh_from_db()
    return follow_job(job, out=out, here=False)


def progress_stream(json_output: bool) -> TextIO:
    """Where progress goes: the error stream, so that JSON on the output stays clean."""
    return sys.stderr if json_output else sys.stdout
