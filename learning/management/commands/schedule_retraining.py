import argparse
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import errors_for_people
from annotation.services.nomenclatures import finest_codes
from learning.jobs.options import read_options
from learning.management.commands._support import campaign_named
from learning.models import RetrainingPolicy
from learning.services.scheduling import set_retraining_policy

LEFT_OUT = object()


def number_or_none(text: str) -> float | None:
    """A number, or none."""
    return None if text == "none" else float(text)


class Command(BaseCommand):
    help = "Set when a campaign retrains by itself, how, and how many tiles a round asks for."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign")
        parser.add_argument("--every-hours", type=float, help="least time between two trainings")
        parser.add_argument("--min-newly-accepted", type=int, help="accepted labels since the last training set")
        parser.add_argument("--round-size", type=int, help="pool tiles a round asks for")
        parser.add_argument(
            "--set", action="append", default=[], metavar="OPTION=VALUE",
            help="an option of the training, such as steps=200 (VALUE is JSON); repeat for more",
        )  # fmt: skip
        for name, what in (
            ("--drift-index", "retrain earlier when the classes of new labels have moved by so much; none: never"),
            ("--stop-below-points", "stop when the next 100 tiles bring less, in points of mean IoU; none: never"),
        ):
            parser.add_argument(name, type=number_or_none, default=LEFT_OUT, help=what)
        parser.add_argument(
            "--floor", action="append", default=[], metavar="CLASS=IOU",
            help="least IoU of a class (0 to 1) for a model to be published, or none; repeat for more",
        )  # fmt: skip
        parser.add_argument(
            "--shadow", action=argparse.BooleanOptionalAction, default=None,
            help="judge models and leave publishing to a maintainer",
        )  # fmt: skip
        switch = parser.add_mutually_exclusive_group()
        switch.add_argument("--on", dest="enabled", action="store_true", default=None, help="retrain by itself")
        switch.add_argument("--off", dest="enabled", action="store_false", default=None, help="only when asked")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign = campaign_named(options["campaign"])
        given = {
            "enabled": options["enabled"],
            "period_hours": options["every_hours"],
            "min_newly_accepted": options["min_newly_accepted"],
            "round_size": options["round_size"],
            "shadow": options["shadow"],
        }
        values = {name: value for name, value in given.items() if value is not None}
        for name in ("drift_index", "stop_below_points"):
            if options[name] is not LEFT_OUT:
                values[name] = options[name]
        known = RetrainingPolicy.objects.filter(campaign=campaign).first()
        if options["floor"]:
            floors = {**(known.class_floors if known else {}), **self.parsed(options["floor"], "--floor", "CLASS=IOU")}
            values["class_floors"] = {code: floor for code, floor in floors.items() if floor not in (None, "none")}
        if options["set"]:
            training = {**(known.training if known else {}), **self.parsed(options["set"], "--set", "OPTION=VALUE")}
            with errors_for_people():
                read_options(training, bands=campaign.layer.bands, class_codes=finest_codes(campaign), seed=0)
            values["training"] = training
        with errors_for_people():
            report = self.report(set_retraining_policy(campaign=campaign, **values))
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        how = "on" if report["enabled"] else "off"
        self.stdout.write(
            f"Retraining of {campaign.slug} is {how}: at most every {report['period_hours']:g} h, from "
            f"{report['min_newly_accepted']} newly accepted labels, rounds of {report['round_size']} tiles."
        )

    def parsed(self, pairs: list[str], option: str, form: str) -> dict[str, Any]:
        """Names and values from NAME=VALUE; a value that is not JSON is text."""
        found: dict[str, Any] = {}
        for pair in pairs:
            name, sign, value = pair.partition("=")
            if not sign:
                raise CommandError(f"{option} {pair!r}: write {form}.")
            try:
                found[name] = json.loads(value)
            except ValueError:
                found[name] = value
        return found

    def report(self, policy: RetrainingPolicy) -> dict[str, Any]:
        return {
            "campaign": policy.campaign.slug,
            "enabled": policy.enabled,
            "period_hours": policy.period_hours,
            "min_newly_accepted": policy.min_newly_accepted,
            "round_size": policy.round_size,
            "training": policy.training,
            "drift_index": policy.drift_index,
            "stop_below_points": policy.stop_below_points,
            "shadow": policy.shadow,
            "class_floors": policy.class_floors,
            "last_refusal": policy.last_refusal,
        }
