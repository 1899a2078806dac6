import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from learning.release.manifest import VerifyReport, verify


class Command(BaseCommand):
    help = "Check a release folder offline: digests, missing and extra files, formats, catalogue."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, help="folder of the release (the one that holds manifest.json)")
        parser.add_argument("--manifest-sha256", help="digest of manifest.json shown on the release's page")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["folder"].is_dir():
            raise CommandError(f"There is no folder {options['folder']}: give the folder of a release.")
        report = verify(options["folder"], expected_manifest_sha256=options["manifest_sha256"])
        if options["json"]:
            self.stdout.write(json.dumps(self.as_json(report)))
        else:
            for fault in report.faults:
                self.stdout.write(f"{fault.path}: {fault.problem}")
            self.stdout.write(f"{report.artefacts} artefacts, {len(report.faults)} faults")
        if report.faults:
            raise SystemExit(1)

    def as_json(self, report: VerifyReport) -> dict[str, Any]:
        return {
            "artefacts": report.artefacts,
            "manifest_sha256": report.manifest_sha256,
            "faults": [{"path": fault.path, "problem": fault.problem} for fault in report.faults],
        }
