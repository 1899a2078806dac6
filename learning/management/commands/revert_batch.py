from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.services.reverts import Scope, revert_batch, undo_revert
from learning.management.commands import _reverting as common
from learning.management.commands._support import campaign_named
from learning.services.reverted import learnt_from


class Command(BaseCommand):
    help = "Set aside what was labelled and answered in a campaign, within a time and an area; blocks nobody."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", nargs="?")
        parser.add_argument("--until", help="only what was done before then")
        parser.add_argument("--bbox", help="only tiles that touch this box: west,south,east,north in degrees")
        parser.add_argument("--account", help="only this account's, by username or public id")
        common.add_common_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = common.account_named(options["by"]) if options["by"] else None
        with errors_for_people():
            if options["undo"] is not None:
                undone = undo_revert(revert_id=options["undo"], actor=actor, reason=options["reason"])
                self.stdout.write(common.undo_message(undone))
                return
            if not options["campaign"]:
                raise CommandError("Name a campaign, or a revert to --undo.")
            scope = Scope(
                account=common.account_named(options["account"]) if options["account"] else None,
                campaign=campaign_named(options["campaign"]),
                since=common.moment(options["since"]),
                until=common.moment(options["until"]),
                area=common.area_of(options["bbox"]),
            )
            reason = common.required_reason(options)
            found = revert_batch(scope=scope, actor=actor, reason=reason, dry_run=options["dry_run"], look=learnt_from)
        common.print_reverted(found, out=self.stdout)
