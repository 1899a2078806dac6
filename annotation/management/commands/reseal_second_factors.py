from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand
from django.db import transaction

SEALED = ("secret", "seed")


class Command(BaseCommand):
    help = "Seal the secrets of second factors with the present SECRET_KEY: before a former key is dropped."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        adapter, count = get_adapter(), 0
        for factor in Authenticator.objects.select_for_update().order_by("pk"):
            held = {name: factor.data[name] for name in SEALED if name in factor.data}
            if held:
                factor.data |= {name: adapter.encrypt(adapter.decrypt(value)) for name, value in held.items()}
                factor.save(update_fields=["data"])
                count += 1
        self.stdout.write(f"{count} second factors are sealed with the present key.")
