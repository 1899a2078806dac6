"""The "deposit" job: plan, send, remember. Killed anywhere, it goes on where it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from learning.models import Deposit
from learning.release.deposit.sending import FIRST_WAIT_S, Progress, Sender
from learning.services import deposits


def no_fault(_point: str) -> None:
    """No fault is planted; tests replace this to die at a named point."""


faultpoint: Callable[[str], None] = no_fault
first_wait_s = FIRST_WAIT_S


@job("deposit")
def send(context: JobContext) -> dict[str, Any]:
    """Send one release to one target."""
    deposit = Deposit.objects.select_related("release__campaign").get(pk=context.payload["deposit"])
    work_dir = Path(settings.DEPOSITS_DIR) / f"{deposit.release.folder}-{deposit.target}"
    context.progress(0.0, "Reading the release.")
    try:
        plan = deposits.deposit_plan(release=deposit.release, target=deposit.target, work_dir=work_dir)
        progress = deposits.begin_sending(deposit=deposit, plan=plan)

        def kept(now: Progress) -> None:
            deposits.keep_progress(deposit=deposit, progress=now)
            if len(now.done) < len(plan.steps):
                deposits.require_standing(deposit=deposit)
            context.progress(len(now.done) / (len(plan.steps) + 1), f"Sent: {now.done[-1]}")

        sender = Sender(
            plan,
            token=deposits.deposit_token(deposit.target),
            progress=progress,
            kept=kept,
            first_wait_s=first_wait_s,
            faultpoint=faultpoint,
        )
        sender.send(publish=context.payload["publish"])
    finally:
        shutil.rmtree(work_dir, ignore_errors=True)
    done = deposits.finish_deposit(deposit=deposit, publish=context.payload["publish"])
    return {"deposit": done.pk, "state": done.state, "address": done.address, "doi": done.doi}
