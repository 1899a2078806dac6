from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.models import Territory
from annotation.services.territories import end_stewardship, give_stewardship, territory_named


class Command(BaseCommand):
    help = "Let a person look after a territory: what is reported there comes to their desk, /steward/."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("kind", choices=Territory.Kind.values)
        parser.add_argument("code", help="such as 32013, the commune's code")
        parser.add_argument("--remove", action="store_true", help="they look after it no longer")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['username']!r}.")
        with errors_for_people():
            territory = territory_named(kind=options["kind"], code=options["code"])
        if not options["remove"]:
            give_stewardship(territory=territory, user=user)
            self.stdout.write(f"{user.username} looks after {territory}.")
        elif end_stewardship(territory=territory, user=user):
            self.stdout.write(f"{user.username} looks after {territory} no longer.")
        else:
            raise CommandError(f"{user.username} does not look after {territory}.")
