"""Which function does which kind of job."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.apps import apps

from annotation.services.jobs import JobContext, claim_job, run_claimed_job

JobFunction = Callable[[JobContext], dict[str, Any]]
_FUNCTIONS: dict[str, JobFunction] = {}


def job(kind: str) -> Callable[[JobFunction], JobFunction]:
    """Register a function as the work of one kind of job."""

    def register(function: JobFunction) -> JobFunction:
        if _FUNCTIONS.setdefault(kind, function) is not function:
            raise ValueError(f"job kind {kind!r} is registered twice: {_FUNCTIONS[kind]} and {function}")
        return function

    return register


def load_all() -> None:
    """Import every module that registers jobs: those an app lists in `<app>.jobs.MODULES`."""
    for label in ("annotation", "learning"):
        if apps.is_installed(apps.get_app_config(label).name):
            for module in import_module(f"{label}.jobs").MODULES:
                import_module(module)


def run_job(job_id: str) -> bool:
    """Claim a job and do it; False when there was nothing to do (done, running elsewhere, or unknown)."""
    load_all()
    claimed = claim_job(job_id)
    if claimed is None:
        return False
    run_claimed_job(claimed, _FUNCTIONS[claimed.kind])
    return True
