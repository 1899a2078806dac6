"""Simulated people who look at two dates: what they see and say, and their answers through the real API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from change_rows import two_dates
from rasterio.transform import Affine
from sample_rows import change_sample, interpreters

from annotation.models import ChangeCell, Patch
from demo.api import ApiSession
from demo.interpreters import Eyes, all_at_once, answer_changes, answer_sample, most_of, said_of, settle_changes
from demo.truth import TruthMosaic
from learning.models import ReferenceSample
from learning.services.samples import resolve

CODES = {1: "CS1.1.1.1", 2: "CS2.2.1"}
BUILT, GRASS = CODES.values()


def truth_of(path: Path, values: np.ndarray) -> TruthMosaic:
    """A truth whose pixels are these, on a grid that begins at the origin."""
    place = Affine(0.2, 0, 0, 0, -0.2, 0)
    height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", count=1, width=width, height=height, crs="EPSG:2154", transform=place
    ) as file:
        file.write(values, 1)
    return TruthMosaic([path], transform=tuple(place)[:6], class_codes=CODES)


@pytest.fixture
def truths(tmp_path: Path) -> tuple[TruthMosaic, TruthMosaic]:
    """Grass at both dates; in the later one the square of the pixels 0 to 8 is built."""
    then = np.full((64, 64), 2, np.uint8)
    now = then.copy()
    now[:8, :8] = 1
    return truth_of(tmp_path / "then.tif", then), truth_of(tmp_path / "now.tif", now)


def cell(first: str, second: str, *, left: int = 0) -> dict[str, Any]:
    """A square of 8 px in the tile's first row, in eighths of a pixel."""
    x, side = left * 8, 64
    ring = [[x, 0], [x + side, 0], [x + side, side], [x, side]]
    return {"id": 5, "rings": [ring], "first_code": first, "second_code": second}


TILE = {"tile_px": 64, "origin_px": [0, 0]}


@pytest.mark.parametrize(
    ("labels", "left", "said"),
    [
        ((GRASS, BUILT), 0, ("changed", GRASS, BUILT)),
        ((BUILT, BUILT), 0, ("changed", GRASS, BUILT)),
        ((BUILT, GRASS), 16, ("first_wrong", GRASS, "")),
        ((GRASS, BUILT), 16, ("second_wrong", "", GRASS)),
        ((GRASS, GRASS), 16, ("unchanged", GRASS, GRASS)),
        ((BUILT, BUILT), 16, ("unchanged", GRASS, GRASS)),
    ],
)
def test_a_question_is_answered_as_the_truth_of_both_dates_says(
    truths: Any, labels: tuple[str, str], left: int, said: tuple[str, str, str]
) -> None:
    answer = said_of(cell(*labels, left=left), tile=TILE, truths=truths)
    assert (answer["verdict"], answer["first_code"], answer["second_code"]) == said


def test_a_place_is_what_covers_most_of_it_and_unknown_ground_cannot_be_told(truths: Any) -> None:
    eyes = Eyes(truths, np.random.default_rng(1))
    # Of columns 2 to 10 six of eight are built, of columns 6 to 14 two.
    seen = {left: [eyes.at(x_px=left, y_px=0, side_px=8)[1] for _ in range(60)] for left in (2, 6)}
    assert [max(set(each), key=each.count) for each in seen.values()] == [BUILT, GRASS]
    assert most_of(truths[1].window(x_px=0, y_px=0, size_px=8), truths[1]) == BUILT
    assert most_of(np.zeros((4, 4), np.uint8), truths[1]) is None


def test_people_err_now_and_then_and_a_misread_class_is_misread_at_both_dates(truths: Any) -> None:
    eyes = Eyes(truths, np.random.default_rng(3))
    answers = [tuple(eyes.at(x_px=30, y_px=30, side_px=8)) for _ in range(600)]
    wrong = [answer for answer in answers if answer not in ((GRASS, GRASS), (None, None))]
    # Of 600, 2 % err, half of them towards the class that is there.
    assert 1 <= len(wrong) <= 20 and set(wrong) == {(BUILT, BUILT)}
    assert 1 <= answers.count((None, None)) <= 20


def test_the_first_failure_of_anyone_is_told_when_all_have_ended() -> None:
    ended: list[int] = []

    def fails() -> None:
        raise ValueError("no such place")

    with pytest.raises(RuntimeError, match="no such place"):
        all_at_once([lambda: ended.append(1), fails, lambda: ended.append(2)])
    assert sorted(ended) == [1, 2]


def signed_in(url: str, user: Any) -> ApiSession:
    session = ApiSession(url)
    session.sign_in(user.username, "a-long-passphrase")
    return session


@pytest.mark.django_db(transaction=True)
def test_a_sample_is_answered_by_two_settled_by_a_third_and_closed_over_the_site(
    live_server: Any, tmp_path: Path
) -> None:
    sample = change_sample(total=40, fewest=10)
    camp = sample.campaign
    side = camp.layer.width
    truths = tuple(
        truth_of(tmp_path / f"{at}.tif", np.full((side, side), value, np.uint8)) for at, value in ((0, 2), (1, 1))
    )
    people = interpreters(camp, count=2)
    [maintainer] = interpreters(camp, count=1, role="maintainer")
    sessions = [signed_in(live_server.url, user) for user in (*people, maintainer)]
    places = sample.units.count()
    # The first always sees the truth, the second what the seed makes of it.
    done = [
        answer_sample(session, sample=sample.pk, eyes=Eyes(truths, np.random.default_rng(number)))
        for number, session in enumerate(sessions[:2])
    ]
    assert done == [places, places]
    disputed = sum(place.state == "disputed" for place in resolve(sample))
    settled = answer_sample(sessions[2], sample=sample.pk, eyes=Eyes(truths, np.random.default_rng(9)), settles=True)
    assert settled == disputed
    assert {place.state for place in resolve(sample)} == {"agreed"}
    told = [place.codes for place in resolve(sample) if place.codes]
    assert told.count((GRASS, BUILT)) >= 0.9 * len(told) > 0
    sessions[2].fill_in(f"/campaigns/{camp.slug}/sample/", {"sample": str(sample.pk), "as_it_is": "1"})
    assert ReferenceSample.objects.get(pk=sample.pk).closed_at is not None


@pytest.mark.django_db(transaction=True)
def test_questions_are_answered_and_a_wrong_earlier_label_becomes_a_patch_once_it_is_settled(
    live_server: Any, tmp_path: Path
) -> None:
    scene = two_dates(n_tiles=3)
    side = scene.campaign.layer.width
    grass = np.full((side, side), 2, np.uint8)
    truths = (truth_of(tmp_path / "then.tif", grass), truth_of(tmp_path / "now.tif", grass))
    scene.open([scene.cell(tile, BUILT, GRASS) for tile in scene.tiles])
    [reviewer] = interpreters(scene.campaign, count=1)
    [maintainer] = interpreters(scene.campaign, count=1, role="maintainer")
    first, second = (signed_in(live_server.url, user) for user in (reviewer, maintainer))
    eyes = Eyes(truths, np.random.default_rng(1))
    assert answer_changes(first, campaign=scene.campaign.slug, eyes=eyes, tiles=10) == 3
    settle_changes(second, campaign=scene.campaign.slug, truths=truths, most=10)
    assert set(ChangeCell.objects.values_list("state", "verdict")) == {("settled", "first_wrong")}
    assert set(Patch.objects.values_list("wrong_code", "right_code", "layer__slug")) == {(BUILT, GRASS, "now-2019")}
    assert Patch.objects.count() == 3
