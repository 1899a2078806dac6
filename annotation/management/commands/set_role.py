from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.models import Campaign, Membership
from annotation.services.people import set_role


class Command(BaseCommand):
    help = "Give a person a role in a campaign: annotator, reviewer or maintainer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign")
        parser.add_argument("username")
        parser.add_argument("role", choices=Membership.Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = Campaign.objects.filter(slug=options["campaign"]).first()
        user = get_user_model().objects.filter(username=options["username"]).first()
        if campaign is None or user is None:
            missing = f"campaign {options['campaign']!r}" if campaign is None else f"user {options['username']!r}"
            raise CommandError(f"There is no {missing}.")
        set_role(campaign=campaign, user=user, role=options["role"])
        self.stdout.write(f"{user.username} is now {options['role']} of {campaign.slug}.")
