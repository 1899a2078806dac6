"""Samples for tests: two vintages with maps, and what people say of the places."""

from __future__ import annotations

import uuid
from typing import Any

from map_rows import map_of_vintage
from scenes import TWO_CLASSES, person

BUILT, GRASS = TWO_CLASSES
COUNTED = {BUILT: True, GRASS: False}


def two_vintages() -> Any:
    """A pair of layers of 1,024 px with maps: built in the west at both dates, in the east in 2019 alone."""
    from annotation.models import VintagePair

    older = map_of_vintage("older", vintage=2019, east=1)
    newer = map_of_vintage("newer", vintage=2022, east=2)
    return VintagePair.objects.create(first=older.layer, second=newer.layer)


def interpreters(campaign: Any, *, count: int = 2, role: str = "reviewer") -> list[Any]:
    """People who may answer a campaign's samples."""
    from annotation.services.people import set_role

    people = [person(f"{role}-{uuid.uuid4().hex[:8]}") for _ in range(count)]
    for one in people:
        set_role(campaign=campaign, user=one, role=role)
    return people


def say(unit: Any, who: Any, *codes: str | None, sureness: str = "sure", settles: bool = False) -> Any:
    """One answer: two codes, or None where they could not tell."""
    from learning.services.samples import Seen, answer_unit

    both = None if codes[0] is None else (codes[0], codes[1])
    return answer_unit(
        unit=unit,
        person=who,
        operation_id=uuid.uuid4(),
        seen=Seen(both, sureness, 1.0),
        settles=settles,  # type: ignore[arg-type]
    )


def change_sample(pair: Any = None, **options: Any) -> Any:
    """A drawn sample of change on two vintages."""
    from annotation.models import Campaign
    from learning.services.sample_draw import draw_change_sample

    pair = pair or two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    given = {"total": 12, "fewest": 3, "unit_px": 4, "seed": 1, "counted": COUNTED, "drawn_by": None, **options}
    return draw_change_sample(pair=pair, campaign=campaign, **given)


def told_change(campaign: Any, *, first: str = "before", places: int = 6) -> Any:
    """A sample of change on a campaign's own layer, of maps that were never made: half of its places lost built ground,
    half stayed grass; one person said so."""
    from django.contrib.gis.geos import Point
    from learning_rows import model_row
    from scenes import virtual_layer

    from annotation.models import VintagePair
    from learning.core.sample_frame import CHANGE_STRATA
    from learning.models import Prediction, ReferenceSample, SampleUnit
    from learning.services.samples import close_sample

    layer = campaign.layer
    earlier = virtual_layer(first, width=layer.width, height=layer.height)
    earlier.vintage = layer.vintage - 3
    earlier.save()
    model = model_row(campaign, number=campaign.training_sets.count() + 7)
    maps = [
        Prediction.objects.create(model=model, layer=one, folder=f"none-{first}-{one.slug}") for one in (earlier, layer)
    ]
    pair = VintagePair.objects.create(first=earlier, second=layer)
    strata = [
        {"name": name, "codes": [], "places": places, "area_m2": 5000.0 if name == "stable_out" else 0.0, "drawn": 0}
        for name in CHANGE_STRATA
    ]
    strata[1]["drawn"] = places
    sample = ReferenceSample.objects.create(
        campaign=campaign, kind="change", pair=pair, first_map=maps[0], second_map=maps[1],
        strata=strata, counted=COUNTED, unit_px=4, answers_wanted=1, seed=1,
    )  # fmt: skip
    [who] = interpreters(campaign, count=1)
    for number in range(1, places + 1):
        lon, lat = layer.pixel_grid.to_lonlat(8 * number + 2, 10)
        unit = SampleUnit.objects.create(
            sample=sample, number=number, stratum=1, row=8, col=8 * number, inclusion_probability=0.01,
            location=Point(lon, lat), first_mapped=GRASS, second_mapped=GRASS,
        )  # fmt: skip
        say(unit, who, BUILT if number % 2 else GRASS, GRASS)
    return close_sample(sample=sample, closed_by=who)


def bare_sample(campaign: Any, *, number: int = 6) -> Any:
    """A sample of one place at one date, of a map that was never made; returns the place."""
    from django.contrib.gis.geos import Point
    from learning_rows import model_row

    from learning.models import Prediction, ReferenceSample, SampleUnit

    row = Prediction.objects.create(model=model_row(campaign, number=number), layer=campaign.layer, folder="never-made")
    strata = [{"name": BUILT, "codes": [BUILT], "places": 1, "area_m2": 0.16, "drawn": 1}]
    sample = ReferenceSample.objects.create(
        campaign=campaign, kind="area", second_map=row, strata=strata, unit_px=2, seed=0
    )
    lon, lat = campaign.layer.pixel_grid.to_lonlat(101, 101)
    return SampleUnit.objects.create(
        sample=sample, number=1, stratum=0, row=100, col=100, inclusion_probability=1, location=Point(lon, lat)
    )
