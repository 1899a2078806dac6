"""Which classes count as artificialised ground, by cover alone."""

from __future__ import annotations

import pytest
import scenes
from class_rows import apply_plan, new_class, rename_plan, split_plan

from annotation.models import Nomenclature, NomenclatureClass
from annotation.services.nomenclatures import DATA_FOLDER, load_mapping_file
from learning.core.artificialisation import (
    ARTIFICIALISED,
    NOT_ARTIFICIALISED,
    UNDECIDED,
    shipped_artificialisation_rule,
)
from learning.services.counted_classes import counted_classes, covers_of_codes

pytestmark = pytest.mark.django_db


def test_covers_are_what_the_decree_says_of_them_and_grass_may_be_either() -> None:
    found = counted_classes(scenes.campaign())
    assert {code for code, counts in found.items() if counts} == {"CS1.1.1.1", "CS1.1.1.2", "CS1.1.2.2"}
    # Mineral ground may be a quarry, grass a garden.
    assert {code for code, counts in found.items() if counts is None} == {"CS1.1.2.1", "CS2.2.1", "CS2.2.2"}
    assert found["CS1.2.1"] is False and found["CS2.1.1.1"] is False


def test_a_class_below_a_cover_is_what_that_is_and_one_above_what_all_below_it_are() -> None:
    campaign = scenes.campaign()
    nomenclature = campaign.nomenclature
    NomenclatureClass.objects.create(
        nomenclature=nomenclature, code="roof-tiles", parent_code="CS1.1.1.1", colour="#000000", position=99
    )
    NomenclatureClass.objects.filter(nomenclature=nomenclature, code__in=["CS1.1.1", "CS1.1.2", "CS2.1"]).update(
        selectable=True
    )
    found = counted_classes(campaign)
    assert found["roof-tiles"] is True
    assert (found["CS1.1.1"], found["CS1.1.2"], found["CS2.1"]) == (True, None, False)


def test_classes_of_another_nomenclature_are_what_all_covers_are_that_stand_for_them() -> None:
    scenes.nomenclature()
    campaign = scenes.campaign(nomenclature=scenes.nomenclature("cosia_15"))
    assert set(counted_classes(campaign).values()) == {None}, "without a mapping nothing is known"
    load_mapping_file(path=DATA_FOLDER / "mappings" / "cosia_15__ocsge_cover.json")
    found = counted_classes(campaign)
    assert found["batiment"] is True and found["zone_impermeable"] is True
    assert found["zone_permeable"] is None, "pervious ground may be a quarry"
    assert found["sol_nu"] is False


def test_classes_that_a_change_made_are_what_those_are_that_they_were_made_of() -> None:
    campaign = scenes.campaign()
    apply_plan(campaign, split_plan("CS1.1.1.1"))
    apply_plan(campaign, rename_plan("CS1.2.1"))
    apply_plan(campaign, [{"kind": "merge", "codes": ["new.1", "CS1.1.1.2"], "into": new_class("built")}])
    apply_plan(campaign, [{"kind": "merge", "codes": ["new.2", "CS2.1.1.1"], "into": new_class("mixed")}])
    found = counted_classes(campaign)
    assert (found["built"], found["renamed"], found["mixed"]) == (True, False, None)


def test_in_another_nomenclature_its_mapping_goes_on_to_hold_after_a_change() -> None:
    scenes.nomenclature()
    campaign = scenes.campaign(nomenclature=scenes.nomenclature("cosia_15"))
    load_mapping_file(path=DATA_FOLDER / "mappings" / "cosia_15__ocsge_cover.json")
    apply_plan(campaign, [*split_plan("batiment"), *rename_plan("zone_impermeable", "sealed")])
    found = counted_classes(campaign)
    assert (found["new.1"], found["new.2"], found["sealed"]) == (True, True, True)
    rule = shipped_artificialisation_rule()
    covers = covers_of_codes(campaign.nomenclature, ["new.1", "sealed", "batiment"], rule)
    assert covers[0] == covers[2] == "CS1.1.1.1"
    assert covers[1] in rule.where


@pytest.mark.parametrize(
    ("code", "sealed", "pervious"),
    [
        ("flair_19", ("building", "impervious_surface"), "pervious_surface"),
        ("cosia_15", ("batiment", "zone_impermeable"), "zone_permeable"),
    ],
)
def test_sealed_classes_of_another_nomenclature_that_are_merged_stay_sealed(
    code: str, sealed: tuple[str, str], pervious: str
) -> None:
    scenes.nomenclature()
    campaign = scenes.campaign(nomenclature=scenes.nomenclature(code))
    load_mapping_file(path=DATA_FOLDER / "mappings" / f"{code}__ocsge_cover.json")
    apply_plan(campaign, [{"kind": "merge", "codes": list(sealed), "into": new_class("sealed")}])
    rule = shipped_artificialisation_rule()
    # Buildings (CS1.1.1.1) and other sealed ground (CS1.1.1.2) are both CS1.1.1, which counts whatever its use.
    assert covers_of_codes(campaign.nomenclature, ["sealed"], rule) == ["CS1.1.1"]
    assert counted_classes(campaign)["sealed"] is True
    apply_plan(campaign, [{"kind": "merge", "codes": ["sealed", pervious], "into": new_class("all")}])
    assert counted_classes(campaign)["all"] is None, "pervious ground may be a quarry"


def test_maps_places_and_change_take_each_class_for_the_same_cover() -> None:
    rule = shipped_artificialisation_rule()
    scenes.nomenclature()
    for code in ("flair_19", "cosia_15", "ocsge_cover"):
        campaign = scenes.campaign(f"all-{code.replace('_', '-')}", nomenclature=scenes.nomenclature(code))
        if code != "ocsge_cover":
            load_mapping_file(path=DATA_FOLDER / "mappings" / f"{code}__ocsge_cover.json")
        NomenclatureClass.objects.filter(nomenclature=campaign.nomenclature).update(selectable=True)
        counted = counted_classes(campaign)
        codes = list(counted)
        covers = covers_of_codes(campaign.nomenclature, codes, rule)
        # Without any usage: what a map's raster and the places of a sample of areas are judged by
        by_value = {ARTIFICIALISED: True, NOT_ARTIFICIALISED: False, UNDECIDED: None}
        states = rule.states(covers)[1:, 0].tolist()
        assert counted == {one: by_value[state] for one, state in zip(codes, states, strict=True)}, code


def test_a_clearing_is_woods_by_its_mapping_and_not_undecided() -> None:
    scenes.nomenclature()
    campaign = scenes.campaign(nomenclature=scenes.nomenclature("flair_19"))
    load_mapping_file(path=DATA_FOLDER / "mappings" / "flair_19__ocsge_cover.json")
    found = counted_classes(campaign)
    assert found["clear_cut"] is False, "of the three kinds of stand none is artificialised"
    assert found["swimming_pool"] is None, "it has no cover of its own"


def test_local_classes_of_a_theme_are_what_the_national_ones_above_them_are() -> None:
    campaign = scenes.campaign()
    nomenclature = campaign.nomenclature
    Nomenclature.objects.filter(pk=nomenclature.pk).update(code="a-theme")
    nomenclature.refresh_from_db()
    NomenclatureClass.objects.create(
        nomenclature=nomenclature, code="slate-roofs", parent_code="CS1.1.1.1", colour="#000000", position=99
    )
    found = counted_classes(campaign)
    assert (found["slate-roofs"], found["CS1.1.1.1"], found["CS1.2.2"], found["CS2.2.1"]) == (True, True, False, None)
