"""What the commands that draw places for people to look at have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper

from annotation.management.commands._support import account_named
from learning.core.sample_frame import FEWEST_A_STRATUM
from learning.models import ReferenceSample
from learning.services.sample_draw import DEFAULT_PLACES


def add_sampling_arguments(parser: CommandParser) -> None:
    """How many places, how large, and by whom."""
    parser.add_argument("--places", type=int, default=DEFAULT_PLACES, help="in all (%(default)s); see plan_sample")
    parser.add_argument("--fewest", type=int, default=FEWEST_A_STRATUM, help="in each stratum (%(default)s)")
    parser.add_argument("--unit-px", type=int, help="side of a place in pixels of the layer; about 2 m")
    parser.add_argument("--answers", type=int, default=2, help="people who answer each place (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw: the same one draws the same places")
    parser.add_argument("--by", help="username of who draws it")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def sampling_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the services that draw take them. Raises: CommandError: no such account."""
    return {
        "drawn_by": account_named(options["by"]) if options["by"] else None,
        "total": options["places"],
        "fewest": options["fewest"],
        "unit_px": options["unit_px"],
        "answers_wanted": options["answers"],
        "seed": options["seed"],
    }


def tell_sample(sample: ReferenceSample, *, out: OutputWrapper, as_json: bool) -> None:
    """What was drawn in each stratum, and where it is answered."""
    if as_json:
        out.write(json.dumps({"sample": sample.pk, "strata": sample.strata}))
        return
    for stratum in sample.strata:
        out.write(f"{stratum['name']:<13} {stratum['area_m2'] / 10_000:>12.2f} ha {stratum['drawn']:>6} places")
    out.write(f"Sample {sample.pk}: answer it at /campaigns/{sample.campaign.slug}/sample/{sample.pk}/.")
