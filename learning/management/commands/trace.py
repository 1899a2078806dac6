import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people
from learning.services.tracing import ImageryTrace, ModelTrace, Trace, trace

A_FEW = 10


class Command(BaseCommand):
    help = "Say what something published is made of: revisions, images, code, configuration, seed, model."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "artefact", help="CAMPAIGN-VERSION, CAMPAIGN-VERSION/PATH, a file wherever it lies, or a SHA-256"
        )
        parser.add_argument("--all", action="store_true", help="list every revision and source file, not a few")
        parser.add_argument("--json", action="store_true", help="print one JSON object, with all of them")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_for_people():
            found = trace(options["artefact"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found)))
            return
        for name, text in lines(found, few=None if options["all"] else A_FEW):
            self.stdout.write(f"{name:<14}{text}")


def lines(found: Trace, *, few: int | None) -> Iterator[tuple[str, str]]:
    yield "artefact", found.found
    yield "SHA-256", found.sha256 or "unknown"
    if found.release:
        yield "release", found.release
        yield (
            "written by",
            f"commit {found.code_commit}; "
            + ", ".join(f"{name} {version}" for name, version in sorted((found.software or {}).items())),
        )
        yield "classes", found.nomenclature or ""
    if found.labels:
        yield "labels", listed("revision", found.labels, few)
    if found.patches:
        yield "patches", listed("patch", found.patches, few, plural="patches")
    if found.imagery:
        yield from imagery_lines(found.imagery, few)
    if found.map:
        files = ", ".join(f"{name} {sha256}" for name, sha256 in sorted(found.map.files.items()))
        yield "map", f"prediction {found.map.prediction}, of version {found.map.layer_version} of the imagery; {files}"
    if found.model:
        yield from model_lines(found.model, few)


def imagery_lines(imagery: ImageryTrace, few: int | None) -> Iterator[tuple[str, str]]:
    yield "imagery", f"{imagery.layer}, version {imagery.version}, SHA-256 {imagery.sha256}"
    yield "made of", listed("file", [f"{one.name} ({one.sha256})" for one in imagery.sources], few)


def model_lines(model: ModelTrace, few: int | None) -> Iterator[tuple[str, str]]:
    yield "model", f"{model.version}, SHA-256 {model.sha256}"
    if model.origin:
        yield "began from", model.origin
    for one in model.trainings:
        yield (
            "training",
            (
                f"of {one.model}: {one.training_set}, SHA-256 {one.training_set_sha256}; seed {one.seed}; "
                f"commit {one.code_commit}; configuration {json.dumps(one.config, sort_keys=True)}"
            ),
        )
        yield "learnt from", listed("revision", one.revisions, few)
        if one.validations:
            yield "and", listed("verdict", one.validations, few)


def listed(noun: str, items: Iterable[object], few: int | None, *, plural: str = "") -> str:
    texts = [str(item) for item in items]
    shown = texts if few is None else texts[:few]
    more = f" … (--all lists the other {len(texts) - len(shown)})" if len(shown) < len(texts) else ""
    return f"{len(texts)} {noun if len(texts) == 1 else plural or f'{noun}s'}" + (
        f": {', '.join(shown)}{more}" if texts else ""
    )
