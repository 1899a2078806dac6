"""Another vintage's map as evidence, with two campaigns on two layers of the same ground."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from learning_rows import model_row
from map_rows import map_of_vintage, retire

from annotation.services.tiles import pool_mask
from learning.core.other_vintage import FILE, PARTS_FILE
from learning.services.acquisition import open_acquisition_round
from learning.services.candidates import candidates_of
from learning.services.other_vintage import other_vintages_map, write_other_vintage
from learning.services.part_candidates import known_parts, part_candidates
from learning.services.predictions import prediction_row

pytestmark = pytest.mark.django_db


def test_the_newest_published_map_of_another_vintage_contradicts_and_makes_suspects() -> None:
    map_of_vintage("oldest", vintage=2001, east=1)
    newest = map_of_vintage("newest", vintage=2015, east=1)
    map_of_vintage("unpublished", vintage=2018, east=1, state="rejected")
    this = map_of_vintage("this", vintage=2021, east=2)
    scores = np.full((16, 16), 0.002, np.float32)
    scores[0, 0] = 0.01
    np.save(this.path("scores.npy"), scores)
    doubt = np.repeat(scores[..., None] / 2, 2, axis=2)
    np.save(this.path("doubt.npy"), doubt)
    assert other_vintages_map(this) == newest
    assert write_other_vintage(this) == [FILE]
    found = np.load(this.path(FILE))
    assert not found[:, :8].any() and (found[:, 8:] == 1).all()
    candidates = candidates_of(this, pool_mask(this.model.campaign))
    assert candidates.contradicted is not None
    assert candidates.contradicted.tolist() == (candidates.col >= 8).astype(float).tolist()
    opened = open_acquisition_round(
        campaign=this.model.campaign, prediction=this, training_run=None, candidate=this.model
    )
    assert opened is not None
    suspects = opened.queue_round.tickets.filter(kind="suspect").select_related("tile")
    assert suspects and all(ticket.tile.col >= 8 for ticket in suspects)


def test_without_another_vintage_nothing_is_written_and_a_round_opens_all_the_same() -> None:
    this = map_of_vintage("this", vintage=2021, east=2)
    this.path(FILE).write_bytes(b"left by an attempt before")
    assert not write_other_vintage(this)
    assert not this.path(FILE).exists()
    assert candidates_of(this, pool_mask(this.model.campaign)).contradicted is None


def test_a_map_that_cannot_be_compared_does_not_stand_in_the_way() -> None:
    other, this = map_of_vintage("other", vintage=2015, east=1), map_of_vintage("this", vintage=2021, east=2)
    with rasterio.open(other.path("class.tif"), "r+", driver="GTiff") as dataset:
        dataset.update_tags(CLASS_CODES=json.dumps(["nothing in common"]))
    assert not write_other_vintage(this)
    assert not this.path(FILE).exists()


def test_a_map_that_cannot_be_read_does_not_stand_in_the_way() -> None:
    other, this = map_of_vintage("other", vintage=2015, east=1), map_of_vintage("this", vintage=2021, east=2)
    other.path("entropy.tif").write_bytes(b"cut off")
    assert not write_other_vintage(this)
    other.path("class.tif").unlink()
    assert not write_other_vintage(this)
    assert not this.path(FILE).exists()


def test_while_a_new_model_has_no_map_yet_the_one_that_people_see_is_the_other_vintages() -> None:
    other, this = map_of_vintage("other", vintage=2015, east=1), map_of_vintage("this", vintage=2021, east=2)
    retire(other.model)
    prediction_row(model_row(other.model.campaign, state="promoted", number=2))
    assert other_vintages_map(this) == other


def test_a_newer_map_that_could_contradict_nothing_gives_way_to_an_older_one() -> None:
    older, newer = map_of_vintage("older", vintage=2010, east=1), map_of_vintage("newer", vintage=2015, east=1)
    this = map_of_vintage("this", vintage=2021, east=2)
    assert other_vintages_map(this) == newer
    trained_on = newer.model.run.training_set
    trained_on.class_codes = [this.model.class_codes[0], "nowhere else"]
    trained_on.save()
    assert other_vintages_map(this) == older


def test_parts_of_tiles_are_told_apart_where_the_map_tells_them() -> None:
    map_of_vintage("other", vintage=2015, east=1)
    this = map_of_vintage("this", vintage=2021, east=2)
    for name, kind in (("doubt", np.float16), ("histogram", np.int32)):
        np.save(this.path(f"parts_{name}.npy"), np.full((64, 64, 2), 0.001 if name == "doubt" else 128, kind))
    np.save(this.path("parts_embedding.npy"), np.zeros((64, 64, 64), np.float16))
    told: list[float] = []
    assert write_other_vintage(this, on_progress=told.append) == [FILE, PARTS_FILE]
    assert told == sorted(told) and told[-1] == 1.0
    found = np.load(this.path(PARTS_FILE))
    assert found.shape == (64, 64) and not found[:, :32].any() and (found[:, 32:] == 1).all()
    candidates = part_candidates(this, pool_mask(this.model.campaign), known=known_parts(this))
    assert candidates.contradicted is not None
    assert candidates.contradicted.tolist() == (candidates.col >= 32).astype(float).tolist()
    this.path("parts_doubt.npy").unlink()
    this.path("parts_histogram.npy").unlink()
    assert write_other_vintage(this) == [FILE] and not this.path(PARTS_FILE).exists()
