import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import do_job_here, errors_for_people, progress_stream
from learning.models import Deposit, Release
from learning.services.deposits import dry_run_deposit, forget_deposit, start_deposit, unfinished_deposit_job


class Command(BaseCommand):
    help = "Take a published release to Zenodo, data.gouv.fr or the Hugging Face Hub; goes on where it was interrupted."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("release", help="name of the release, such as gers-1.2.0, or its version")
        parser.add_argument("--to", required=True, choices=Deposit.Target.values)
        parser.add_argument(
            "--publish", action="store_true", help="show it to everybody at the end; else it is a draft"
        )
        parser.add_argument(
            "--dry-run",
            nargs="?",
            const="",
            metavar="FOLDER",
            help="write every request into a folder and send nothing; default: a new one in the data folder",
        )
        parser.add_argument("--forget", action="store_true", help="forget a draft that was thrown away there")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        release = Release.objects.named(options["release"])
        if release is None:
            raise CommandError(f"There is no published release {options['release']}: give its name as on its page.")
        if options["dry_run"] is not None:
            self.write_down(release, options)
        elif options["forget"]:
            with errors_for_people():
                forget_deposit(release=release, target=options["to"])
            self.stdout.write(f"{release.folder} at {options['to']}: forgotten")
        else:
            self.send(release, options)

    def write_down(self, release: Release, options: dict[str, Any]) -> None:
        target = options["to"]
        folder = Path(options["dry_run"] or settings.DEPOSITS_DIR / f"{release.folder}-{target}.dry-run")
        with errors_for_people():
            plan, heads = dry_run_deposit(release=release, target=target, folder=folder)
        if options["json"]:
            self.stdout.write(json.dumps({"folder": str(folder), "steps": len(plan.steps), "requests": len(heads)}))
            return
        self.stdout.write(f"{len(heads)} requests in {len(plan.steps)} steps, written into {folder}; nothing was sent")

    def send(self, release: Release, options: dict[str, Any]) -> None:
        target = options["to"]
        job = unfinished_deposit_job(release=release, target=target)
        if job is None:
            with errors_for_people():
                job = start_deposit(release=release, target=target, publish=options["publish"], actor=None)
        do_job_here(job, out=progress_stream(options["json"]))
        deposit = Deposit.objects.get(release=release, target=target)
        told = {"release": release.folder, "target": target, "state": deposit.state, "address": deposit.address,
                "doi": deposit.doi}  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        doi = f", DOI {deposit.doi}" if deposit.doi else ""
        self.stdout.write(f"{release.folder} at {target}: {deposit.state}, {deposit.address}{doi}")
