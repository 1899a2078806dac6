import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people
from learning.jobs.rebuilding import Rebuilt, discard, rebuild_release, require_restorable, restore_release
from learning.management.commands._support import release_named
from learning.models import Release


class Command(BaseCommand):
    help = "Build a published release again from what was frozen for it, and compare every file's SHA-256."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("release", help="CAMPAIGN-VERSION, or the version with --campaign")
        parser.add_argument("--campaign", help="short name of the campaign")
        place = parser.add_mutually_exclusive_group()
        place.add_argument("--into", type=Path, help="folder to keep the rebuilt release in, under its own name")
        place.add_argument("--restore", action="store_true", help="put it back, where the folder is lost")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        release = release_named(options["release"], campaign=options["campaign"])
        with errors_for_people():
            if options["restore"]:
                require_restorable(release)
            rebuilt = rebuild_release(release=release, into=options["into"])
            try:
                if options["restore"]:
                    restore_release(release=release, rebuilt=rebuilt)
            finally:
                discard(rebuilt)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(release, rebuilt, restored=options["restore"])))
        else:
            self.tell(release, rebuilt, options)
        if not rebuilt.identical:
            raise SystemExit(1)

    def tell(self, release: Release, rebuilt: Rebuilt, options: dict[str, Any]) -> None:
        for name, (then, now) in rebuilt.changed.items():
            self.stdout.write(f"{name}: {then} when it was published, {now} now")
        for one in rebuilt.differences or ():
            self.stdout.write(f"{one.path}: {digest(one.before)} published, {digest(one.after)} rebuilt")
        if rebuilt.identical:
            self.stdout.write(f"{release.folder}: {rebuilt.files} files, identical")
        elif rebuilt.differences is None:
            self.stdout.write(
                f"{release.folder}: the manifest's SHA-256 is {rebuilt.manifest_sha256}, that of the published one "
                f"{release.manifest_sha256}; the published manifest is lost, so that no file can be named"
            )
        else:
            self.stdout.write(f"{release.folder}: {len(rebuilt.differences)} of {rebuilt.files} files differ")
        if options["into"]:
            self.stdout.write(f"Rebuilt in {rebuilt.folder}")
        elif options["restore"]:
            self.stdout.write(f"Put back in {release.path}")
        elif rebuilt.identical and not release.path.exists() and release.yanked_at is None:
            self.stdout.write(f"{release.path} is lost: --restore puts it back.")


def digest(sha256: str | None) -> str:
    return f"{sha256[:16]}…" if sha256 else "none"


def as_json(release: Release, rebuilt: Rebuilt, *, restored: bool) -> dict[str, Any]:
    return {
        "release": release.folder,
        "identical": rebuilt.identical,
        "files": rebuilt.files,
        "manifest_sha256": rebuilt.manifest_sha256,
        "published_manifest_sha256": release.manifest_sha256,
        "differences": None
        if rebuilt.differences is None
        else [{"path": one.path, "published": one.before, "rebuilt": one.after} for one in rebuilt.differences],
        "changed": {name: {"then": then, "now": now} for name, (then, now) in rebuilt.changed.items()},
        "restored": restored,
    }
