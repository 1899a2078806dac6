"""Which classes count as artificialised ground, by cover alone."""

from __future__ import annotations

import pytest
import scenes

from annotation.models import NomenclatureClass
from annotation.services.nomenclatures import DATA_FOLDER, load_mapping_file
from learning.services.counted_classes import counted_classes

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
