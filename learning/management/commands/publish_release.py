import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.jobs.registry import run_job
from annotation.management.commands._support import errors_for_people, follow_job, progress_stream
from annotation.models import Job
from learning.management.commands._support import campaign_named
from learning.models import Release
from learning.services.releases import start_release, unfinished_release_job

SECONDS_BETWEEN_TRIES = 1.0


class Command(BaseCommand):
    help = "Publish a campaign's labels, dataset, model and maps; goes on with a release that was interrupted."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Every Django command has a --version of its own, which the release's takes the place of.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--version", help="MAJOR.MINOR.PATCH of the release; default: the next minor")
        parser.add_argument("--title", default="", help="title; default: the campaign's")
        parser.add_argument("--notes", default="", help="what a reader should know of this version")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        job = unfinished_release_job(campaign=campaign, version=options["version"])
        if job is None:
            with errors_for_people():
                job = start_release(
                    campaign=campaign,
                    actor=None,
                    version=options["version"],
                    title=options["title"],
                    notes=options["notes"],
                )
        job = self.run_here(job, json_output=options["json"])
        report = self.report(Release.objects.get(pk=job.result["release"]))
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        self.stdout.write(
            f"Release {report['name']}: {report['artefacts']} artefacts, {report['size_bytes']} bytes, "
            f"in {report['path']}"
        )

    def run_here(self, job: Job, *, json_output: bool) -> Job:
        """Do the job now; one whose process died is taken over once its lease has lapsed."""
        job.refresh_from_db()
        while not job.is_finished:
            if not run_job(str(job.id)):
                time.sleep(SECONDS_BETWEEN_TRIES)
            job.refresh_from_db()
        return follow_job(job, out=progress_stream(json_output), here=False)

    def report(self, release: Release) -> dict[str, Any]:
        return {
            "campaign": release.campaign.slug,
            "version": release.version,
            "name": release.folder,
            "path": str(release.path),
            "artefacts": release.artefacts,
            "size_bytes": release.size_bytes,
            "manifest_sha256": release.manifest_sha256,
            "model": release.summary.get("model"),
            "counts": release.summary.get("counts"),
        }
