import json
import secrets
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from annotation.services.people import accept_contribution_licence


class Command(BaseCommand):
    help = "Create the demonstration's accounts with new passwords and print them as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contributors", type=int, default=4)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        names = ["annotator", "reviewer", "maintainer"]
        names += [f"contributor{number}" for number in range(1, options["contributors"] + 1)]
        users = get_user_model().objects
        accounts = {}
        for name in names:
            user, _created = users.get_or_create(username=name)
            password = secrets.token_urlsafe(9)
            user.set_password(password)
            user.save()
            accept_contribution_licence(user=user)
            accounts[name] = password
        self.stdout.write(json.dumps(accounts))
