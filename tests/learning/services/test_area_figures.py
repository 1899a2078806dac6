"""Areas of classes: from a sample, from a hold-out, or not assessed and why."""

from __future__ import annotations

import numpy as np
import pytest
from area_rows import answered, area_sample, as_mapped, counted, territory_of
from django.utils import timezone
from learning_rows import labelled_campaign, model_row, ready_map
from map_rows import evaluation, map_of_vintage, retire
from sample_rows import BUILT, GRASS
from scenes import accepted, person, square
from scipy.stats import t

from annotation.core.holdout import role_of
from learning.core.area import stratified_estimates
from learning.models import MapArea, MapAtPlaces, TrainingSetItem
from learning.services.area_figures import area_figures, figures_of_map

pytestmark = pytest.mark.django_db


def half_ha(prediction):
    return 512 * 1024 * prediction.layer.gsd_m**2 / 10_000


def wrong_east(unit):
    """A place in three of the east is really built."""
    return BUILT if unit.col < 512 or unit.number % 3 == 0 else GRASS


def test_without_a_map_a_sample_or_an_end_to_its_answers_nothing_is_assessed():
    empty = labelled_campaign("empty").campaign
    assert (area_figures(campaign=empty).status, area_figures(campaign=empty).reason) == ("not_assessed", "no_map")
    prediction = map_of_vintage("bare", vintage=2022, east=2)
    bare = area_figures(campaign=prediction.model.campaign)
    assert (bare.reason, [one.mapped_ha for one in bare.classes]) == ("no_sample", [None, None])
    prediction, sample = area_sample()
    assert area_figures(campaign=sample.campaign).reason == "sample_open"
    counted(prediction)
    told = area_figures(campaign=sample.campaign)
    assert [one.mapped_ha for one in told.classes] == pytest.approx([half_ha(prediction)] * 2)
    assert all(one.estimate_ha is None for one in told.classes)


def test_a_closed_sample_of_the_map_that_is_shown_gives_the_estimate_for_map_classes():
    prediction, sample = area_sample()
    answered(sample, wrong_east)
    assert area_figures(campaign=sample.campaign).reason == "not_counted"
    counted(prediction)
    told = area_figures(campaign=sample.campaign)
    east = [unit for unit in sample.units.all() if unit.col >= 512]
    wrong = sum(unit.number % 3 == 0 for unit in east)
    assert (told.status, told.estimator, told.matrix) == (
        "assessed", "olofsson2014", ((30, 0), (wrong, 30 - wrong)),
    )  # fmt: skip
    half = half_ha(prediction)
    by_hand = stratified_estimates(np.array(told.matrix), mapped_area=[half, half])
    assert [one.estimate_ha for one in told.classes] == pytest.approx(
        [half * (1 + wrong / 30), half * (1 - wrong / 30)]
    )
    assert [one.half_width_ha for one in told.classes] == pytest.approx([one.half_width for one in by_hand.area])
    assert told.weights == pytest.approx((0.5, 0.5))
    assert (told.places, told.left_out, told.seed, told.sample) == (60, 0, 3, sample.pk)
    assert told.overall.value == pytest.approx(0.5 + 0.5 * (1 - wrong / 30))


def test_the_interval_that_is_published_has_a_width_where_no_place_was_mapped_wrongly():
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    built = area_figures(campaign=sample.campaign).classes[0]
    assert (built.estimate_ha, built.half_width_ha, built.few) == (pytest.approx(half_ha(prediction)), 0, True)
    assert built.lower_ha < built.estimate_ha < built.upper_ha


def test_places_that_nobody_could_tell_are_left_out_and_told():
    prediction, sample = area_sample()
    answered(sample, lambda unit: None if unit.number <= 5 else as_mapped(unit))
    counted(prediction)
    told = area_figures(campaign=sample.campaign)
    assert (told.places, told.left_out) == (55, 5)


def test_a_sample_serves_the_next_map_whose_class_is_read_at_each_place():
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    later = map_of_vintage("later", vintage=2022, east=1)  # all of it built
    retire(prediction.model)
    model = later.model
    model.campaign, model.number = sample.campaign, 2
    model.save()
    later.layer = sample.campaign.layer
    later.save()
    assert figures_of_map(later).reason == "not_counted"
    counted(later)
    told = figures_of_map(later)
    assert (told.estimator, told.matrix) == ("stehman2014", ((30, 30), (0, 0)))
    assert [one.estimate_ha for one in told.classes] == pytest.approx([half_ha(later)] * 2)
    assert [one.mapped_ha for one in told.classes] == pytest.approx([2 * half_ha(later), 0])
    assert told.classes[0].user.value == pytest.approx(0.5)
    assert told.classes[1].user is None
    assert told.classes[1].producer.value == 0


def test_a_territory_is_weighed_by_what_the_map_counts_there_and_told_by_its_own_places():
    prediction, sample = area_sample(total=200)
    answered(sample, wrong_east)
    north = territory_of(prediction, "32001", cols=(0, 1024), rows=(0, 512))
    corner = territory_of(prediction, "32002", cols=(0, 64), rows=(0, 64))
    away = territory_of(prediction, "32003", cols=(4000, 4100), rows=(0, 64))
    assert figures_of_map(prediction, territory=north).reason == "not_counted"
    counted(prediction)
    told = figures_of_map(prediction, territory=north)
    there = [unit for unit in sample.units.all() if unit.row + 2 < 512]
    east = [unit for unit in there if unit.col >= 512]
    wrong = sum(unit.number % 3 == 0 for unit in east) / len(east)
    quarter = half_ha(prediction) / 2
    assert told.places == len(there)
    assert [one.mapped_ha for one in told.classes] == pytest.approx([quarter, quarter], rel=0.01)
    assert told.classes[1].estimate_ha == pytest.approx(quarter * (1 - wrong), rel=0.01)
    assert told.ground_ha == pytest.approx(2 * quarter, rel=0.01)
    assert figures_of_map(prediction, territory=corner).reason == "few_places"
    assert figures_of_map(prediction, territory=away).reason == "outside"
    assert MapArea.objects.filter(prediction=prediction).count() == 3  # all of it, north, corner


