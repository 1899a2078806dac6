import os
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.loop import run_demo
from demo.options import DemoOptions


class Command(BaseCommand):
    help = "Turn the whole loop once: imagery, people, model, doubts, release. `make demo` sets everything up first."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run_demo(DemoOptions.from_environment(os.environ, root=settings.REPOSITORY))
        except (ValueError, RuntimeError) as error:
            raise CommandError(str(error)) from error
