import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people, follow_job, progress_stream
from learning.management.commands._support import campaign_named
from learning.services.territory_figures import campaigns_with_territories, start_territory_figures


class Command(BaseCommand):
    help = "Count the figures that the pages of territories show: of one campaign, or of all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", help="short name; every campaign that holds ground of a territory by default")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        named = options["campaign"]
        counted = {}
        for campaign in [campaign_named(named)] if named else campaigns_with_territories():
            with errors_for_people():
                job = start_territory_figures(campaign=campaign)
                job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
            counted[campaign.slug] = job.result.get("territories", 0)
        if options["json"]:
            self.stdout.write(json.dumps({"territories": counted}))
            return
        for slug, number in counted.items():
            self.stdout.write(f"{slug}: {number} territories counted.")
        if not counted:
            self.stdout.write("No campaign holds ground of a territory: import boundaries first (import_territories).")
