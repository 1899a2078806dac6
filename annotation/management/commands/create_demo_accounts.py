import json
import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from annotation.services.people import accept_contribution_licence

MARK = "@demo.invalid"  # no address ends so (RFC 2606): only this command gives it to an account


class Command(BaseCommand):
    help = "Create the demonstration's accounts with new passwords and print them as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contributors", type=int, default=4)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        names = ["annotator", "reviewer", "maintainer"]
        names += [f"contributor{number}" for number in range(1, options["contributors"] + 1)]
        accounts = {}
        for name in names:
            user = demo_account(name)
            password = secrets.token_urlsafe(9)
            user.set_password(password)
            user.save()
            accept_contribution_licence(user=user)
            accounts[name] = password
        self.stdout.write(json.dumps(accounts))


def demo_account(name: str) -> User:
    """The demonstration's account of this name, made at first need; nobody else's password is ever changed.

    Raises: CommandError: the account is someone's.
    """
    user, _created = get_user_model().objects.get_or_create(username=name, defaults={"email": name + MARK})
    if user.email != name + MARK or user.is_staff or user.is_superuser:
        raise CommandError(
            f"The account {name!r} was not made by this command: its e-mail address is not {name + MARK}, or it is "
            "staff. Its password is left alone. If it is the demonstration's all the same, give it that address under "
            f"/admin/auth/user/{user.pk}/change/; if it is someone's, run the demonstration on a database of its own."
        )
    return user
