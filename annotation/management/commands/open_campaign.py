import json
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.models import Campaign, ImageryLayer
from annotation.services.campaigns import open_campaign
from annotation.services.nomenclatures import latest_nomenclature

FEWEST_HOLDOUT_TILES = 10  # what the learning side's gate asks for


class Command(BaseCommand):
    help = "Open a campaign on an imagery layer: draws the hold-out, then the first round of tiles."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name of the campaign, as in addresses")
        parser.add_argument("--title", help="name people see")
        parser.add_argument("--description", default="")
        parser.add_argument("--layer", required=True, help="short name of the imagery layer")
        parser.add_argument("--nomenclature", required=True, help="code of a loaded nomenclature, such as ocsge_cover")
        parser.add_argument("--tile-px", type=int, default=512, help="side of a tile in pixels (default 512)")
        parser.add_argument("--redundancy", type=int, default=1, help="people wanted on each tile (default 1)")
        parser.add_argument("--review", choices=["review", "none"], default="review")
        parser.add_argument(
            "--first-reviewed", type=int, default=3, help="tiles of a newcomer reviewed before their work counts (3)"
        )
        parser.add_argument("--control-share", type=float, default=0.2, help="share of a round that is hold-out tiles")
        parser.add_argument("--random-share", type=float, default=0.1, help="share of a round drawn at random")
        parser.add_argument(
            "--blind-share", type=float, default=0.1, help="share of the pool labelled without help (0.1)"
        )
        parser.add_argument(
            "--newcomer-tiles",
            type=int,
            default=3,
            help="tiles a person must have had accepted before they get the hardest ones (3; 0: none)",
        )
        parser.add_argument(
            "--gold-share", type=float, default=0.1, help="share of what a person is given that is gold, once there is"
        )
        parser.add_argument("--holdout-share", type=float, help="share of the ground kept for evaluation")
        parser.add_argument("--holdout-block", type=int, default=2, help="side of a hold-out block, in tiles")
        parser.add_argument("--holdout-buffer", type=int, default=1, help="tiles left out around a hold-out block")
        parser.add_argument("--first-round", type=int, default=50, help="pool tiles in the first round")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--maintainer", help="user name of the campaign's maintainer")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        layer = ImageryLayer.objects.filter(slug=options["layer"]).first()
        if layer is None:
            known = ", ".join(ImageryLayer.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no imagery layer {options['layer']!r} (there are: {known}).")
        maintainer = None
        if options["maintainer"]:
            maintainer = get_user_model().objects.filter(username=options["maintainer"]).first()
            if maintainer is None:
                raise CommandError(f"There is no user {options['maintainer']!r}: create the account first.")
        with errors_for_people():
            campaign = open_campaign(
                slug=options["slug"],
                title=options["title"] or options["slug"],
                description=options["description"],
                layer=layer,
                nomenclature=latest_nomenclature(options["nomenclature"]),
                tile_px=options["tile_px"],
                created_by=maintainer,
                redundancy=options["redundancy"],
                review_policy=options["review"],
                first_reviewed=options["first_reviewed"],
                control_share=options["control_share"],
                random_share=options["random_share"],
                blind_share=options["blind_share"],
                newcomer_tiles=options["newcomer_tiles"],
                gold_share=options["gold_share"],
                holdout_share=options["holdout_share"],
                holdout_block_tiles=options["holdout_block"],
                holdout_buffer_tiles=options["holdout_buffer"],
                first_round=options["first_round"],
                seed=options["seed"],
            )
        report = self.report(campaign)
        if campaign.holdout.n_tiles < FEWEST_HOLDOUT_TILES:
            self.stderr.write(
                f"note: the hold-out has {campaign.holdout.n_tiles} tiles and a model is judged on at least "
                f"{FEWEST_HOLDOUT_TILES}: none will be published here. Open it with a larger --holdout-share."
            )
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        self.stdout.write(
            f"Campaign {campaign.slug}: {report['tiles']} tiles of {campaign.tile_px} px, "
            f"{report['holdout_tiles']} kept for evaluation, {report['tickets']} asked for in the first round."
        )

    def report(self, campaign: Campaign) -> dict[str, Any]:
        return {
            "slug": campaign.slug,
            "tiles": campaign.n_usable,
            "n_rows": campaign.n_rows,
            "n_cols": campaign.n_cols,
            "tile_px": campaign.tile_px,
            "holdout_tiles": campaign.holdout.n_tiles,
            "inclusion_probability": campaign.holdout.inclusion_probability,
            "tickets": campaign.tickets.count(),
        }
