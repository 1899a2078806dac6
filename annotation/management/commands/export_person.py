from pathlib import Path
from shutil import copyfile
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, follow_job
from annotation.services.personal_data import export_path, request_export


class Command(BaseCommand):
    help = "Write everything the database holds of a person into a zip, as their button on “My account” does."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="user name or random public id")
        parser.add_argument("--output", type=Path, help="where to copy the file to")

    def handle(self, *args: Any, **options: Any) -> None:
        user = account_named(options["person"])
        with errors_for_people():
            job = follow_job(request_export(user=user, actor=None), out=self.stdout, here=True)  # type: ignore[arg-type]
        path = export_path(job)
        if options["output"] is not None:
            path = Path(copyfile(path, options["output"]))
        self.stdout.write(f"{job.result['files']} files, {job.result['bytes']} bytes: {path}")
