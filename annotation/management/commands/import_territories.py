from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.models import Territory
from annotation.services.territories import import_territories


class Command(BaseCommand):
    help = "Import boundaries of communes, EPCI or départements from a GeoPackage, or from GeoJSON in degrees."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path, help="GeoPackage in any coordinate system, or GeoJSON file")
        parser.add_argument("--layer", help="of a GeoPackage that has several")
        parser.add_argument("--kind", required=True, choices=Territory.Kind.values)
        parser.add_argument("--code-field", required=True, help="property with the code, such as INSEE_COM")
        parser.add_argument("--name-field", required=True, help="property with the name, such as NOM")
        parser.add_argument("--source", required=True, help='who made it: "IGN, ADMIN EXPRESS"')
        parser.add_argument("--date", required=True, type=date.fromisoformat, help="of the source, YYYY-MM-DD")

    def handle(self, *args: Any, **options: Any) -> None:
        path = options["path"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        with errors_for_people():
            new, replaced = import_territories(
                path=path,
                kind=options["kind"],
                code_field=options["code_field"],
                name_field=options["name_field"],
                source=options["source"],
                as_of=options["date"],
                layer=options["layer"],
            )
        self.stdout.write(f"{new} territories are new, {replaced} have their boundary of {options['date']}.")
