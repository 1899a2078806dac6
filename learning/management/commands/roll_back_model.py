import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.models import Job
from learning.management.commands._support import campaign_named, model_named
from learning.services.publishing import roll_back_model


class Command(BaseCommand):
    help = "Publish an earlier model again in place of the present one, and queue a round from its map."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--to", required=True, help="version or number of the model to publish again")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        with errors_for_people():
            model = roll_back_model(campaign=campaign, to_model=model_named(campaign, options["to"]), actor=None)
        job = Job.objects.filter(kind="predict", key=model.version).order_by("-created_at").first()
        report = {
            "model": model.version,
            "replaced": model.gate["restored_from"],
            "prediction_job": str(job.id) if job else None,
        }
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        self.stdout.write(f"{model.version} is published again, in place of {report['replaced']}.")
