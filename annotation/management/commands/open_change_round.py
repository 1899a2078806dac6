from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, pair_named
from annotation.models import Campaign, ChangeRound
from annotation.services.change_rounds import LEAST_CELL_PX, cells_of_labels, open_change_round


class Command(BaseCommand):
    help = "Ask people about ground that two dates label differently: opens a round of questions about change."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="short name of the campaign, over the later layer")
        parser.add_argument("--first", required=True, help="short name of the earlier layer")
        parser.add_argument("--control-share", type=float, default=0.1, help="share of tiles drawn at random (0.1)")
        parser.add_argument("--least-px", type=int, default=LEAST_CELL_PX, help="smallest ground asked about")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--maintainer", help="user name of who opens it")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = Campaign.objects.select_related("layer", "nomenclature", "holdout").filter(slug=options["campaign"])
        if not campaign:
            raise CommandError(f"There is no campaign {options['campaign']!r}.")
        pair = pair_named(first=options["first"], second=campaign[0].layer)
        actor = account_named(options["maintainer"]) if options["maintainer"] else None
        share, seed = options["control_share"], options["seed"]
        with errors_for_people():
            opened = open_change_round(
                campaign=campaign[0],
                pair=pair,
                cells=cells_of_labels(
                    campaign=campaign[0], pair=pair, control_share=share, seed=seed, least_px=options["least_px"]
                ),
                source=ChangeRound.Source.LABELS,
                control_share=share,
                seed=seed,
                actor=actor,
            )
        self.stdout.write(
            f"Round {opened.round.number}: {opened.cells} places on {opened.round.tickets.count()} tiles to compare, "
            f"{opened.left_out} left out (control, blind, gold or split tiles)."
        )
