"""A made territory at two dates, whose true change is known, mapped with known errors and sampled through the platform.

    python bench/_two_vintages.py [--seed 11] [--draws 300]

The ground is a plan of fields, woods, water, roads and buildings of 4 km². Between the dates some of it is built on and
a little is given back. The first map misses buildings that were there, by whole blocks, and the second misses some new
ones: subtracting them counts those errors as change, the first map's in the flow.

Everything then goes the platform's own way, in a database of its own: two layers and their maps, the pair, a sample
drawn from the maps (learning.services.sample_draw), two people who answer each place through the HTTP API and err, a
third who settles, the sample closed, the figures (learning.services.change_figures). Three checks are made of them:

    flow_interval_contains_truth  the intervals of flow, return flow and net hold the truth
    naive_outside                 the difference of the two maps lies outside the intervals of flow and of net
    planted_fault_caught          counted with the first map's class in place of what people saw there, so that places
                                  where only that map was wrong are change, the interval of the flow misses the truth

One sample may miss by chance, five times in a hundred. So the same territory is also sampled `--draws` times by the
same functions without a database, and the share of intervals that hold the truth is printed beside.
"""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]

SIDE_PX, GSD_M, UNIT_PX, TILE_PX = 2048, 1.0, 4, 128
BUILT, ROAD, SOIL, WATER, WOOD, PINES = range(1, 7)
CODES = ("CS1.1.1.1", "CS1.1.1.2", "CS1.2.1", "CS1.2.2", "CS2.1.1.1", "CS2.1.1.2")
COUNTED = (BUILT, ROAD)
SHARES = (0.09, 0.04, 0.42, 0.05, 0.30, 0.10)  # of the first date's fields
FIELD_PX = 64
GAINED, GIVEN_BACK = 0.012, 0.003  # of the ground, between the dates
MISSED_BEFORE, INVENTED_BEFORE = 0.020, 0.004  # of the ground: buildings that the first map lacks, or has too many
MISSED_AFTER, INVENTED_AFTER = 0.25, 0.003  # of what is new, and of the ground
SPECKS = 0.002  # of the places of each map: any class
ERRS, CANNOT_TELL, SETTLER_ERRS = 0.03, 0.01, 0.01  # of a person's answers
PLACES, FEWEST, ANSWERS = 1400, 150, 2
FIRST_DAY, SECOND_DAY = date(2019, 7, 12), date(2022, 6, 3)
HA = GSD_M**2 / 10_000


@dataclass(frozen=True)
class Territory:
    """Class of every pixel, in truth and on the maps, at the two dates: uint8, constant within a place."""

    then: UInt8Array
    now: UInt8Array
    map_then: UInt8Array
    map_now: UInt8Array

    def flow_ha(self, first: UInt8Array, second: UInt8Array) -> dict[str, float]:
        """Gain, loss and net of counted ground between two rasters."""
        before, after = np.isin(first, COUNTED), np.isin(second, COUNTED)
        gain, loss = float((~before & after).sum() * HA), float((before & ~after).sum() * HA)
        return {"gain": gain, "loss": loss, "net": gain - loss}

    @property
    def truth(self) -> dict[str, float]:
        """What changed."""
        return self.flow_ha(self.then, self.now)

    @property
    def naive(self) -> dict[str, float]:
        """What subtracting the maps says."""
        return self.flow_ha(self.map_then, self.map_now)


