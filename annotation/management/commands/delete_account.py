from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import account_named, errors_for_people
from annotation.services.erasure import erase_person


class Command(BaseCommand):
    help = "Delete an account for good; its contributions stay under its random id. Repeated, it changes nothing more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="user name or random public id")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        user = account_named(options["person"])
        if (
            not options["yes"]
            and input(f"Delete the account {user.username!r} for good? Type its name: ") != user.username
        ):
            raise CommandError("Nothing was deleted.")
        with errors_for_people():
            erased = erase_person(user=user, actor=None)
        self.stdout.write(f"The account is deleted; its contributions stay under {erased.public_id}.")
        for slug in erased.unmaintained:
            self.stdout.write(f"{slug} has no maintainer now: manage.py set_role {slug} NAME maintainer")
