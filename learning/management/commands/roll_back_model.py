import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.errors import JobAlreadyRunning
from annotation.management.commands._support import errors_for_people
from learning.management.commands._support import campaign_named, model_named
from learning.models import TrainedModel
from learning.services.predictions import start_prediction
from learning.services.promotion import roll_back_model


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
        job = self.queue_round(model)
        report = {"model": model.version, "replaced": model.gate["restored_from"], "prediction_job": job}
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        self.stdout.write(f"{model.version} is published again, in place of {report['replaced']}.")

    def queue_round(self, model: TrainedModel) -> str:
        try:
            return str(start_prediction(model=model).id)
        except JobAlreadyRunning as error:
            return str(error.details["job"])
