from __future__ import annotations

import copy
import json

import pytest

from annotation.core.nomenclature import NOMENCLATURES_DIR, load_nomenclature
from learning.core.weights_source import SOURCES_DIR, known_sources, make_recipe, parse_source, shipped_source
from learning.errors import InvalidWeightsSource, UnusableWeights

RAW = json.loads((SOURCES_DIR / "flair_inc.json").read_text(encoding="utf-8"))
SOURCE = shipped_source("flair_inc")
MORE = {"reasons": {}, "nomenclature_code": "n", "nomenclature_version": "1", "notes": {}}


def test_every_source_that_ships_speaks_a_nomenclature_that_ships() -> None:
    assert known_sources() == ("flair_inc",)
    tree = load_nomenclature(NOMENCLATURES_DIR / f"{SOURCE.nomenclature}.json")
    values = {item.code: item.raster_value for item in tree.classes}
    # FLAIR's masks hold 1 to 19, and output channel k is class k + 1.
    assert [values[code] for code in SOURCE.channels] == list(range(1, 20))


def test_variants_read_what_their_names_say() -> None:
    read = {item.code: item.bands for item in SOURCE.variants}
    assert read["rgbi_15cl"] == ("R", "G", "B", "NIR") and read["rgbie_15cl"][4] == "nDSM"
    assert len(SOURCE.variant("rgb_12cl").rewarded) == 12
    left = set(SOURCE.channels) - set(SOURCE.variant("rgb_15cl").rewarded)
    assert left == {"clear_cut", "mixed", "ligneous", "other"}
    assert "0.2 m" in SOURCE.bands_of(SOURCE.variant("rgbie_15cl"))[4].note


def test_a_variant_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(UnusableWeights, match="rgb_12cl, rgb_15cl, rgbi_15cl, rgbie_15cl"):
        SOURCE.variant("swir")


def changed(**changes: object) -> dict:
    return {**copy.deepcopy(RAW), **changes}


@pytest.mark.parametrize(
    ("payload", "met"),
    [
        ([], "members"),
        ({key: value for key, value in RAW.items() if key != "licence"}, "licence"),
        (changed(surprise=1), "surprise"),
        (changed(channels=["a", "a"]), "twice"),
        (changed(bands=[{"name": "R", "mean": "x", "std": 1, "note": ""}]), "mean"),
        (changed(bands=[{"name": "R", "mean": 1, "std": 0, "note": ""}]), "std"),
        (changed(bands=[{"name": "R", "mean": 1, "std": 1, "note": ""}]), "'G', which is not listed"),
        (changed(variants=[{"code": "v", "published_as": "p", "bands": ["R"], "rewarded": ["tree"]}]), "'tree'"),
        (changed(margin_px=33), "33"),
        (changed(dtype="float32"), "float32"),
        (changed(gsd_m=-1), "gsd_m"),
        (changed(seen={"en": "x"}), "seen"),
        (changed(network={"architecture": "unet"}), "network"),
    ],
)
def test_a_file_that_is_no_source_is_refused_with_what_was_met(payload: object, met: str) -> None:
    with pytest.raises(InvalidWeightsSource, match=met):
        parse_source(payload)


def test_bands_take_the_imagerys_names_in_the_variants_order() -> None:
    pairs = {"building": "a", "water": "b"}
    made = make_recipe(
        SOURCE, SOURCE.variant("rgb_15cl"), bands=["rouge", "vert", "bleu"], class_codes=["a", "b"], counterparts=pairs,
        **MORE,
    )  # fmt: skip
    assert made.bands == ("rouge", "vert", "bleu") and made.mean == (105.08, 110.87, 101.82)
    assert type(made).from_json(json.loads(json.dumps(made.as_json()))) == made
    with pytest.raises(UnusableWeights, match="2 bands are named"):
        make_recipe(
            SOURCE, SOURCE.variant("rgb_15cl"), bands=["a", "b"], class_codes=["a", "b"], counterparts=pairs, **MORE
        )


def test_a_mapping_that_reaches_one_class_makes_no_model() -> None:
    with pytest.raises(UnusableWeights, match="1 of the campaign's 2 classes"):
        make_recipe(
            SOURCE, SOURCE.variant("rgb_15cl"), bands=None, class_codes=["a", "b"],
            counterparts={"building": "a", "mixed": "b", "water": "elsewhere"}, **MORE,
        )  # fmt: skip


def test_what_is_left_out_says_why() -> None:
    made = make_recipe(
        SOURCE, SOURCE.variant("rgb_15cl"), bands=None, class_codes=["a", "b"],
        counterparts={"building": "a", "mixed": "b", "water": "b", "snow": "c", "vineyard": None},
        **{**MORE, "reasons": {"vineyard": "None grow here."}},
    )  # fmt: skip
    assert dict(made.counterparts) == {"building": "a", "water": "b"}
    assert made.why_left_out["mixed"] == "rgb_15cl was never rewarded for it"
    assert made.why_left_out["snow"] == "its counterpart c is no class that people choose here"
    assert made.why_left_out["vineyard"] == "None grow here."
