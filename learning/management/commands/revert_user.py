from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.services.reverts import revert_user, undo_revert
from learning.management.commands import _reverting as common
from learning.management.commands._support import campaign_named
from learning.services.reverted import learnt_from


class Command(BaseCommand):
    help = "Block an account and set all of its work aside; nothing is deleted, and --undo brings it back."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", nargs="?", help="username or public id")
        parser.add_argument("--campaign", help="only in this campaign")
        common.add_common_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = common.account_named(options["by"]) if options["by"] else None
        with errors_for_people():
            if options["undo"] is not None:
                undone = undo_revert(revert_id=options["undo"], actor=actor, reason=options["reason"])
                self.stdout.write(common.undo_message(undone))
                return
            if not options["account"]:
                raise CommandError("Name an account, by username or public id, or a revert to --undo.")
            found = revert_user(
                account=common.account_named(options["account"]),
                actor=actor,
                reason=common.required_reason(options),
                since=common.moment(options["since"]),
                campaign=campaign_named(options["campaign"]) if options["campaign"] else None,
                dry_run=options["dry_run"],
                look=learnt_from,
            )
        common.print_reverted(found, out=self.stdout)
