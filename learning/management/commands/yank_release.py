import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from learning.models import Release
from learning.services.withdrawal import replacement_of, withdraw_release


class Command(BaseCommand):
    help = "Withdraw a published release for good: its files answer 410, its page says why and what to take instead."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("release", metavar="VERSION", help="1.2.0, or campaign-1.2.0 where several have it")
        parser.add_argument("--reason", required=True, help="why, for everybody who looks for it; no names")
        parser.add_argument(
            "--remove-files", action="store_true",
            help="also remove the files from the disk, but for manifest and checksums: personal data was in them",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        release = Release.objects.named(options["release"])
        if release is None:
            known = ", ".join(Release.objects.public().values_list("folder", flat=True)[:20]) or "none"
            raise CommandError(f"No published release is named {options['release']!r} alone (there are: {known}).")
        with errors_for_people():
            release = withdraw_release(
                release=release, actor=None, reason=options["reason"], remove_files=options["remove_files"]
            )
        instead = replacement_of(release)
        if options["json"]:
            report = {
                "name": release.folder,
                "withdrawn_at": release.yanked_at.isoformat() if release.yanked_at else None,
                "files_removed": release.files_removed_at is not None,
                "replaced_by": instead.folder if instead else None,
            }
            self.stdout.write(json.dumps(report))
            return
        what = "Its files are removed" if release.files_removed_at else f"Its files lie in {release.path}"
        take = f"readers are sent to {instead.folder}" if instead else "there is no other release to send readers to"
        self.stdout.write(f"{release.folder} is withdrawn. {what}; {take}.")
