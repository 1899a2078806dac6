import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from learning.core.sample_frame import FEWEST_A_STRATUM
from learning.core.sample_plan import (
    ALLOCATIONS,
    Expected,
    allocation,
    expected_half_widths,
    places_for_accuracy,
    places_for_area,
)
from learning.errors import InvalidSample


class Command(BaseCommand):
    help = "How many places a sample takes, from what one expects of a map; nothing is drawn, and no map is needed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--class", dest="classes", action="append", required=True, metavar="CODE=SHARE:ACCURACY",
            help="a class, its share of the ground in any unit, and how often the map is right there, from 0 to 1 "
            "(user's accuracy); once for each class",
        )  # fmt: skip
        parser.add_argument("--half-width", type=float, help="wanted for the overall accuracy, such as 0.02")
        parser.add_argument(
            "--area-of", metavar="CODE=HALF_WIDTH", help="wanted for a class's area, share of the ground"
        )
        parser.add_argument("--places", type=int, help="in all; by default what the wishes take")
        parser.add_argument("--how", choices=ALLOCATIONS, default="fewest", help="shared out (%(default)s)")
        parser.add_argument("--fewest", type=int, default=FEWEST_A_STRATUM, help="in each class (%(default)s)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        codes, expected = _classes(options["classes"])
        try:
            total = options["places"] or _wanted(codes, expected, options)
            places = allocation(expected, total=total, how=options["how"], fewest=options["fewest"])
            told = expected_half_widths(expected, places)
        except InvalidSample as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            figures = {"overall": told.overall, "user": told.user, "area": told.area}
            self.stdout.write(json.dumps({"places": dict(zip(codes, places, strict=True)), **figures}))
            return
        self.stdout.write(f"{'class':<14}{'ground':>9}{'places':>8}{'accuracy ±':>12}{'area ±':>9}")
        for code, weight, n, user, area in zip(codes, expected.weight, places, told.user, told.area, strict=True):
            self.stdout.write(f"{code:<14}{weight:>8.1%} {n:>7} {user:>11.3f} {area:>8.2%}")
        self.stdout.write(f"{sum(places)} places: overall accuracy to ± {told.overall:.3f}, at 95 %.")


def _classes(given: list[str]) -> tuple[list[str], Expected]:
    codes, shares, user = [], [], []
    for text in given:
        code, _, numbers = text.rpartition("=")
        share, _, accuracy = numbers.partition(":")
        try:
            shares.append(float(share))
            user.append(float(accuracy))
        except ValueError:
            raise CommandError(f"{text!r}: write a class as CODE=SHARE:ACCURACY, such as water=0.03:0.9.") from None
        codes.append(code)
    try:
        return codes, Expected(tuple(shares), tuple(user))
    except InvalidSample as error:
        raise CommandError(str(error)) from None


def _wanted(codes: list[str], expected: Expected, options: dict[str, Any]) -> int:
    found = []
    if options["half_width"] is not None:
        found.append(places_for_accuracy(expected, half_width=options["half_width"]))
    if options["area_of"]:
        code, _, half_width = options["area_of"].rpartition("=")
        if code not in codes:
            raise CommandError(f"{code!r} is none of the classes given: {', '.join(codes)}.")
        found.append(places_for_area(expected, class_number=codes.index(code), half_width=float(half_width)))
    if not found:
        raise CommandError("Say what is wanted: --half-width, --area-of or --places.")
    return max(found)
