"""Artificialised ground, as files of a release."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ground_rows import FIGURES, made_ground

from learning.release.bundle import stage_release
from learning.release.contents import ReleaseContents
from learning.release.errors import PersonalDataFound, UnusableArtefact
from learning.release.ground import ArtificialisedGround
from learning.release.manifest import verify


def test_a_release_holds_the_polygons_in_two_forms_with_rule_figures_and_lists(
    changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    ground, root = made_ground(tmp_path), tmp_path / "release.staging"
    stage_release(changed(ground=ground), root)
    assert verify(root).faults == ()
    assert (root / "artificialisation/artificialisation.gpkg").read_bytes() == ground.gpkg.read_bytes()  # type: ignore[union-attr]
    house, grass = pq.read_table(root / "artificialisation/artificialisation.parquet").to_pylist()
    assert (house["artif"], house["crit_seuil"], house["code_us"], house["area_m2"]) == ("artif", "bati_50", "US5", 100)
    assert (grass["artif"], grass["crit_seuil"], grass["source"]) == ("indetermine", "", "usage: OCS GE, 2019-01-01")
    told = json.loads((root / "artificialisation/figures.json").read_text())
    assert told == {**FIGURES, "file": "artificialisation/artificialisation.parquet"}
    item = json.loads((root / "stac/artificialisation/gers-2019-artificialisation.json").read_text())
    assert set(item["assets"]) == {"parquet", "gpkg", "rule", "figures"}
    assert item["properties"]["table:row_count"] == 2
    assert "artificialisation/artificialisation.gpkg" in (root / "dcat.jsonld").read_text()
    said = json.loads((root / "release.json").read_text())["artificialisation"]
    assert (said["status"], said["kind"]) == ("published", "bracket")
    readme = (root / "README.md").read_text()
    assert "lisez deux bornes, jamais l'une d'elles seule" in readme
    assert "read two bounds, never one of them alone" in readme


@pytest.mark.parametrize("reason", ["licence", "not_computed", "made_again"])
def test_what_is_not_published_is_told_with_its_reason(
    reason: str, changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    root = tmp_path / "release.staging"
    about = "Plan of a town (other)" if reason == "licence" else ""
    stage_release(changed(ground=ArtificialisedGround(figures={}, reason=reason, about=about)), root)
    assert not (root / "artificialisation").exists() and not (root / "stac/artificialisation").exists()
    said = json.loads((root / "release.json").read_text())["artificialisation"]
    assert said == {"status": "not published", "reason": reason, "about": about or None}
    readme = (root / "README.md").read_text()
    assert "Le sol artificialisé n'est pas publié" in readme and "Artificialised ground is not published" in readme
    assert about in readme


def test_an_address_in_the_name_of_a_source_keeps_the_release_from_being_published(
    changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    ground = made_ground(tmp_path, source="usage: maps of someone@example.org, 2019-01-01")
    with pytest.raises(PersonalDataFound, match="artificialisation"):
        stage_release(changed(ground=ground), tmp_path / "release.staging")


def test_a_file_that_is_no_geopackage_is_refused(changed: Callable[..., ReleaseContents], tmp_path: Path) -> None:
    ground = made_ground(tmp_path)
    ground.gpkg.write_bytes(b"no database")  # type: ignore[union-attr]
    with pytest.raises(UnusableArtefact, match="compute it again"):
        stage_release(changed(ground=ground), tmp_path / "release.staging")


def test_a_release_without_such_ground_says_nothing_of_it(pristine: Path) -> None:
    assert "artificialisation" not in json.loads((pristine / "release.json").read_text())
    assert "artificialis" not in (pristine / "README.md").read_text()
