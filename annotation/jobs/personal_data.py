"""Writing what a person asked to have of themselves."""

from __future__ import annotations

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction

from annotation.errors import NotThere
from annotation.jobs.registry import job
from annotation.services.jobs import JobContext
from annotation.services.personal_data import KIND, export_path, write_export


@job(KIND)
def export_person(context: JobContext) -> dict[str, Any]:
    """Write the zip beside its place and rename it; done again, it is written again."""
    path = export_path(context.job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    person = get_user_model().objects.filter(pk=context.payload["user"], is_active=True)
    user = person.first()
    if user is None:
        raise NotThere(f"Account {context.payload['user']} is not active any more: there is nothing to export.")
    partial = path.with_suffix(f".{context.job.fence}.partial")
    with partial.open("wb") as stream:
        files = write_export(user, stream, progress=context.progress)
        stream.flush()
        os.fsync(stream.fileno())
    with transaction.atomic():
        # An account that is deleted meanwhile takes its exports with it: whoever has the row first is right.
        if not person.select_for_update(no_key=True).exists():
            partial.unlink()
            raise NotThere("The account was deleted while its data was being written.")
        partial.replace(path)
    return {"files": files, "bytes": path.stat().st_size}
