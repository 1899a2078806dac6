import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, follow_job, progress_stream
from learning.errors import NoClassMap
from learning.management.commands._support import campaign_named, model_named
from learning.services.map_areas import start_map_areas
from learning.services.predictions import ready_prediction, shown_prediction


class Command(BaseCommand):
    help = "Count a map's classes in all of it and in each territory, and read its class at the places of samples."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--model", help="version or number of the model; that of the map people see by default")
        parser.add_argument("--by", help="username of who asks for it")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign, named = campaign_named(options["campaign"]), options["model"]
        with errors_for_people():
            prediction = ready_prediction(model_named(campaign, named)) if named else shown_prediction(campaign)
            if prediction is None:
                raise NoClassMap(f"{named or campaign.slug} has no map yet: wait for it to be made.")
            actor = account_named(options["by"]) if options["by"] else None
            job = start_map_areas(prediction=prediction, actor=actor)
            job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
        told = f"Counted {prediction.model.version}, and {job.result['territories']} territories on it."
        self.stdout.write(json.dumps(job.result) if options["json"] else told)
