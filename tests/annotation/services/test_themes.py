"""Themes loaded beside their nomenclature, labelled with, and told in what is published."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import scenes
from class_rows import apply_plan, new_class, rename_plan, take_back
from theme_rows import ORCHARD, VINE, theme_file

from annotation.errors import NationalClassStands, NomenclatureChanged, NotANomenclature, NotThere, UnknownClass
from annotation.models import AnnotationRevision, Nomenclature
from annotation.services.annotations import save_annotation
from annotation.services.class_changes import plan_change
from annotation.services.class_lineage import origins_of
from annotation.services.nomenclatures import latest_nomenclature, load_nomenclature_file, selectable_codes
from annotation.services.queue import claim_next_tile
from learning.services.counted_classes import counted_classes
from learning.services.release_freeze import nomenclature_info

pytestmark = pytest.mark.django_db


def test_a_theme_is_a_nomenclature_that_names_the_one_it_refines_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    national = scenes.nomenclature()
    before = list(national.classes.values())
    theme = load_nomenclature_file(path=theme_file(tmp_path))
    assert theme.extends == national and latest_nomenclature("ocsge_cover") == national
    assert theme.classes.get(code=VINE).parent_code == "CS2.1.3"
    assert theme.classes.count() == len(before) + 2
    assert list(national.classes.values()) == before
    assert load_nomenclature_file(path=theme_file(tmp_path)) == theme
    with pytest.raises(NomenclatureChanged, match="give the changed file a new version"):
        load_nomenclature_file(path=theme_file(tmp_path, source="other"))


def test_a_theme_of_a_version_that_is_not_loaded_or_of_another_theme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotThere, match=r"ocsge_cover 2\.0, which is not loaded: load that version first"):
        load_nomenclature_file(path=theme_file(tmp_path))
    scenes.nomenclature()
    load_nomenclature_file(path=theme_file(tmp_path))
    with pytest.raises(NotANomenclature, match="vines_34 1 is itself a theme"):
        load_nomenclature_file(path=theme_file(tmp_path, code="again", extends={"code": "vines_34", "version": "1"}))
    assert Nomenclature.objects.count() == 2


def test_people_label_at_either_level_in_a_campaign_of_the_theme_and_not_in_a_national_one(tmp_path: Path) -> None:
    national = scenes.nomenclature()
    theme = load_nomenclature_file(path=theme_file(tmp_path))
    ana = scenes.person("ana")
    features = [scenes.square(code, 20 * number, 0, 10) for number, code in enumerate(("CS2.1.3", VINE, "CS1.1.1.1"))]
    for chosen in (theme, national):
        campaign = scenes.campaign(chosen.code.replace("_", "-"), nomenclature=chosen)
        lease = claim_next_tile(campaign=campaign, annotator=ana)
        assert lease is not None
        saving: dict[str, Any] = {
            "tile": lease.tile, "annotator": ana, "features": features, "operation_id": uuid.uuid4(),
            "expected_version": 0,
        }  # fmt: skip
        if chosen == theme:
            save_annotation(**saving)
            assert {VINE, ORCHARD, "CS2.1.3"} <= set(selectable_codes(campaign))
        else:
            with pytest.raises(UnknownClass):
                save_annotation(**saving)
    saved = AnnotationRevision.objects.get().features
    assert sorted(feature["class_code"] for feature in saved) == ["CS1.1.1.1", "CS2.1.3", VINE]


def test_what_is_published_of_a_theme_says_what_it_refines_and_gives_every_class_a_value(tmp_path: Path) -> None:
    scenes.nomenclature()
    theme = load_nomenclature_file(path=theme_file(tmp_path))
    info = nomenclature_info(scenes.campaign("local", nomenclature=theme))
    national = nomenclature_info(scenes.campaign("national"))
    assert info.extends == ("ocsge_cover", "2.0") and national.extends is None
    assert {VINE, ORCHARD, "CS2.1.3"} <= set(info.raster_values)


def themed(folder: Path) -> Any:
    scenes.nomenclature()
    return scenes.campaign("vines", nomenclature=load_nomenclature_file(path=theme_file(folder)))


def test_local_classes_change_under_their_national_ones_which_labels_never_leave(tmp_path: Path) -> None:
    campaign = themed(tmp_path)
    parts = [new_class(f"{VINE}/red"), new_class(f"{VINE}/white")]
    apply_plan(campaign, [{"kind": "split", "code": VINE, "into": parts, "default": f"{VINE}/red"}])
    assert f"{VINE}/red" in selectable_codes(campaign)
    told = nomenclature_info(campaign)
    assert told.extends == ("ocsge_cover", "2.0")
    change = apply_plan(campaign, rename_plan(ORCHARD, "CS2.1.3/fruit"))
    take_back(change)
    campaign.refresh_from_db()
    apply_plan(campaign, [{"kind": "merge", "codes": [f"{VINE}/red", ORCHARD], "into": new_class("CS2.1.3/rows")}])
    loaded, origins = origins_of(campaign.nomenclature)
    assert loaded.code == "ocsge_cover"
    assert {origins[code] for code in ("CS2.1.3/rows", f"{VINE}/white")} == {("CS2.1.3",)}


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"kind": "rename", "code": "CS1.1.1.1", "new_code": "house"}, "CS1.1.1.1 is a national class"),
        ({"kind": "merge", "codes": ["CS1.1.1.1", "CS1.1.1.2"], "into": new_class("CS1.1.1/all")}, "national class"),
        ({"kind": "split", "code": VINE, "into": [new_class("red"), new_class("white")]}, "a slash, and a name"),
        ({"kind": "rename", "code": VINE, "new_code": "CS1.1.1.1/vine"}, "must be that of the class it refines"),
        ({"kind": "move", "code": VINE, "parent": "CS1.1.1.1"}, "must be that of the class it refines"),
    ],
)
def test_a_change_that_would_take_labels_out_of_their_national_class_is_refused_and_says_why(
    step: dict[str, Any], why: str, tmp_path: Path
) -> None:
    campaign = themed(tmp_path)
    with pytest.raises(NationalClassStands, match=why):
        plan_change(campaign=campaign, plan=[step], actor=None, reason="to try")


def test_parts_of_a_national_class_are_local_ones_and_what_the_rule_says_of_it_holds_for_them(tmp_path: Path) -> None:
    campaign = themed(tmp_path)
    parts = [new_class("CS1.1.1.1/roof"), new_class("CS1.1.1.1/yard")]
    apply_plan(campaign, [{"kind": "split", "code": "CS1.1.1.1", "into": parts, "default": None}])
    found = counted_classes(campaign)
    assert (found["CS1.1.1.1/roof"], found[VINE], found["CS1.1.1.2"]) == (True, False, True)
