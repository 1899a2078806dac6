import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, follow_job, progress_stream
from annotation.models import Territory
from annotation.services.territories import territory_named
from learning.management.commands._support import campaign_named, model_named
from learning.services.map_requests import NamedArea, area_of_file, area_of_territory, map_size, start_map_request


class Command(BaseCommand):
    help = "Make a map of a model on request: of a territory, of an area, or of the whole layer with probabilities."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--model", required=True, help="version or number of the model")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--territory", metavar="CODE", help="code of a territory, as 32013")
        where.add_argument("--area", metavar="FILE", type=Path, help="GeoJSON of one area, in longitude and latitude")
        parser.add_argument("--kind", choices=Territory.Kind.values, default="commune", help="of the territory")
        parser.add_argument("--probabilities", action="store_true", help="keep those of all classes too")
        parser.add_argument("--by", help="username of who asks for it")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--size", action="store_true", help="only say what it takes")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        model = model_named(campaign_named(options["campaign"]), options["model"])
        with errors_for_people():
            area = self.area(options)
            size = map_size(model, area)
            told = {"pixels": size.pixels, "area_m2": round(size.area_m2)}
            if options["probabilities"]:
                told["probability_bytes_at_most"] = size.probability_bytes
            if not options["json"]:
                self.stdout.write(
                    f"{area.name if area else 'The whole layer'}: {size.pixels} px, {size.area_m2 / 1e6:.2f} km²"
                    + (f"; probabilities: {size.probability_bytes / 1e9:.2f} GB at most." if options["probabilities"]
                       else ".")
                )  # fmt: skip
            if options["size"]:
                if options["json"]:
                    self.stdout.write(json.dumps(told))
                return
            actor = account_named(options["by"]) if options["by"] else None
            job = start_map_request(model=model, area=area, probabilities=options["probabilities"], actor=actor)
            job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
        if options["json"]:
            self.stdout.write(json.dumps({**told, **job.result}))
            return
        mapped = sum(job.result["class_px"].values())
        self.stdout.write(f"Mapped in {job.result['folder']}: {mapped} px of whole tiles have a class.")

    def area(self, options: dict[str, Any]) -> NamedArea | None:
        """What is to be mapped."""
        if options["territory"]:
            return area_of_territory(territory_named(kind=options["kind"], code=options["territory"]))
        if options["area"]:
            if not options["area"].is_file():
                raise CommandError(f"There is no file {options['area']}: give one of GeoJSON.")
            return area_of_file(options["area"])
        return None
