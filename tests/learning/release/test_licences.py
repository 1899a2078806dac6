from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from learning.release.bundle import stage_release
from learning.release.contents import ReleaseContents
from learning.release.errors import InvalidContents
from learning.release.licences import dataset_licence, hub_licences, licence_href, licence_name, stac_licence
from learning.release.manifest import verify
from learning.release.rules import check_contents
from learning.release.stac_check import check_stac

IMAGERY_ATTRIBUTION = "© IGN, BD ORTHO 2019"


def staged(changed: Callable[..., ReleaseContents], contents: ReleaseContents, licence: str, folder: Path) -> Path:
    root = folder / "r.staging"
    stage_release(changed(layer=replace(contents.layer, licence=licence)), root)
    assert not verify(root).faults
    return root


def load(root: Path, path: str) -> dict[str, Any]:
    return json.loads((root / path).read_text())


def notices(thing: dict[str, Any]) -> list[str]:
    return [link["href"] for link in thing["links"] if link["rel"] == "license"]


@pytest.mark.parametrize("spdx", ["etalab-2.0", "ODbL-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0", "Apache-2.0"])
def test_every_licence_that_imagery_or_labels_may_have_has_a_name_and_a_text(spdx: str) -> None:
    href = licence_href(spdx)
    assert href is not None and "spdx.org" not in href and licence_name(spdx) != spdx


def test_terms_of_nobodys_text_have_no_address() -> None:
    assert licence_href("other") is None
    assert licence_href("MIT") == "https://spdx.org/licenses/MIT.html"


@pytest.mark.parametrize(
    ("imagery", "together", "in_stac", "on_the_hub"),
    [
        ("etalab-2.0", "etalab-2.0", "etalab-2.0", ["etalab-2.0"]),
        ("CC-BY-4.0", "etalab-2.0 AND CC-BY-4.0", "other", ["etalab-2.0", "cc-by-4.0"]),
        ("ODbL-1.0", "etalab-2.0 AND ODbL-1.0", "other", ["etalab-2.0", "odbl"]),
        ("other", "other", "other", ["etalab-2.0", "other"]),
    ],
)
def test_masks_and_images_together_are_under_both_licences(
    imagery: str, together: str, in_stac: str, on_the_hub: list[str]
) -> None:
    assert dataset_licence(contributions="etalab-2.0", imagery=imagery) == together
    assert stac_licence(together) == in_stac
    assert hub_licences("etalab-2.0", imagery) == on_the_hub


def test_imagery_of_another_licence_keeps_it_in_the_dataset(
    changed: Callable[..., ReleaseContents], contents: ReleaseContents, tmp_path: Path
) -> None:
    root = staged(changed, contents, "CC-BY-4.0", tmp_path)
    licences = {name: load(root, f"stac/{name}/collection.json")["license"] for name in
                ("imagery", "annotations", "dataset", "models", "predictions")}  # fmt: skip
    assert licences == {
        "imagery": "CC-BY-4.0", "annotations": "etalab-2.0", "dataset": "other", "models": "etalab-2.0",
        "predictions": "etalab-2.0",
    }  # fmt: skip
    for path in ("stac/dataset/collection.json", "stac/dataset/IMG_000002.json"):
        assert notices(load(root, path)) == ["../../LICENSE.txt", "../../LICENSE-imagery.txt"], path
    assert load(root, "stac/dataset/IMG_000002.json")["properties"]["license"] == "other"
    assert notices(load(root, "stac/imagery/gers-2019.json")) == ["../../LICENSE-imagery.txt"]
    assert load(root, "release.json")["dataset_licence"] == "etalab-2.0 AND CC-BY-4.0"
    assert load(root, "release.json")["licence"] == "etalab-2.0"
    card = (root / "dataset/README.md").read_text()
    assert 'license: ["etalab-2.0", "cc-by-4.0"]' in card and "creativecommons.org/licenses/by/4.0/" in card

    validator = JsonSchemaSTACValidator()
    kinds = {"Collection": pystac.STACObjectType.COLLECTION, "Feature": pystac.STACObjectType.ITEM}
    for path in (root / "stac" / "dataset").glob("*.json"):
        thing = json.loads(path.read_text())
        assert validator.validate_core(thing, kinds[thing["type"]], "1.1.0", href=str(path)) is not None


def test_the_notices_at_the_root_and_in_the_dataset_state_both_licences(
    changed: Callable[..., ReleaseContents], contents: ReleaseContents, tmp_path: Path
) -> None:
    root = staged(changed, contents, "CC-BY-SA-4.0", tmp_path)
    for path in ("LICENSE.txt", "dataset/LICENSE.txt"):
        labels, images = (root / path).read_text().split("\n2. ")
        assert "(SPDX: etalab-2.0)" in labels and contents.attribution in labels, path
        assert "(SPDX: CC-BY-SA-4.0)" in images and IMAGERY_ATTRIBUTION in images, path
    alone = (root / "LICENSE-imagery.txt").read_text()
    assert "CC-BY-SA-4.0" in alone and "etalab-2.0" not in alone
    readme = (root / "README.md").read_text()
    for name in ("Licence Ouverte / Open Licence 2.0", "Share Alike 4.0"):
        assert readme.count(name) == 2, "in French and in English"


def test_imagery_under_its_owners_terms_promises_nothing_of_its_pixels(
    changed: Callable[..., ReleaseContents], contents: ReleaseContents, tmp_path: Path
) -> None:
    root = staged(changed, contents, "other", tmp_path)
    notice = (root / "LICENSE-imagery.txt").read_text()
    assert "terms of the imagery's owner" in notice and IMAGERY_ATTRIBUTION in notice
    assert "You may copy" not in notice and "Text:" not in notice and "None" not in notice
    assert load(root, "stac/dataset/collection.json")["license"] == "other"
    assert load(root, "release.json")["dataset_licence"] == "other"
    assert 'license: "other"' in (root / "dataset/README.md").read_text()
    assert "(None)" not in (root / "README.md").read_text()


def test_one_licence_for_both_is_named_once(pristine: Path) -> None:
    assert load(pristine, "release.json")["dataset_licence"] == "etalab-2.0"
    assert load(pristine, "stac/dataset/collection.json")["license"] == "etalab-2.0"
    assert 'license: "etalab-2.0"' in (pristine / "dataset/README.md").read_text()


def test_contributions_always_have_a_licence_that_people_can_read(changed: Callable[..., ReleaseContents]) -> None:
    with pytest.raises(InvalidContents, match="contributions' licence"):
        check_contents(changed(licence="other"))


@pytest.mark.parametrize(
    ("licence", "problem"),
    [("etalab-2.0 AND CC-BY-4.0", "expected one SPDX identifier"), ("other", "no link leads to a notice")],
)
def test_a_licence_that_stac_refuses_or_that_names_no_text_is_found(release: Path, licence: str, problem: str) -> None:
    for path, place in (("stac/dataset/collection.json", None), ("stac/dataset/IMG_000002.json", "properties")):
        thing = load(release, path)
        (thing[place] if place else thing)["license"] = licence
        thing["links"] = [link for link in thing["links"] if link["rel"] != "license"]
        (release / path).write_text(json.dumps(thing))
        assert any(fault.path == path and problem in fault.problem for fault in check_stac(release))
