import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.services.nomenclatures import DATA_FOLDER, load_mapping_file, load_nomenclature_file


class Command(BaseCommand):
    help = "Load the nomenclatures that ship with the platform, or the files given. Loading again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, help="nomenclature files (default: all that ship)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        files = options["files"] or sorted(DATA_FOLDER.glob("*.json"))
        with errors_for_people():
            loaded = [load_nomenclature_file(path=path) for path in files]
            mappings = [] if options["files"] else sorted((DATA_FOLDER / "mappings").glob("*.json"))
            pairs = [load_mapping_file(path=path) for path in mappings]
        if options["json"]:
            self.stdout.write(json.dumps({"nomenclatures": [str(item) for item in loaded], "mappings": len(pairs)}))
            return
        for item in loaded:
            self.stdout.write(f"{item.code} {item.version}: {item.classes.count()} classes")
        self.stdout.write(f"{len(loaded)} nomenclatures and {len(pairs)} mappings are loaded.")
