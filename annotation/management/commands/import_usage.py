from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, layer_named
from annotation.models import UsageSource
from annotation.services.usage import import_usage


class Command(BaseCommand):
    help = "Import polygons of land use, quarries or exemptions for a layer: a GeoPackage, or GeoJSON in degrees."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="GeoPackage in any coordinate system, or GeoJSON file")
        parser.add_argument("--imagery", required=True, help="short name of the imagery layer")
        parser.add_argument("--kind", default=UsageSource.Kind.USAGE, choices=UsageSource.Kind.values)
        parser.add_argument("--code-field", help="property with the code of usage, such as code_us; for usage alone")
        parser.add_argument("--layer", help="of a GeoPackage that has several")
        parser.add_argument("--source", required=True, help='who made it: "IGN, OCS GE"')
        parser.add_argument("--licence", required=True, help="SPDX name, such as etalab-2.0")
        parser.add_argument("--date", required=True, type=date.fromisoformat, help="of the source, YYYY-MM-DD")
        parser.add_argument("--by", help="username of who imports it")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["path"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        layer = layer_named(options["imagery"])
        with errors_for_people():
            made = import_usage(
                layer=layer,
                path=path,
                kind=options["kind"],
                source=options["source"],
                licence=options["licence"],
                as_of=options["date"],
                code_field=options["code_field"],
                file_layer=options["layer"],
                actor=account_named(options["by"]) if options["by"] else None,
            )
        self.stdout.write(f"{made.n_polygons} polygons of {made} lie on {layer.slug}; {made.n_outside} lie beside it.")
