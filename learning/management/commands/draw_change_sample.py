from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people, pair_named
from learning.management.commands._sampling import add_sampling_arguments, sampling_options, tell_sample
from learning.management.commands._support import campaign_named
from learning.services.sample_draw import draw_change_sample


class Command(BaseCommand):
    help = "Draw places at which people say what changed between two vintages: what figures of change are made of."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign on the later imagery")
        parser.add_argument("--earlier", required=True, help="short name of the earlier layer")
        add_sampling_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        pair = pair_named(first=options["earlier"], second=campaign.layer)
        with errors_for_people():
            sample = draw_change_sample(pair=pair, campaign=campaign, **sampling_options(options))
        tell_sample(sample, out=self.stdout, as_json=options["json"])
