"""What codes that are no more may be now: through splits, merges and the way back, and where they came from."""

from __future__ import annotations

from typing import Any

import pytest
from class_rows import BUILT, GRASS, apply_plan, merge_plan, new_class, rename_plan, split_plan, take_back
from scenes import campaign

from annotation.services.class_lineage import Lineage, lineage_of, origins_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> Any:
    return campaign()


def test_nothing_is_told_of_classes_that_never_changed(here: Any) -> None:
    lineage = lineage_of(here)
    assert lineage == Lineage({})
    assert (lineage.now(BUILT), lineage.is_open(BUILT), lineage.now("")) == (BUILT, False, "")


def test_a_renamed_or_merged_class_is_one_class_now_and_a_split_one_may_be_several(here: Any) -> None:
    apply_plan(here, rename_plan())
    assert lineage_of(here).now(BUILT) == "renamed"
    apply_plan(here, split_plan("renamed"))
    lineage = lineage_of(here)
    assert lineage.codes(BUILT) == ("new.1", "new.2") and lineage.is_open(BUILT)
    assert lineage.now(BUILT) == BUILT, "nobody says for those who answered which part they saw"
    apply_plan(here, [{"kind": "merge", "codes": ["new.2", GRASS], "into": new_class("both")}])
    lineage = lineage_of(here)
    assert lineage.codes(BUILT) == ("new.1", "both")
    assert (lineage.now(GRASS), lineage.now("new.2"), lineage.now("new.1")) == ("both", "both", "new.1")


def test_a_change_taken_back_leads_its_codes_back_and_a_merge_to_several(here: Any) -> None:
    change = apply_plan(here, rename_plan())
    take_back(change)
    lineage = lineage_of(here)
    assert (lineage.now("renamed"), lineage.now(BUILT)) == (BUILT, BUILT)
    here.refresh_from_db()
    take_back(apply_plan(here, merge_plan()))
    lineage = lineage_of(here)
    assert set(lineage.codes("both")) == {BUILT, GRASS}
    assert lineage.now("renamed") == BUILT, "what was known before is known again"


def test_parts_are_the_class_that_was_split_where_some_still_say_that(here: Any) -> None:
    apply_plan(here, split_plan())
    lineage = lineage_of(here)
    assert lineage.levels({"new.1", GRASS}) == {"new.1": "new.1", GRASS: GRASS}
    told = lineage.levels({"new.1", BUILT, GRASS})
    assert told == {"new.1": BUILT, "new.2": BUILT, BUILT: BUILT, GRASS: GRASS}


def test_of_a_class_split_twice_the_widest_that_somebody_says_counts() -> None:
    lineage = Lineage({"a": ("b1", "b2", "c"), "b": ("b1", "b2")})
    assert lineage.levels({"b", "b1", "c"}) == {"b": "b", "b1": "b", "b2": "b", "c": "c"}
    assert set(lineage.levels({"a", "b", "b1", "c"}).values()) == {"a"}


def test_where_part_of_a_split_class_went_to_another_one_neither_is_told_as_the_other(here: Any) -> None:
    apply_plan(here, split_plan())
    apply_plan(here, [{"kind": "merge", "codes": ["new.2", GRASS], "into": new_class("both")}])
    lineage = lineage_of(here)
    for said in ({BUILT, GRASS}, {BUILT, "new.1", "both"}, {BUILT, "new.1", "new.2", GRASS}):
        assert lineage.mixes(said), said
    assert lineage.levels({BUILT, "new.1", GRASS}) == {BUILT: BUILT, "new.1": "new.1", GRASS: "both"}
    assert not lineage.mixes({"new.1", "new.2", GRASS, "both"}), "nobody says the whole class"
    assert lineage.levels({"new.1", "new.2", GRASS}) == {"new.1": "new.1", "new.2": "both", GRASS: "both"}
    assert not lineage.mixes({BUILT, "new.1", "new.2"}), "all of it was that class"
    assert lineage.levels({BUILT, "new.2"}) == {BUILT: BUILT, "new.1": BUILT, "new.2": BUILT}


def test_two_classes_of_which_parts_became_one_are_not_told_as_one_of_them() -> None:
    ways = (("a", "a1", "a1"), ("a", "a2", "c"), ("b", "b1", "b1"), ("b", "b2", "c"))
    lineage = Lineage({"a": ("a1", "c"), "b": ("b1", "c"), "a2": ("c",), "b2": ("c",)}, ways)
    assert lineage.mixes({"a", "b"}) and lineage.mixes({"b", "c"})
    assert lineage.levels({"b", "b1", "a1"}) == {"a1": "a1", "b": "b", "b1": "b"}
    assert lineage.may_be_one("a", "b2") and not lineage.may_be_one("a", "b1")


def test_what_a_merge_that_was_taken_back_was_said_of_holds_both_of_its_classes(here: Any) -> None:
    take_back(apply_plan(here, merge_plan()))
    lineage = lineage_of(here)
    assert not lineage.mixes({"both", GRASS}) and lineage.mixes({BUILT, GRASS}) is False
    assert set(lineage.levels({"both", GRASS}).values()) == {"both"}


def test_a_class_knows_the_loaded_ones_that_it_was_made_of(here: Any) -> None:
    loaded = here.nomenclature
    assert origins_of(loaded)[1][BUILT] == (BUILT,)
    apply_plan(here, split_plan())
    apply_plan(here, [{"kind": "merge", "codes": ["new.2", GRASS], "into": new_class("both")}])
    version, origins = origins_of(here.nomenclature)
    assert version == loaded
    assert (origins["new.1"], set(origins["both"])) == ((BUILT,), {BUILT, GRASS})
