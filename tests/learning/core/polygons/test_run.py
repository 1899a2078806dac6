"""Any map, cut into any blocks, done in any order by anybody, is the same valid coverage."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polygon_maps import CODES, drawn, painted, plan_of

import learning.core
from learning.core.polygons.join import ALONE, CUT, Polygons
from learning.core.polygons.plan import PolygonPlan
from learning.core.polygons.run import draw_blocks
from learning.errors import PolygonsStopped, UnusableClassMap

ROOT = Path(learning.core.__file__).resolve().parents[2]


@st.composite
def maps(draw: st.DrawFn) -> NDArray[np.uint8]:
    """Patches of a few pixels with single pixels strewn over them, with and without imagery."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    height, width, patch = draw(st.integers(1, 18)), draw(st.integers(1, 18)), draw(st.integers(1, 4))
    lowest, most = draw(st.integers(0, 1)), draw(st.integers(1, len(CODES)))
    patches = rng.integers(lowest, most + 1, (height // patch + 1, width // patch + 1))
    classes = np.kron(patches, np.ones((patch, patch), int))[:height, :width]
    strewn = rng.random(classes.shape) < 0.1
    classes[strewn] = rng.integers(lowest, most + 1, int(strewn.sum()))
    return classes.astype(np.uint8)


def check(found: Polygons, classes: NDArray[np.uint8], minimum: NDArray[np.int64]) -> None:
    """No gap, no overlap, nothing invalid, nothing too small without a reason, and the area of the imagery."""
    polygons = found.geometry
    assert {polygon.geom_type for polygon in polygons} <= {"Polygon"}
    assert shapely.is_valid(polygons).all() and shapely.coverage_is_valid(polygons)
    areas = shapely.area(polygons)
    assert areas.sum() == pytest.approx((classes > 0).sum())
    assert shapely.area(shapely.union_all(polygons)) == pytest.approx((classes > 0).sum())
    whole = found.reason != CUT
    assert len(np.unique(found.region[whole])) == whole.sum()
    assert (areas >= minimum[found.value - 1] - 1e-9)[found.reason == ""].all()
    alone = polygons[found.reason == ALONE]
    others = [shapely.union_all(polygons[polygons != one]) for one in alone]
    assert all(one.boundary.intersection(other).length == 0 for one, other in zip(alone, others, strict=True))


@settings(deadline=None, max_examples=120)
@given(
    classes=maps(),
    block_px=st.integers(2, 9),
    minimum=st.lists(st.integers(1, 20), min_size=len(CODES), max_size=len(CODES)),
    tolerance_px=st.sampled_from([0.0, 1.0, 2.5]),
)
def test_any_map_becomes_a_valid_coverage(
    classes: NDArray[np.uint8], block_px: int, minimum: list[int], tolerance_px: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = plan_of(Path(folder), classes, block_px=block_px, minimum=minimum, tolerance_px=tolerance_px)
        found = drawn(plan)
    check(found, classes, np.array(minimum))


@settings(deadline=None, max_examples=50)
@given(classes=maps(), block_px=st.integers(2, 9))
def test_where_nothing_is_too_small_the_polygons_say_what_the_map_says_pixel_by_pixel(
    classes: NDArray[np.uint8], block_px: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = drawn(plan_of(Path(folder), classes, block_px=block_px))
    letters = np.array([".", *CODES])[classes]
    assert painted(found, classes.shape) == ["".join(line) for line in letters]


def ragged(seed: int = 0) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    classes = np.kron(rng.integers(1, 5, (12, 15)), np.ones((8, 8), int)).astype(np.uint8)
    strewn = rng.random(classes.shape) < 0.2
    classes[strewn] = rng.integers(0, 5, int(strewn.sum()))
    return classes


def digests(plan: PolygonPlan) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(plan.work_dir.iterdir())}


def test_blocks_have_the_same_bytes_in_whatever_order_they_are_done(tmp_path: Path) -> None:
    options = {"block_px": 24, "minimum": 20, "tolerance_px": 1.0}
    forwards = plan_of(tmp_path / "a", ragged(), **options)
    backwards = plan_of(tmp_path / "b", ragged(), **options)
    drawn(forwards)
    drawn(backwards, order=lambda count: reversed(range(count)))
    assert len(digests(forwards)) > 40
    assert digests(forwards) == digests(backwards)


OTHER_PROCESS = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
import numpy as np
from polygon_maps import plan_of
from learning.core.polygons.{module} import {function}
plan = plan_of(Path(sys.argv[1]), np.load(sys.argv[2]), block_px=24, minimum=20, tolerance_px=1.0)
for number in range({first}, plan.n_blocks, 2):
    {function}(plan, number)
"""


def test_blocks_have_the_same_bytes_when_two_processes_share_them(tmp_path: Path) -> None:
    np.save(tmp_path / "map.npy", ragged())
    alone = plan_of(tmp_path / "a", ragged(), block_px=24, minimum=20, tolerance_px=1.0)
    shared = plan_of(tmp_path / "b", ragged(), block_px=24, minimum=20, tolerance_px=1.0)
    drawn(alone)

    def in_two(module: str, function: str) -> None:
        running = [
            subprocess.Popen(
                [sys.executable, "-c", OTHER_PROCESS.format(module=module, function=function, first=first),
                 tmp_path / "b", tmp_path / "map.npy"],
                cwd=ROOT,
            )
            for first in (0, 1)
        ]  # fmt: skip
        assert [process.wait() for process in running] == [0, 0]

    in_two("survey", "survey_block")
    from learning.core.polygons.seams import join_seams

    join_seams(shared)
    in_two("outline", "outline_block")
    assert digests(alone) == digests(shared)


def test_stopped_and_started_again_it_goes_on_and_makes_the_same_bytes(tmp_path: Path) -> None:
    whole, stopped = (plan_of(tmp_path / name, ragged(), block_px=24, minimum=20) for name in "ab")
    draw_blocks(whole)
    shares: list[float] = []
    for most in (3, 9, 25):
        with pytest.raises(PolygonsStopped, match="start it again"):
            draw_blocks(stopped, on_progress=shares.append, should_stop=lambda most=most: len(shares) >= most)
    kept = {path: path.stat().st_mtime_ns for path in stopped.work_dir.glob("*-*")}
    draw_blocks(stopped, on_progress=shares.append)
    assert kept and all(path.stat().st_mtime_ns == when for path, when in kept.items()), "what is done stays"
    assert shares[-1] == pytest.approx(1.0)
    without_card = [
        {name: sha for name, sha in digests(plan).items() if name != "plan.json"} for plan in (whole, stopped)
    ]
    assert without_card[0] == without_card[1]


def test_blocks_of_another_map_or_rule_are_not_gone_on_with(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, ragged(), block_px=24, minimum=20)
    draw_blocks(plan)
    other = plan_of(tmp_path, ragged(), block_px=24, minimum=5)
    with pytest.raises(PolygonsStopped):
        draw_blocks(other, should_stop=lambda: True)
    assert [path.name for path in other.work_dir.iterdir()] == ["plan.json"]


def test_a_map_with_a_class_that_the_model_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableClassMap, match="holds the value 9"):
        drawn(plan_of(tmp_path, np.full((3, 3), 9, np.uint8)))


def test_a_map_without_imagery_has_no_polygon(tmp_path: Path) -> None:
    assert len(drawn(plan_of(tmp_path, np.zeros((9, 9), np.uint8), block_px=4)).geometry) == 0
