import json
import tempfile
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.core.nomenclature import load_mapping
from annotation.management.commands._support import account_named, errors_for_people, follow_job, progress_stream
from learning.core.weights_source import WeightsSource, known_sources, load_source, shipped_source
from learning.jobs.imports import convert_isolated
from learning.management.commands._support import campaign_named
from learning.services.imports import recipe_for, start_import


class Command(BaseCommand):
    help = "Start a campaign from weights published elsewhere: safetensors, or a .pth or .ckpt that torch saved."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the file as it was published")
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--variant", required=True, help="which of the source's files it is, such as rgbi_15cl")
        parser.add_argument("--source", default="flair_inc", help="one of " + ", ".join(known_sources()))
        parser.add_argument("--source-file", type=Path, help="data file of a source that does not ship")
        parser.add_argument("--bands", help="the imagery's bands in the order of the variant's, such as R,G,B,NIR")
        parser.add_argument(
            "--mapping", type=Path, help="mapping file, from the source's nomenclature to the campaign's"
        )
        seen = parser.add_mutually_exclusive_group()
        seen.add_argument(
            "--seen-here", dest="seen_here", action="store_true", default=None,
            help="the weights have learnt from this ground: figures here are no independent test",
        )  # fmt: skip
        seen.add_argument("--not-seen-here", dest="seen_here", action="store_false", help="they have not")
        parser.add_argument(
            "--publish-unjudged", metavar="REASON", default="",
            help="publish it before there are enough control tiles to judge it; the reason is kept and shown",
        )  # fmt: skip
        parser.add_argument("--by", help="username of who decides this; kept with the model")
        parser.add_argument("--dry-run", action="store_true", help="check the file and say what would be made of it")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign, path = campaign_named(options["campaign"]), options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}: give the weights as they were published.")
        with errors_for_people():
            source = self.source(options)
            recipe = recipe_for(
                campaign=campaign,
                source=source,
                variant=options["variant"],
                bands=options["bands"].split(",") if options["bands"] else None,
                mapping=load_mapping(options["mapping"]) if options["mapping"] else None,
            )
            if options["dry_run"]:
                with tempfile.TemporaryDirectory() as folder:
                    converted = convert_isolated(
                        path, Path(folder) / "model.safetensors", recipe=recipe.as_json(), archives=True,
                        campaign=campaign,
                    )  # fmt: skip
                self.tell(source, options["variant"], converted, json_output=options["json"])
                return
            job = start_import(
                campaign=campaign,
                actor=account_named(options["by"]) if options["by"] else None,
                path=path,
                file_name=path.name,
                source=source,
                recipe=recipe,
                variant=options["variant"],
                uploaded=False,
                publish_unjudged=bool(options["publish_unjudged"]),
                reason=options["publish_unjudged"],
                seen_here=options["seen_here"],
            )
            job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
        if options["json"]:
            self.stdout.write(json.dumps(job.result))
            return
        self.stdout.write(f"{job.result['model']} is {job.result['state']}. {job.result['reason']}")

    def source(self, options: dict[str, Any]) -> WeightsSource:
        if options["source_file"] is None:
            return shipped_source(options["source"])
        if not options["source_file"].is_file():
            raise CommandError(f"There is no file {options['source_file']}: give a source's data file.")
        return load_source(options["source_file"])

    def tell(self, source: WeightsSource, variant: str, converted: dict[str, Any], *, json_output: bool) -> None:
        """What would be made of the file."""
        if json_output:
            self.stdout.write(json.dumps(converted))
            return
        for code, channels in converted["rows"].items():
            self.stdout.write(f"{code:<16} {' + '.join(channels) or '(no channel: never said)'}")
        for channel, why in converted["left_out"].items():
            self.stdout.write(f"left out: {channel} ({why})")
        for band in source.bands_of(source.variant(variant)):
            self.stdout.write(f"band {band.name}: mean {band.mean:g}, std {band.std:g} {band.note}".rstrip())
        self.stdout.write(f"{source.attribution} ({source.licence}). {source.seen['en']}")
        self.stdout.write(f"{converted['parameters']:,} parameters; sha256 of the file {converted['source_sha256']}.")
        self.stdout.write("Dry run: nothing was kept.")
