from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people
from learning.management.commands._sampling import add_sampling_arguments, sampling_options, tell_sample
from learning.management.commands._support import campaign_named
from learning.services.sample_draw import draw_area_sample


class Command(BaseCommand):
    help = (
        "Draw places on a campaign's published map, at which people say what is there: what areas are estimated from."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        add_sampling_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        with errors_for_people():
            sample = draw_area_sample(campaign=campaign, **sampling_options(options))
        tell_sample(sample, out=self.stdout, as_json=options["json"])
