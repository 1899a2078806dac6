import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import do_job_here, errors_for_people, progress_stream
from annotation.models import ClassChange
from learning.api.class_views import ClassChangeSerializer
from learning.management.commands._support import campaign_named
from learning.services.class_changes import change_of, preview, start_change, start_reversal

MOST_BYTES = 20_000_000


class Command(BaseCommand):
    help = "Split, merge, rename or move classes of a running campaign by a plan, or take such a change back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--plan", type=Path, metavar="FILE", help="JSON: a list of steps (docs/guides/maintainer.md)")
        what.add_argument("--reverse", type=int, metavar="NUMBER", help="take this change back")
        parser.add_argument("--reason", default="", help="why: people who label are told")
        parser.add_argument("--preview", action="store_true", help="count what the plan would do; change nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        out = progress_stream(options["json"])
        with errors_for_people():
            if options["reverse"]:
                change = change_of(campaign=campaign, number=options["reverse"])
                do_job_here(start_reversal(change=change, actor=None), out=out)
                change.refresh_from_db()
                self.tell(change, change.reversal, options["json"])
                return
            plan = self.read(options["plan"])
            if options["preview"]:
                found = preview(campaign=campaign, plan=plan)
                if options["json"]:
                    self.stdout.write(json.dumps(found))
                else:
                    self.table(found["labels"])
                return
            change, job = start_change(campaign=campaign, plan=plan, actor=None, reason=options["reason"])
        do_job_here(job, out=out)
        change.refresh_from_db()
        self.tell(change, change.report, options["json"])

    def read(self, path: Path) -> Any:
        try:
            if path.stat().st_size > MOST_BYTES:
                raise CommandError(f"{path} has more than {MOST_BYTES} bytes: simplify its areas.")
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CommandError(f"{path} cannot be read as JSON in UTF-8: {error}") from error

    def tell(self, change: ClassChange, report: dict[str, Any], as_json: bool) -> None:
        change = change_of(campaign=change.campaign, number=change.pk)
        if as_json:
            self.stdout.write(json.dumps(ClassChangeSerializer(change).data, default=str))
            return
        self.table(report)
        self.stdout.write(f"Change {change.pk} is {change.state}; the classes are {change.campaign.nomenclature}.")

    def table(self, counts: dict[str, Any]) -> None:
        for row in counts["rows"]:
            to = row["to"] or "unlabelled"
            self.stdout.write(
                f"{row['from']:>16} → {to:<16} {row['state']:<10} {row['annotations']:>8} labels "
                f"{row['features']:>9} shapes {row['area_m2']:>14.1f} m²"
            )
        self.stdout.write(
            f"{counts['annotations']} labels on {counts['tiles']} tiles; {counts['unlabelled_features']} shapes, "
            f"{counts['unlabelled_m2']:.1f} m², unlabelled; nothing left of {counts['emptied']} labels."
        )
