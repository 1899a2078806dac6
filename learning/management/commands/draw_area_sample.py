import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import account_named, errors_for_people
from learning.core.sample_frame import FEWEST_A_STRATUM
from learning.management.commands._support import campaign_named
from learning.services.sample_draw import DEFAULT_PLACES, draw_area_sample


class Command(BaseCommand):
    help = (
        "Draw places on a campaign's published map, at which people say what is there: what areas are estimated from."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--places", type=int, default=DEFAULT_PLACES, help="in all (%(default)s); see plan_sample")
        parser.add_argument("--fewest", type=int, default=FEWEST_A_STRATUM, help="in each class (%(default)s)")
        parser.add_argument("--unit-px", type=int, help="side of a place in pixels of the layer; about 2 m")
        parser.add_argument("--answers", type=int, default=2, help="people who answer each place (%(default)s)")
        parser.add_argument("--seed", type=int, default=0, help="of the draw: the same one draws the same places")
        parser.add_argument("--by", help="username of who draws it")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        with errors_for_people():
            sample = draw_area_sample(
                campaign=campaign,
                drawn_by=account_named(options["by"]) if options["by"] else None,
                total=options["places"],
                fewest=options["fewest"],
                unit_px=options["unit_px"],
                answers_wanted=options["answers"],
                seed=options["seed"],
            )
        if options["json"]:
            self.stdout.write(json.dumps({"sample": sample.pk, "strata": sample.strata}))
            return
        for stratum in sample.strata:
            self.stdout.write(
                f"{stratum['name']:<13} {stratum['area_m2'] / 10_000:>12.2f} ha {stratum['drawn']:>6} places"
            )
        self.stdout.write(f"Sample {sample.pk}: answer it at /campaigns/{campaign.slug}/sample/{sample.pk}/.")
