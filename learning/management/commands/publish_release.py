import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import do_job_here, errors_for_people, progress_stream
from annotation.models import Campaign
from learning.management.commands._support import campaign_named
from learning.models import Release
from learning.release.records import to_json
from learning.services.promotion import published_model
from learning.services.release_proposals import propose_release
from learning.services.releases import start_release, unfinished_release_job

LANGUAGES = {"fr": "French", "en": "English"}


class Command(BaseCommand):
    help = "Publish a campaign's labels, dataset, model and maps; goes on with a release that was interrupted."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Every Django command has a --version of its own, which the release's takes the place of.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--version", help="MAJOR.MINOR.PATCH of the release; default: what the changes call for")
        parser.add_argument("--title", default="", help="title; default: the campaign's")
        parser.add_argument("--notes", default="", help="what the release is, in place of the campaign's description")
        for language, name in LANGUAGES.items():
            parser.add_argument(
                f"--notes-{language}", type=Path, metavar="FILE",
                help=f"Markdown in {name} of what changed, in place of what the facts tell; see --preview",
            )  # fmt: skip
        parser.add_argument(
            "--national", action="store_true",
            help="publish a theme's classes as the national ones that they refine, in labels, masks and map",
        )  # fmt: skip
        parser.add_argument(
            "--preview", action="store_true", help="print what would be released, its version and notes; start nothing"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        view = Release.View.NATIONAL if options["national"] else Release.View.OWN
        if options["preview"]:
            self.preview(campaign, view=view, json_output=options["json"])
            return
        job = unfinished_release_job(campaign=campaign, version=options["version"])
        if job is None:
            with errors_for_people():
                job = start_release(
                    campaign=campaign,
                    actor=None,
                    version=options["version"],
                    title=options["title"],
                    notes=options["notes"],
                    texts=self.texts(options),
                    view=view,
                )
        job = do_job_here(job, out=progress_stream(options["json"]))
        report = self.report(Release.objects.get(pk=job.result["release"]))
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        self.stdout.write(
            f"Release {report['name']}: {report['artefacts']} artefacts, {report['size_bytes']} bytes, "
            f"in {report['path']}"
        )

    def texts(self, options: dict[str, Any]) -> dict[str, str]:
        """Notes that were written by hand, by language."""
        found = {}
        for language in LANGUAGES:
            path = options[f"notes_{language}"]
            if path is None:
                continue
            try:
                found[language] = path.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"The notes {path} cannot be read ({error}): give a file of UTF-8 text.") from error
        return found

    def preview(self, campaign: Campaign, *, view: str, json_output: bool) -> None:
        """What would be released now."""
        with errors_for_people():
            proposal = propose_release(campaign, model=published_model(campaign), view=view)
        suggestion = proposal.suggestion
        if json_output:
            told = {
                "campaign": campaign.slug,
                "version": suggestion.version,
                "step": suggestion.step,
                "reasons": list(suggestion.reasons),
                "changes": to_json(proposal.changes),
                "left_out": proposal.left_out.total,
                "notes": dict(proposal.notes),
            }
            self.stdout.write(json.dumps(told, ensure_ascii=False))
            return
        why = f" ({', '.join(suggestion.reasons)})" if suggestion.reasons else ""
        self.stdout.write(f"Version {suggestion.version}, {suggestion.step}{why}")
        if proposal.left_out.total:
            self.stdout.write(f"{proposal.left_out.total} accepted labels are left out for want of a licence.")
        for language, text in proposal.notes.items():
            self.stdout.write(f"\n[{language}]\n{text}")

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
