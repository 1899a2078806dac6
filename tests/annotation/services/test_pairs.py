"""Two layers as a pair: which may be, and how far they are measured to lie apart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from numpy.typing import NDArray
from scenes import real_layer, virtual_layer

from annotation.errors import NotComparable
from annotation.jobs.registry import run_job
from annotation.models import ImageryLayer, Job, VintagePair
from annotation.services.pairs import (
    is_measured,
    is_stale,
    layers_as_they_are,
    measure_pair,
    measuring_of,
    pair_layers,
    pairs_to_look_at,
    require_comparable,
    shift_of,
    want_measured,
)

pytestmark = pytest.mark.django_db
GSD_M = 0.2


def fields(side: int, *, down: int = 0, right: int = 0) -> NDArray[np.uint8]:
    """Ground of two classes in rectangles of many sizes, and the same moved by whole pixels."""
    rng = np.random.default_rng(7)
    truth = np.ones((side + 40, side + 40), np.uint8)
    for _ in range(220):
        row, col = rng.integers(0, side, 2)
        height, width = rng.integers(8, 60, 2)
        truth[row : row + height, col : col + width] = rng.integers(1, 3)
    return truth[20 - down : 20 - down + side, 20 - right : 20 - right + side]


def of_vintage(layer: ImageryLayer, vintage: int) -> ImageryLayer:
    ImageryLayer.objects.filter(pk=layer.pk).update(vintage=vintage)
    layer.refresh_from_db()
    return layer


def test_the_shift_between_two_layers_is_measured_and_kept_in_metres(tmp_path: Path, capsys: Any) -> None:
    first = of_vintage(real_layer(tmp_path, "early", truth=fields(768), seed=1)[0], 2019)
    second = of_vintage(real_layer(tmp_path, "late", truth=fields(768, down=3, right=-2), seed=2)[0], 2022)
    pair = pair_layers(first=first, second=second, actor=None)
    assert not is_measured(pair)
    found = measure_pair(pair)
    assert found is not None and found.windows == found.looked_at == 9
    assert (found.x, found.y) == (pytest.approx(-2, abs=0.1), pytest.approx(3, abs=0.1))
    assert pair.shift_east_m == pytest.approx(-2 * GSD_M, abs=0.02)
    assert pair.shift_south_m == pytest.approx(3 * GSD_M, abs=0.02)
    assert is_measured(pair) and not is_stale(pair)
    assert len(pair.windows) == 9 and all(
        (east, south) == (pytest.approx(-0.4, abs=0.05), pytest.approx(0.6, abs=0.05))
        for _x, _y, east, south in pair.windows
    )
    west, _south, _east, north = first.pixel_grid.bounds_crs
    assert pair.windows[0][:2] == pytest.approx([west + 128 * GSD_M, north - 128 * GSD_M])
    pair.second.files = {**pair.second.files, "analysis.tif": "0" * 64}
    assert not is_measured(pair) and is_stale(pair), "its pixels were replaced since"
    call_command("pair_layers", "early", "late")
    said = capsys.readouterr().out
    assert "-0.40 m east and +0.60 m south" in said and "more than a pixel" in said
    assert VintagePair.objects.count() == 1


def test_ground_without_anything_in_common_is_paired_and_not_measured(tmp_path: Path) -> None:
    flat = np.ones((512, 512), np.uint8)
    first = of_vintage(real_layer(tmp_path, "early", truth=flat, seed=1)[0], 2019)
    second = of_vintage(real_layer(tmp_path, "late", truth=flat, seed=2)[0], 2022)
    pair = pair_layers(first=first, second=second, actor=None)
    assert measure_pair(pair) is None
    assert pair.shift_east_m is None and (pair.windows_measured, pair.windows_looked_at) == (0, 4)
    assert is_measured(pair)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vintage": 2010}, "is later than"),
        ({"crs": "EPSG:32631"}, "in the CRS of the other"),
        ({"gsd_m": 1.0, "transform": [1.0, 0.0, 500_000.0, 0.0, -1.0, 6_300_000.0]}, "by a factor of 4 at most"),
        ({"transform": [0.2, 0.0, 900_000.0, 0.0, -0.2, 6_300_000.0]}, "no ground in common"),
    ],
)
def test_layers_that_cannot_be_compared_are_refused_with_what_was_met(changes: dict[str, Any], words: str) -> None:
    first, second = virtual_layer("early", width=1024, height=1024), virtual_layer("late", width=1024, height=1024)
    ImageryLayer.objects.filter(pk=second.pk).update(**changes)
    second.refresh_from_db()
    with pytest.raises(NotComparable, match=words):
        pair_layers(first=first, second=second, actor=None)
    with pytest.raises(NotComparable, match="with itself"):
        pair_layers(first=first, second=first, actor=None)
    assert not VintagePair.objects.exists()


@pytest.mark.parametrize(
    ("width", "height", "windows"), [(256 * 100, 256, 64), (256, 256 * 100, 64), (4096, 4096, 64), (600, 900, 6)]
)
def test_a_strip_is_looked_at_along_all_of_its_length(width: int, height: int, windows: int) -> None:
    first = virtual_layer("early", width=width, height=height)
    second = of_vintage(virtual_layer("late", width=width, height=height), 2023)
    found = require_comparable(first, second).windows
    assert len(found) == windows
    last = max(found, key=lambda one: (one.row_off, one.col_off))
    assert (last.col_off + last.width, last.row_off + last.height) == (width, height)


def test_a_shift_is_large_beyond_a_pixel_of_the_coarser_layer() -> None:
    first, second = virtual_layer("early"), of_vintage(virtual_layer("late"), 2023)
    pair = pair_layers(first=first, second=second, actor=None)
    assert shift_of(pair) is None
    pair.shift_east_m, pair.shift_south_m, pair.shift_spread_m, pair.windows_measured = 0.3, -0.4, 0.1, 9
    pair.measured_at, pair.measured_from = pair.created_at, layers_as_they_are(pair)
    told = shift_of(pair)
    assert told is not None and told.distance_m == pytest.approx(0.5) and told.is_large
    pair.first.gsd_m = 0.5
    told = shift_of(pair)
    assert told is not None and not told.is_large


def test_a_layer_that_was_replaced_is_measured_again_by_one_job(tmp_path: Path) -> None:
    first = of_vintage(real_layer(tmp_path, "early", truth=fields(512), seed=1)[0], 2019)
    second = of_vintage(real_layer(tmp_path, "late", truth=fields(512, down=1), seed=2)[0], 2022)
    pair = pair_layers(first=first, second=second, actor=None)
    measure_pair(pair)
    assert want_measured(pairs_to_look_at()) == 0, "nothing is measured twice"
    kept = pair.second.files
    ImageryLayer.objects.filter(pk=second.pk).update(files={**kept, "analysis.tif": "0" * 64})
    stale = VintagePair.objects.get(pk=pair.pk)
    assert is_stale(stale) and shift_of(stale) is None, "no number of other pixels is told"
    assert want_measured(pairs_to_look_at()) == 1 and want_measured(pairs_to_look_at()) == 0, "one job a pair"
    job = measuring_of(pair)
    assert job is not None and run_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == "succeeded" and job.result["looked_at"] == 4 and job.result["shift_m"] is not None
    again = VintagePair.objects.get(pk=pair.pk)
    assert is_measured(again) and measuring_of(again) is None


def test_a_pair_whose_measuring_failed_is_left_alone_for_a_day() -> None:
    first, second = virtual_layer("early"), of_vintage(virtual_layer("late"), 2023)
    pair = pair_layers(first=first, second=second, actor=None)
    assert want_measured(pairs_to_look_at()) == 1
    job = measuring_of(pair)
    assert job is not None and run_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == "failed", "the layer has no files"
    assert list(pairs_to_look_at()) == []
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(days=2))
    assert list(pairs_to_look_at()) == [pair]
