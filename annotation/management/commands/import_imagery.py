import json
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people, follow_job, progress_stream
from annotation.services.imagery import KNOWN_LICENCES, start_import


def six_numbers(text: str) -> list[float]:
    parts = [float(part) for part in text.replace(",", " ").split()]
    if len(parts) != 6:
        raise ValueError(text)
    return parts


class Command(BaseCommand):
    help = "Import one or many GeoTIFFs as one imagery layer; several files become one mosaic on the first one's grid."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", help="GeoTIFF files")
        parser.add_argument("--layer", required=True, help="short name of the layer, as in addresses")
        parser.add_argument("--title", help="name people see (default: the short name)")
        parser.add_argument("--vintage", required=True, type=int, help="year of the imagery")
        parser.add_argument("--date", type=date.fromisoformat, help="acquisition date, YYYY-MM-DD, when it is one day")
        parser.add_argument("--licence", required=True, help="one of " + ", ".join(KNOWN_LICENCES))
        parser.add_argument("--attribution", required=True, help='who made it, as maps show it: "© IGN, BD ORTHO 2022"')
        parser.add_argument("--crs", help="CRS of files that carry none, such as EPSG:2154")
        parser.add_argument(
            "--transform",
            type=six_numbers,
            help="a,b,c,d,e,f of files that carry none: pixel size and upper-left corner",
        )
        parser.add_argument("--bands", help="names of the bands in order, such as R,G,B,NIR")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["crs"] is None) != (options["transform"] is None):
            raise CommandError("Give --crs and --transform together: a place needs both.")
        with errors_for_people():
            job = start_import(
                paths=options["paths"],
                slug=options["layer"],
                title=options["title"] or options["layer"],
                vintage=options["vintage"],
                acquired_on=options["date"],
                licence=options["licence"],
                attribution=options["attribution"],
                crs=options["crs"],
                transform=options["transform"],
                band_names=options["bands"].split(",") if options["bands"] else None,
            )
            job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
        if options["json"]:
            self.stdout.write(json.dumps(job.result))
            return
        result = job.result
        for note in result["notes"]:
            self.stdout.write(f"note: {note}")
        self.stdout.write(
            f"Layer {result['layer']}: {result['width']} × {result['height']} px at {result['gsd_m']:.3g} m, "
            f"bands {', '.join(result['bands'])}."
        )