def test_places_on_ground_that_the_model_learnt_from_are_counted_and_told():
    prediction, sample = area_sample()
    answered(sample, as_mapped)
    counted(prediction)
    assert area_figures(campaign=sample.campaign).independent is True
    side, draw = sample.campaign.tile_px, sample.campaign.holdout
    blocks = frozenset(map(tuple, draw.blocks))
    unit, place = next(
        (unit, place)
        for unit in sample.units.all()
        if role_of(*(place := (unit.row // side, unit.col // side)), blocks, draw.block_tiles, draw.buffer_tiles)
        == "pool"
    )
    tile, _ = sample.campaign.tiles.get_or_create(row=place[0], col=place[1], defaults={"role": "pool"})
    label = accepted(sample.campaign, tile, person("author"), person("reviewer"), [square(BUILT, 0, 0, 8)])
    TrainingSetItem.objects.create(
        training_set=prediction.model.run.training_set, tile=tile, revision=label.head
    )  # fmt: skip
    counted(prediction)
    told = area_figures(campaign=sample.campaign)
    assert told.learnt_from >= 1 and told.independent is False
    assert unit.number in MapAtPlaces.objects.get(sample=sample).learnt_from


def test_a_hold_out_that_is_labelled_to_the_end_gives_figures_by_blocks_and_an_unfinished_one_none():
    camp = labelled_campaign("blocks").campaign
    model = model_row(camp, state="promoted")
    prediction = ready_map(model, np.zeros((16, 16), np.float32))
    judged = evaluation(model, 0.9)
    tiles = list(camp.tiles.filter(role="holdout"))
    judged.n_tiles = len(tiles) - 1
    judged.save()
    assert figures_of_map(prediction).reason == "holdout_unfinished"
    judged.n_tiles, judged.tile_confusions = len(tiles), {str(tile.pk): [[90, 10], [0, 100]] for tile in tiles}
    judged.confusion = [[90 * len(tiles), 10 * len(tiles)], [0, 100 * len(tiles)]]
    judged.save()
    blocks = len(camp.holdout.blocks)
    assert figures_of_map(prediction).reason == ("few_blocks" if blocks < 8 else "not_counted")


def test_blocks_that_are_off_alike_in_half_of_them_correct_the_map_as_worked_by_hand():
    camp = labelled_campaign("blocks", holdout_share=0.15, holdout_buffer_tiles=0).campaign
    model = model_row(camp, state="promoted")
    prediction = ready_map(model, np.zeros((16, 16), np.float32))
    MapArea.objects.create(
        prediction=prediction, class_px={BUILT: 600_000, GRASS: 400_000}, ground_px=1_000_000, counted_at=timezone.now()
    )
    side, tiles = camp.holdout.block_tiles, list(camp.tiles.filter(role="holdout").order_by("row", "col"))
    places = sorted({(tile.row // side, tile.col // side) for tile in tiles})
    n, off = len(places), set(places[::2])  # every other block is off: of 100 pixels in a tile 10 are grass, not built
    assert n >= 8 and len(tiles) == n * side**2
    judged = evaluation(model, 0.9)
    judged.n_tiles = len(tiles)
    judged.tile_confusions = {  # rows truth, columns map
        str(tile.pk): [[40, 0], [10, 50]] if (tile.row // side, tile.col // side) in off else [[50, 0], [0, 50]]
        for tile in tiles
    }
    k, sound = len(off) * side**2, (n - len(off)) * side**2
    judged.confusion = [[40 * k + 50 * sound, 0], [10 * k, 50 * (k + sound)]]
    judged.save()
    told = figures_of_map(prediction)
    assert (told.status, told.estimator, told.blocks, told.independent) == ("assessed", "blocks", n, True)
    assert told.matrix == ((40 * k + 50 * sound, 10 * k), (0, 50 * (k + sound))), "rows are the map's classes"
    # Each block is off by a tenth or not at all, all are as large: the mean of the shares, and Student's interval of it
    shares = np.array([0.1 if place in off else 0.0 for place in places])
    half = t.ppf(0.975, n - 1) * np.sqrt((1 - camp.holdout.inclusion_probability) * shares.var(ddof=1) / n)
    ha = 1_000_000 * camp.layer.gsd_m**2 / 10_000
    built, grass = told.classes
    assert built.mapped_ha == pytest.approx(0.6 * ha)
    assert built.estimate_ha == pytest.approx((0.6 - shares.mean()) * ha)
    assert grass.estimate_ha == pytest.approx((0.4 + shares.mean()) * ha)
    assert [one.half_width_ha for one in told.classes] == pytest.approx([half * ha] * 2)
    assert (built.lower_ha, built.upper_ha) == pytest.approx(
        (built.estimate_ha - half * ha, built.estimate_ha + half * ha)
    )
    assert (told.overall.value, told.overall.half_width) == pytest.approx((1 - shares.mean(), half))
