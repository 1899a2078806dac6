from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people, pair_named
from annotation.models import ChangeRound
from annotation.services.change_rounds import LEAST_CELL_PX, open_change_round
from learning.management.commands._support import campaign_named
from learning.services.map_pairs import cells_of_published_maps, maps_of_pair


class Command(BaseCommand):
    help = "Ask people about ground on which the published maps of two vintages differ: opens a round of questions."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="short name of the campaign, over the later layer")
        parser.add_argument("--first", required=True, help="short name of the earlier layer")
        parser.add_argument("--control-share", type=float, default=0.1, help="share of tiles drawn at random (0.1)")
        parser.add_argument("--least-px", type=int, default=LEAST_CELL_PX, help="smallest ground asked about")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        pair = pair_named(first=options["first"], second=campaign.layer)
        share, seed = options["control_share"], options["seed"]
        with errors_for_people():
            maps = maps_of_pair(campaign=campaign, pair=pair)
            opened = open_change_round(
                campaign=campaign,
                pair=pair,
                cells=cells_of_published_maps(
                    campaign=campaign, pair=pair, control_share=share, seed=seed, least_px=options["least_px"]
                ),
                source=ChangeRound.Source.MAPS,
                first_map=maps.first.model.version,
                second_map=maps.second.model.version,
                control_share=share,
                seed=seed,
            )
        self.stdout.write(
            f"Round {opened.round.number}: {opened.cells} places on {opened.round.tickets.count()} tiles to compare, "
            f"{opened.left_out} left out (control, blind, gold or split tiles, and beyond forty on one tile)."
        )