def territory(seed: int) -> Territory:
    """A territory of a seed."""
    rng = np.random.default_rng([seed, 1])
    cells = SIDE_PX // FIELD_PX
    fields = rng.choice(np.arange(1, len(CODES) + 1), size=(cells, cells), p=_normal(SHARES)).astype(np.uint8)
    then = np.repeat(np.repeat(fields, FIELD_PX, axis=0), FIELD_PX, axis=1)
    now = then.copy()
    _blocks(now, GAINED, where=lambda part: ~np.isin(part, COUNTED), value=BUILT, rng=rng)
    given = then.copy()
    _blocks(given, GIVEN_BACK, where=lambda part: np.isin(part, COUNTED), value=SOIL, rng=rng)
    now = np.where((given != then) & (now == then), given, now)
    map_then = then.copy()
    _blocks(map_then, MISSED_BEFORE, where=lambda part: np.isin(part, COUNTED), value=SOIL, rng=rng)
    _blocks(map_then, INVENTED_BEFORE, where=lambda part: ~np.isin(part, COUNTED), value=BUILT, rng=rng)
    map_now = now.copy()
    new = np.isin(now, COUNTED) & ~np.isin(then, COUNTED)
    unseen = np.repeat(np.repeat(rng.random((cells * 4, cells * 4)) < MISSED_AFTER, FIELD_PX // 4, 0), FIELD_PX // 4, 1)
    map_now = np.where(new & unseen, then, map_now)
    _blocks(map_now, INVENTED_AFTER, where=lambda part: ~np.isin(part, COUNTED), value=BUILT, rng=rng)
    return Territory(then, now, _specked(map_then, rng), _specked(map_now, rng))


def _normal(shares: tuple[float, ...]) -> NDArray[np.float64]:
    return np.array(shares) / sum(shares)


def _blocks(
    raster: UInt8Array, share: float, *, where: Callable[[UInt8Array], NDArray[np.bool_]], value: int,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """Give a class to rectangles of whole places, only where asked, until they cover the share of the ground."""
    wanted, done = share * raster.size, 0
    while done < wanted:
        height, width = (int(side) * UNIT_PX for side in rng.integers(3, 14, size=2))
        top, left = (int(at) * UNIT_PX for at in rng.integers(0, SIDE_PX // UNIT_PX - 14, size=2))
        part = raster[top : top + height, left : left + width]
        taken = where(part)
        done += int(taken.sum())
        part[taken] = value


def _specked(raster: UInt8Array, rng: np.random.Generator) -> UInt8Array:
    """The raster with some places of any class."""
    places = SIDE_PX // UNIT_PX
    wrong = np.where(rng.random((places, places)) < SPECKS, rng.integers(1, len(CODES) + 1, (places, places)), 0)
    spread = np.repeat(np.repeat(wrong, UNIT_PX, 0), UNIT_PX, 1)
    return np.where(spread > 0, spread, raster).astype(np.uint8)


# --- through the platform -----------------------------------------------------------------------------------


@dataclass
class Run:
    """What the platform says of a sample, and with the fault planted."""

    figures: Any
    planted: Any  # the gain, counted with the first map's classes


def through_platform(ground: Territory, *, seed: int) -> Run:
    """Store, pair, draw, answer, settle, close, compute; in the database that is set up."""
    from learning.core.change_area import change_estimates
    from learning.services.change_figures import change_figures
    from learning.services.sample_draw import draw_change_sample
    from learning.services.samples import close_sample, resolve

    pair, campaign, people = _stored(ground)
    sample = draw_change_sample(
        pair=pair, campaign=campaign, drawn_by=people[0], total=PLACES, fewest=FEWEST, unit_px=UNIT_PX,
        answers_wanted=ANSWERS, seed=seed,
    )  # fmt: skip
    rng = np.random.default_rng([seed, 2])
    for person in people[:ANSWERS]:
        _answer_all(person, sample, ground, errs=ERRS, rng=rng)
    _answer_all(people[-1], sample, ground, errs=SETTLER_ERRS, rng=rng, settles=True)
    close_sample(sample=sample, closed_by=people[-1], as_it_is=True)
    known = [place for place in resolve(sample) if place.codes is not None]
    planted = change_estimates(
        areas=[stratum["area_m2"] / 10_000 for stratum in sample.strata],
        stratum=np.array([place.unit.stratum for place in known]),
        first=[place.unit.first_mapped for place in known],
        second=[place.codes[1] for place in known if place.codes],
        counted=sample.counted,
    )
    return Run(change_figures(pair=pair), planted.gain.lower)


def _stored(ground: Territory) -> tuple[Any, Any, list[Any]]:
    """Two layers with a campaign and a published map each, paired; and people who may answer."""
    import scenes

    from annotation.models import VintagePair
    from annotation.services.people import set_role

    layers, campaigns = [], []
    for day, classes in ((FIRST_DAY, ground.map_then), (SECOND_DAY, ground.map_now)):
        layer = scenes.virtual_layer(f"ground-{day.year}", width=SIDE_PX, height=SIDE_PX)
        layer.vintage, layer.acquired_on, layer.gsd_m = day.year, day, GSD_M
        layer.transform = [GSD_M, 0.0, layer.transform[2], 0.0, -GSD_M, layer.transform[5]]
        layer.save()
        campaign = scenes.campaign(f"map-{day.year}", layer=layer, tile_px=TILE_PX, first_round=1)
        _publish(campaign, classes)
        layers.append(layer)
        campaigns.append(campaign)
    people = [scenes.person(f"interpreter-{number}") for number in range(ANSWERS + 1)]
    for person in people:
        set_role(campaign=campaigns[-1], user=person, role="maintainer")
    return VintagePair.objects.create(first=layers[0], second=layers[1]), campaigns[-1], people


def _publish(campaign: Any, classes: UInt8Array) -> None:
    """A published model without weights, and its map."""
    import rasterio
    from learning_rows import model_row, ready_map

    model = model_row(campaign, state="promoted")
    model.run.training_set.class_codes = list(CODES)
    model.run.training_set.save()
    prediction = ready_map(model, np.zeros((campaign.n_rows, campaign.n_cols), np.float32))
    layer = campaign.layer
    with rasterio.open(
        prediction.path("class.tif"), "w", driver="GTiff", width=SIDE_PX, height=SIDE_PX, count=1, dtype="uint8",
        crs=layer.crs, transform=rasterio.Affine(*layer.transform), tiled=True, compress="deflate",
    ) as out:  # fmt: skip
        out.write(classes, 1)
        out.update_tags(CLASS_CODES=json.dumps(CODES))


def _answer_all(
    person: Any, sample: Any, ground: Territory, *, errs: float, rng: np.random.Generator, settles: bool = False
) -> None:
    """Ask for places and answer them through the API until none is left, as the page does."""
    from django.test import Client

    client = Client()
    client.force_login(person)
    places = {unit.pk: unit for unit in sample.units.all()}
    kind = "settled" if settles else "answers"
    while True:
        asked = client.post(
            f"/api/v1/samples/{sample.pk}/next/", {"settle": settles, "most": 20}, content_type="application/json"
        ).json()
        if not asked["units"]:
            return
        for unit in asked["units"]:
            place = places[unit["id"]]
            codes = _seen(ground, place.row, place.col, errs=errs, rng=rng)
            body = {"operation_id": str(uuid.UUID(bytes=rng.bytes(16))), "codes": codes, "sureness": "sure"}
            said = client.post(
                f"/api/v1/samples/{sample.pk}/units/{unit['id']}/{kind}/", body, content_type="application/json"
            )
            if said.status_code != 201:
                raise SystemExit(f"The API answered {said.status_code}: {said.content[:300]!r}")


def _seen(ground: Territory, row: int, col: int, *, errs: float, rng: np.random.Generator) -> list[str | None]:
    """What a person sees at a place: the truth, but for errors at each date on its own."""
    if rng.random() < CANNOT_TELL:
        return [None, None]
    seen = [int(raster[row, col]) for raster in (ground.then, ground.now)]
    if seen[0] == seen[1]:  # side by side, a misread class is misread twice
        wrong = int(rng.integers(1, len(CODES) + 1)) if rng.random() < errs else seen[0]
        return [CODES[wrong - 1]] * 2
    return [CODES[(int(rng.integers(1, len(CODES) + 1)) if rng.random() < errs else value) - 1] for value in seen]


# --- many samples -------------------------------------------------------------------------------------------


def covered(ground: Territory, *, draws: int, seed: int) -> dict[str, float]:
    """The share of samples whose interval holds the truth: by the platform's core, with one exact answer a place."""
    from learning.core.change_area import change_estimates
    from learning.core.sample_frame import OUTSIDE, allocate, change_table, draw_units, stratum_sizes

    table = change_table(list(CODES), list(CODES), counted=frozenset(CODES[value - 1] for value in COUNTED))
    middle = UNIT_PX // 2
    strata = table[ground.map_then[middle::UNIT_PX, middle::UNIT_PX], ground.map_now[middle::UNIT_PX, middle::UNIT_PX]]
    sizes = stratum_sizes(iter([(0, 0, strata)]))
    wanted = allocate({at: int(sizes[at]) for at in range(OUTSIDE)}, PLACES, fewest=FEWEST)
    areas = [float(size) * UNIT_PX**2 * HA for size in sizes[:OUTSIDE]]
    counted = {code: value in COUNTED for value, code in enumerate(CODES, start=1)}
    held = dict.fromkeys(("gain", "loss", "net"), 0)
    for draw in range(draws):
        rng = np.random.default_rng([seed, 3, draw])
        units = draw_units(iter([(0, 0, strata)]), sizes=sizes, wanted=wanted, unit_px=UNIT_PX, rng=rng)
        found = change_estimates(
            areas=areas,
            stratum=np.array([unit.stratum for unit in units]),
            first=[CODES[ground.then[unit.row, unit.col] - 1] for unit in units],
            second=[CODES[ground.now[unit.row, unit.col] - 1] for unit in units],
            counted=counted,
        )
        for name in held:
            interval = getattr(found, name).lower
            held[name] += interval.lower <= ground.truth[name] <= interval.upper
    return {name: count / draws for name, count in held.items()}


# --- the table ----------------------------------------------------------------------------------------------


def measure(*, seed: int = 11, draws: int = 300) -> dict[str, bool]:
    """Print the table and return the three checks. Django and a database are set up."""
    ground = territory(seed)
    run = through_platform(ground, seed=seed)
    found, truth, naive = run.figures.found, ground.truth, ground.naive
    if found is None:
        raise SystemExit(f"The platform assessed nothing: {run.figures.reason}.")
    shares = covered(ground, draws=draws, seed=seed)
    intervals = {"gain": found.gain.ha.lower, "loss": found.loss.ha.lower, "net": found.net.ha.lower}
    print(f"{SIDE_PX**2 * HA:.0f} ha, {found.places} places, {found.used} used, {found.cannot_tell} could not be told, "
          f"{found.unresolved} unresolved, agreement of people {found.alpha:.2f}")  # fmt: skip
    print(f"{'ha':<18}{'truth':>8}{'maps':>9}{'sample':>9}{'95 % interval':>20}{'holds':>7}{'of ' + str(draws):>10}")
    for name, interval in intervals.items():
        holds = "yes" if interval.lower <= truth[name] <= interval.upper else "NO"
        span = f"{interval.lower:.2f} to {interval.upper:.2f}"
        print(
            f"{name:<18}{truth[name]:8.2f}{naive[name]:9.2f}{interval.value:9.2f}{span:>20}{holds:>7}{shares[name]:10.1%}"
        )
    wrong = found.first_wrong
    print(f"first map wrong, no change: {wrong.value:.2f} ha ({wrong.lower:.2f} to {wrong.upper:.2f}), in no flow")
    planted = run.planted
    print(
        f"planted: counted as change, the gain is {planted.value:.2f} ha ({planted.lower:.2f} to {planted.upper:.2f})"
    )
    return {
        "flow_interval_contains_truth": all(one.lower <= truth[name] <= one.upper for name, one in intervals.items()),
        "naive_outside": all(not one.lower <= naive[name] <= one.upper for name, one in intervals.items()
                             if name != "loss"),
        "planted_fault_caught": not planted.lower <= truth["gain"] <= planted.upper,
    }  # fmt: skip


def checked(*, seed: int = 11, draws: int = 300) -> dict[str, bool]:
    """The checks, on a database of their own. Call it before anything loads Django."""
    from _chaos_site import database, prepare_environment

    prepare_environment()
    with database():
        return measure(seed=seed, draws=draws)


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--draws", type=int, default=300, help="samples drawn without a database (%(default)s)")
    options = parser.parse_args()
    checks = checked(seed=options.seed, draws=options.draws)
    print("FIGURES " + json.dumps(checks))
    raise SystemExit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
