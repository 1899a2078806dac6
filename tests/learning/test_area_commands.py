"""Planning and drawing a sample, and counting a map, from the command line."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from map_rows import map_of_vintage

from learning.models import MapArea


def said(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


CLASSES = ("--class", "built=0.1:0.8", "--class", "rest=0.9:0.95")


def test_a_plan_says_how_many_places_are_wanted_and_what_they_tell():
    # (0.1 · 0.4 + 0.9 · 0.2179) / 0.02 · 1.96, squared: 535
    plan = json.loads(said("plan_sample", *CLASSES, "--half-width", "0.02", "--how", "proportional", "--json"))
    assert sum(plan["places"].values()) == pytest.approx(535, abs=2)
    assert "overall accuracy to ±" in said("plan_sample", *CLASSES, "--places", "300")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*CLASSES,), "Say what is wanted"),
        (("--class", "built", "--places", "9"), "CODE=SHARE:ACCURACY"),
        ((*CLASSES, "--area-of", "water=0.01"), "none of the classes"),
        (("--class", "built=1:0.9", "--places", "9"), "two classes"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_what_to_write(arguments, told):
    with pytest.raises(CommandError, match=told):
        said("plan_sample", *arguments)


@pytest.mark.django_db
def test_a_sample_is_drawn_and_a_map_counted_by_name():
    prediction = map_of_vintage("named", vintage=2022, east=2)
    slug = prediction.model.campaign.slug
    told = said("draw_area_sample", "--campaign", slug, "--places", "20", "--fewest", "5", "--unit-px", "4")
    assert "answer it at" in told
    assert "0 territories" in said("count_map_areas", "--campaign", slug)
    assert MapArea.objects.get(prediction=prediction).ground_px == 1024 * 1024
