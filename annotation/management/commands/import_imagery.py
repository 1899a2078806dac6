import json
from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.management.commands._support import errors_for_people, follow_job, progress_stream
from annotation.models import ImageryLayer, Job
from annotation.raster.source_lists import NamedFile, files_of
from annotation.services.imagery import KNOWN_LICENCES, start_import, start_replacement
from annotation.services.imagery_sources import read_mosaic_graph, set_mosaic_graph

FOR_A_NEW_LAYER = ("layer", "vintage", "licence", "attribution")


def six_numbers(text: str) -> list[float]:
    parts = [float(part) for part in text.replace(",", " ").split()]
    if len(parts) != 6:
        raise ValueError(text)
    return parts


def bands_and_path(text: str) -> tuple[list[str], str]:
    bands, equals, path = text.partition("=")
    if not (bands and equals and path):
        raise ValueError(text)
    return bands.split(","), path


class Command(BaseCommand):
    help = (
        "Import GeoTIFFs as one imagery layer, or into one that exists. Several files become one mosaic on the first "
        "one's grid: the newest day is seen, then the order given, and nodata never is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", help="GeoTIFF files, folders of them, STAC Items of files beside them")
        parser.add_argument("--layer", help="short name of the layer, as in addresses")
        parser.add_argument("--into", metavar="LAYER", help="replace the ground of this layer by the files")
        parser.add_argument("--title", help="name people see (default: the short name)")
        parser.add_argument("--vintage", type=int, help="year of the imagery")
        parser.add_argument(
            "--date", type=date.fromisoformat, help="acquisition date, YYYY-MM-DD, of files that have none of their own"
        )
        parser.add_argument("--licence", help="one of " + ", ".join(KNOWN_LICENCES))
        parser.add_argument("--attribution", help='who made it, as maps show it: "© IGN, BD ORTHO 2022"')
        parser.add_argument("--crs", help="CRS of files that carry none, such as EPSG:2154")
        parser.add_argument(
            "--transform",
            type=six_numbers,
            help="a,b,c,d,e,f of files that carry none: pixel size and upper-left corner",
        )
        parser.add_argument("--bands", help="names of the bands in order, such as R,G,B,NIR")
        parser.add_argument(
            "--stack",
            action="append",
            default=[],
            type=bands_and_path,
            metavar="BANDS=PATH",
            help="add bands of other files of the same ground, - for one that is not used: NIR,-,-=irc/",
        )
        parser.add_argument("--mosaic-graph", metavar="GPKG", help="pieces of the mosaic with the day of each")
        parser.add_argument("--date-field", help="column of the mosaic graph that holds the day")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if (options["crs"] is None) != (options["transform"] is None):
            raise CommandError("Give --crs and --transform together: a place needs both.")
        if not options["paths"] and not (options["into"] and options["mosaic_graph"]):
            raise CommandError("Give files, a folder or a STAC Item.")
        result: dict[str, Any] = {"layer": options["into"] or options["layer"], "notes": []}
        with errors_for_people():
            pieces = None
            if options["mosaic_graph"]:
                pieces = read_mosaic_graph(options["mosaic_graph"], date_field=options["date_field"])
            if options["paths"]:
                job = self.queued(files_of(options["paths"]), options)
                result = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"]).result
            if pieces is not None:
                layer = ImageryLayer.objects.get(slug=result["layer"])
                result["mosaic_pieces"] = set_mosaic_graph(layer=layer, pieces=pieces)
        self.tell(result, as_json=options["json"])

    def queued(self, files: Sequence[NamedFile], options: dict[str, Any]) -> Job:
        paths, dates = [str(file.path) for file in files], [file.acquired_on for file in files]
        bands = options["bands"].split(",") if options["bands"] else None
        stack = [
            {"paths": [str(file.path) for file in files_of([path])], "bands": names} for names, path in options["stack"]
        ]
        if options["into"]:
            layer = ImageryLayer.objects.filter(slug=options["into"]).first()
            if layer is None:
                known = ", ".join(ImageryLayer.objects.values_list("slug", flat=True)[:20]) or "none"
                raise CommandError(f"There is no layer {options['into']!r}: there are {known}.")
            return start_replacement(
                paths=paths, layer=layer, acquired_on=options["date"], dates=dates, band_names=bands, stack=stack
            )
        missing = [f"--{name}" for name in FOR_A_NEW_LAYER if not options[name]]
        if missing:
            raise CommandError(f"A new layer needs {', '.join(missing)}; to replace ground of one, give --into.")
        return start_import(
            paths=paths,
            slug=options["layer"],
            title=options["title"] or options["layer"],
            vintage=options["vintage"],
            acquired_on=options["date"],
            dates=dates,
            licence=options["licence"],
            attribution=options["attribution"],
            crs=options["crs"],
            transform=options["transform"],
            band_names=bands,
            stack=stack,
        )

    def tell(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result))
            return
        for note in result["notes"]:
            self.stdout.write(f"note: {note}")
        if "width" in result:
            self.stdout.write(
                f"Layer {result['layer']} (version {result['version']}): {result['width']} × {result['height']} px at "
                f"{result['gsd_m']:.3g} m, bands {', '.join(result['bands'])}."
            )
        if "mosaic_pieces" in result:
            self.stdout.write(f"{result['mosaic_pieces']} pieces of the mosaic graph date its ground.")
