from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from learning.release.contents import Interval, ReleaseContents
from learning.release.errors import InvalidContents
from learning.release.records import NOWHERE, from_json, to_json


@dataclass(frozen=True)
class Inner:
    name: str
    place: Path
    spare: Path | None = None


@dataclass(frozen=True)
class Outer:
    count: int
    share: float
    day: date
    at: datetime
    inner: Inner | None
    pair: tuple[int, float]
    many: tuple[str, ...]
    kinds: frozenset[str]
    by_name: dict[str, Interval]
    free: object
    role: Literal["pool", "holdout"] = "pool"
    more: dict[str, int] = field(default_factory=dict)


def outer(**changes: Any) -> Outer:
    whole = Outer(
        count=3,
        share=0.1,
        day=date(2026, 11, 3),
        at=datetime(2026, 11, 3, 12, 30, tzinfo=UTC),
        inner=Inner("a", Path("/somewhere/a.tif"), Path("/somewhere/b.tif")),
        pair=(1, 2.5),
        many=("x", "y"),
        kinds=frozenset({"b", "a"}),
        by_name={"miou": Interval(0.5, 0.25, 0.75)},
        free={"steps": 8, "lr": 1e-4, "names": ["a", None, True]},
    )
    return replace(whole, **changes)


AS_JSON = {
    "count": 3,
    "share": 0.1,
    "day": "2026-11-03",
    "at": "2026-11-03T12:30:00+00:00",
    "inner": {"name": "a"},
    "pair": [1, 2.5],
    "many": ["x", "y"],
    "kinds": ["a", "b"],
    "by_name": {"miou": {"estimate": 0.5, "low": 0.25, "high": 0.75}},
    "free": {"steps": 8, "lr": 1e-4, "names": ["a", None, True]},
    "role": "pool",
    "more": {},
}


def test_a_record_is_written_field_by_field_without_its_paths() -> None:
    assert to_json(outer()) == AS_JSON


def test_what_was_written_comes_back_with_paths_to_be_looked_up() -> None:
    back = from_json(Outer, json.loads(json.dumps(to_json(outer()))))
    assert back == outer(inner=Inner("a", NOWHERE, None))
    assert isinstance(back.pair[1], float) and isinstance(back.kinds, frozenset)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e-320, 0.1 + 0.2, -0.0, 1e22])
def test_every_float_comes_back_to_the_bit_through_strict_json(value: float) -> None:
    text = json.dumps(to_json(outer(share=value)), allow_nan=False)
    back = from_json(Outer, json.loads(text)).share
    assert math.copysign(1, back) == math.copysign(1, value)
    assert back == value or (math.isnan(back) and math.isnan(value))


def test_a_whole_number_kept_where_a_float_is_wanted_is_a_float_again() -> None:
    assert type(from_json(Outer, {**AS_JSON, "share": 2}).share) is float


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"count": "3"}, "Outer.count is '3'"),
        ({"count": True}, "Outer.count is 'True'"),
        ({"day": "yesterday"}, "Outer.day is 'yesterday'"),
        ({"pair": [1]}, "Outer.pair"),
        ({"many": "xy"}, "Outer.many is 'xy'"),
        ({"role": "buffer"}, "Outer.role is 'buffer'"),
        ({"inner": {"name": "a", "place": "/etc"}}, "Inner has no field 'place'"),
        ({"inner": {}}, "Inner is kept without 'name'"),
        ({"later": 1}, "Outer has no field 'later'"),
        ({"share": None}, "Outer.share is 'None'"),
    ],
)
def test_what_does_not_fit_the_record_is_refused_by_its_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidContents, match=told.replace(".", r"\.")):
        from_json(Outer, {**AS_JSON, **changes})


def test_a_field_with_a_default_may_be_missing_and_any_other_not() -> None:
    kept = {name: value for name, value in AS_JSON.items() if name not in ("role", "more")}
    assert from_json(Outer, kept).role == "pool"
    del kept["count"]
    with pytest.raises(InvalidContents, match="kept without 'count'"):
        from_json(Outer, kept)


@pytest.mark.parametrize("changes", [{"count": 1.5}, {"many": ["x"]}, {"free": {1: 2}}, {"free": {"x": math.nan}}])
def test_a_value_of_another_type_is_not_written_either(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidContents):
        to_json(outer(**changes))


def test_the_records_of_a_real_release_come_back_as_they_were(contents: ReleaseContents) -> None:
    for record in (contents.campaign, contents.nomenclature, contents.model, contents.previous):
        assert record is not None
        back = from_json(type(record), json.loads(json.dumps(to_json(record), allow_nan=False)))
        if record is contents.model:
            back = replace(back, weights_path=contents.model.weights_path)
        assert back == record
