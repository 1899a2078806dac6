"""Options of the demonstration, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.options import DemoOptions, DemoResult, RoundFigures, table


def test_without_variables_the_demonstration_draws_its_own_territory() -> None:
    options = DemoOptions.from_environment({}, root=Path("/site"))
    assert (options.imagery, options.nomenclature, options.tile_px, options.rounds) == (
        (),
        "ocsge_cover",
        128,
        3,
    )


def test_variables_set_the_imagery_and_the_numbers() -> None:
    environ = {
        "IMAGERY": "a.tif b/*.tif",
        "LABELS": "l.tif",
        "NOMENCLATURE": "dubai_5",
        "TILE_PX": "256",
        "PORT": "8100",
    }
    options = DemoOptions.from_environment(environ, root=Path("/site"))
    assert options.imagery == ("a.tif", "b/*.tif")
    assert (options.nomenclature, options.tile_px, options.port, options.rounds) == ("dubai_5", 256, 8100, 3)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"ROUNDS": "three"}, "ROUNDS='three' is not a whole number above 0"),
        ({"IMAGERY": "a.tif"}, "give IMAGERY and LABELS together"),
        ({"CRS": "EPSG:32640"}, "give CRS and TRANSFORM together"),
        ({"TILE_PX": "0"}, "TILE_PX=.0. is not a whole number above 0"),
        ({"IMAGERY": "a.tif", "LABELS": "l.tif"}, "give NOMENCLATURE with IMAGERY"),
    ],
)
def test_variables_that_cannot_work_are_refused_by_name(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DemoOptions.from_environment(environ, root=Path("/site"))


def test_the_table_has_a_line_a_round_and_a_dash_where_nothing_was_measured() -> None:
    lines = table([RoundFigures(24, 0.41234, 1.2, True), RoundFigures(40, None, 0.9, False)]).split("\n")
    assert lines[1].split() == [
        "round",
        "labelled",
        "tiles",
        "hold-out",
        "mIoU",
        "mean",
        "entropy",
        "(nats)",
        "promoted",
    ]
    assert lines[2].split() == ["1", "24", "0.412", "1.200", "yes"]
    assert lines[3].split() == ["2", "40", "-", "0.900", "no"]


def test_the_last_line_holds_the_figures_as_json() -> None:
    line = DemoResult((RoundFigures(24, 0.4, 1.2, True),), 31, 0, 512.3, "http://127.0.0.1:8000").as_line()
    assert line.startswith("FIGURES {")
    assert json.loads(line.removeprefix("FIGURES ")) == {
        "rounds": [{"labelled_tiles": 24, "holdout_miou": 0.4, "mean_entropy_nats": 1.2, "promoted": True}],
        "release_artefacts": 31,
        "release_faults": 0,
        "loop_seconds": 512.3,
        "url": "http://127.0.0.1:8000",
    }
