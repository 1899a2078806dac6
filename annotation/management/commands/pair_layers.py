from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from annotation.management.commands._support import errors_for_people, layer_named
from annotation.services.pairs import measure_pair, pair_layers, shift_of


class Command(BaseCommand):
    help = "Pairs two layers of the same ground, the earlier first, and measures how far they lie apart."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("first", help="short name of the earlier layer")
        parser.add_argument("second", help="short name of the later layer")

    def handle(self, *args: Any, **options: Any) -> None:
        first, second = (layer_named(options[name]) for name in ("first", "second"))
        with errors_for_people():
            pair = pair_layers(first=first, second=second, actor=None)
            found = measure_pair(pair)
        shift = shift_of(pair)
        if found is None or shift is None:
            self.stdout.write(f"{pair}: paired. No window shows enough in common to measure the shift.")
            return
        self.stdout.write(
            f"{pair}: the second lies {shift.east_m:+.2f} m east and {shift.south_m:+.2f} m south of the "
            f"first ({found.distance:.2f} px; 95 % of {found.windows} windows within {shift.spread_m:.2f} m of "
            f"that, {found.looked_at} looked at)."
        )
        if shift.is_large:
            self.stdout.write(
                "That is more than a pixel: what lies along edges will look like change. Correct the position of one "
                "of them, or ask people about places further inside."
            )
