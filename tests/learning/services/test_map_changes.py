"""What labels changed: the map before and after a model has learnt from them."""

from __future__ import annotations

from typing import Any

import pytest
from learning_rows import labelled_campaign
from map_rows import FIRST, SECOND, evaluation, halves_at, judged_model, map_of, retire
from scenes import accepted, person, square

from learning.models import MapChange
from learning.services.map_changes import changed_maps, count_map_changes, most_changed

pytestmark = pytest.mark.django_db


def counted(after: Any) -> dict[int, tuple[int, int, int]]:
    """Pixels compared, agreed before and agreed after, by tile."""
    list(count_map_changes(after))
    rows = MapChange.objects.filter(after=after).select_related("revision__annotation")
    return {
        row.revision.annotation.tile_id: (row.compared_px, row.agreed_before_px, row.agreed_after_px) for row in rows
    }


def place(annotation: Any) -> tuple[int, int]:
    return annotation.tile.row, annotation.tile.col


def story() -> tuple[Any, list[Any], Any, Any]:
    """Two models: the first learnt from one tile, the second from three more. `label` draws two squares of 64 px."""
    scene = labelled_campaign()
    known, towards, away, stayed = (scene.label(tile) for tile in scene.pool_tiles()[:4])
    first = judged_model(scene.campaign, 1, [known])
    before = map_of(first, {place(away): halves_at(8)})
    retire(first)
    second = judged_model(scene.campaign, 2, [known, towards, away, stayed], against=first)
    after = map_of(second, {place(known): halves_at(8), place(towards): halves_at(8), place(away): halves_at(0)})
    return scene, [known, towards, away, stayed], before, after


def test_labels_new_to_the_model_are_held_against_its_map_and_the_one_before() -> None:
    _scene, [known, towards, away, stayed], _before, after = story()
    found = counted(after)
    # Everywhere the first class: half of a label is right. Halves at 8: all of it. Only the second class: half again.
    assert found == {
        towards.tile_id: (128, 64, 128),
        away.tile_id: (128, 128, 64),
        stayed.tile_id: (128, 64, 64),
    }
    assert known.tile_id not in found, "the model before had learnt from it"


def test_counting_again_adds_nothing_and_goes_on_where_it_stopped() -> None:
    _scene, _labels, _before, after = story()
    steps = count_map_changes(after)
    assert next(steps) == pytest.approx(1 / 3)
    steps.close()
    assert len(counted(after)) == 3
    assert list(count_map_changes(after)) == []


def test_the_first_map_changed_nothing() -> None:
    _scene, _labels, before, _after = story()
    assert counted(before) == {}


def test_a_map_whose_forerunner_is_gone_is_not_compared() -> None:
    _scene, _labels, before, after = story()
    before.path("class.tif").unlink()
    assert counted(after) == {}


def test_ground_on_which_a_map_has_nothing_is_left_out() -> None:
    scene = labelled_campaign()
    label = scene.label(scene.pool_tiles()[0])
    first = judged_model(scene.campaign, 1, [])
    blank = halves_at(8)
    blank[:4] = 0  # no imagery on the upper half of both squares
    map_of(first, {place(label): blank})
    retire(first)
    after = map_of(judged_model(scene.campaign, 2, [label], against=first), {}, everywhere=SECOND)
    assert counted(after) == {label.tile_id: (64, 64, 32)}


def test_classes_are_met_by_code_where_two_models_number_them_otherwise() -> None:
    scene = labelled_campaign()
    label = scene.label(scene.pool_tiles()[0])
    first = judged_model(scene.campaign, 1, [])
    map_of(first, {})
    retire(first)
    second = judged_model(scene.campaign, 2, [label], against=first)
    second.run.training_set.class_codes = second.run.training_set.class_codes[::-1]
    second.run.training_set.save(update_fields=["class_codes"])
    # The value that was the first class is the second now.
    assert counted(map_of(second, {}, everywhere=FIRST)) == {label.tile_id: (128, 64, 64)}


def test_a_person_is_told_of_each_map_and_of_control_tiles_beside_it() -> None:
    scene, [_known, towards, away, _stayed], before, after = story()
    evaluation(before.model, 0.80)
    evaluation(after.model, 0.82)
    counted(after)
    [found] = changed_maps(scene.author)
    assert (found.map, found.tiles, found.towards, found.away, found.stayed) == (after, 3, 1, 1, 1)
    assert (found.before, found.after) == (256 / 384, 256 / 384)
    assert found.control == (0.80, 0.82)
    assert [row.revision for row in most_changed(scene.author)] == [away.head, towards.head]


def test_control_tiles_are_left_out_where_the_two_models_were_judged_on_different_ones() -> None:
    scene, _labels, before, after = story()
    evaluation(before.model, 0.80, reference="other")
    evaluation(after.model, 0.82)
    counted(after)
    [found] = changed_maps(scene.author)
    assert found.control is None


def test_nobody_is_told_of_anybody_elses_labels_nor_of_what_was_set_aside() -> None:
    scene, [_known, towards, _away, _stayed], _before, after = story()
    counted(after)
    stranger = person("stranger")
    assert changed_maps(stranger) == [] and most_changed(stranger) == []
    towards.state = "reverted"
    towards.save(update_fields=["state"])
    [found] = changed_maps(scene.author)
    assert (found.tiles, found.towards) == (2, 0)


def test_after_a_roll_back_a_label_counts_once_by_the_latest_map_it_was_new_to() -> None:
    scene, [known, towards, away, stayed], before, after = story()
    counted(after)
    retire(after.model)
    third = judged_model(scene.campaign, 3, [known, towards, away, stayed], against=before.model)
    latest = map_of(third, {place(towards): halves_at(8), place(away): halves_at(8)})
    assert len(counted(latest)) == 3
    [found] = changed_maps(scene.author)
    assert (found.map, found.tiles, found.towards, found.away) == (latest, 3, 1, 0)


def test_maps_come_newest_first_each_with_its_own_labels() -> None:
    scene, labels, _before, after = story()
    counted(after)
    retire(after.model)
    other = person("other")
    news = accepted(scene.campaign, scene.pool_tiles()[5], other, scene.reviewer, [square("CS2.2.1", 0, 0, 8)])
    third = judged_model(scene.campaign, 3, [*labels, news], against=after.model)
    latest = map_of(third, {place(news): halves_at(4)})
    counted(latest)
    assert [found.map for found in changed_maps(scene.author)] == [after]
    [theirs] = changed_maps(other)
    # The first class everywhere before: nothing of the square; from column 4 on the second: half of it.
    assert (theirs.map, theirs.before, theirs.after) == (latest, 0.0, 0.5)
