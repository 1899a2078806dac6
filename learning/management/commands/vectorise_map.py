import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, follow_job, progress_stream
from learning.core.polygons.rule import known_rules
from learning.errors import NoClassMap
from learning.management.commands._support import campaign_named, model_named
from learning.services.map_requests import requested_map
from learning.services.polygons import DEFAULT_RULE, start_polygons
from learning.services.predictions import ready_prediction


class Command(BaseCommand):
    help = "Make the polygons of a model's map: GeoParquet and GeoPackage, sharing their edges."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--model", required=True, help="version or number of the model whose map it is")
        parser.add_argument("--folder", help="of a map that was made on request; the model's own by default")
        parser.add_argument("--rule", default=DEFAULT_RULE, help="minimum units: one of " + ", ".join(known_rules()))
        parser.add_argument("--by", help="username of who asks for it")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        model = model_named(campaign_named(options["campaign"]), options["model"])
        with errors_for_people():
            folder = options["folder"]
            prediction = requested_map(model, folder) if folder else ready_prediction(model)
            if prediction is None:
                raise NoClassMap(f"Model {model.version} has no map yet: wait for it to be made.")
            job = start_polygons(
                prediction=prediction,
                rule=options["rule"],
                actor=account_named(options["by"]) if options["by"] else None,
            )
            job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
        if options["json"]:
            self.stdout.write(json.dumps(job.result))
            return
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(job.result["exceptions"].items()))
        self.stdout.write(
            f"{job.result['polygons']} polygons of {model.version}; below their minimum unit: {told or 'none'}."
        )
