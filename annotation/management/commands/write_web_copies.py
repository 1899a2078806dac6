import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people, follow_job, progress_stream
from annotation.models import ImageryLayer
from annotation.services.imagery import start_web_copy


class Command(BaseCommand):
    help = "Write the copies for web maps of imagery that was imported before there were any."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("layers", nargs="*", help="short names of layers (default: all)")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        written = []
        with errors_for_people():
            for slug in options["layers"] or ImageryLayer.objects.values_list("slug", flat=True):
                job = start_web_copy(slug=slug)
                if job is not None:
                    follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
                    written.append(slug)
        if options["json"]:
            self.stdout.write(json.dumps({"written": written}))
        else:
            self.stdout.write(f"Copies written: {', '.join(written)}." if written else "Every layer has its copy.")
