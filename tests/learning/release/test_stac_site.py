"""The site's own catalogue: what is known only after a release was published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pystac
import pytest
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from learning.release.stac_site import Named, Place, Versions, catalogue, release_collection

SITE = "https://maps.example.org"
PLACE = Place(f"{SITE}/stac/gers/1.0.0.json", f"{SITE}/stac/gers/catalog.json", f"{SITE}/stac/catalog.json")
HISTORY = Named(f"{SITE}/stac/gers/catalog.json", "All versions")


def links(thing: dict[str, Any]) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in thing["links"]}


@pytest.fixture
def told(pristine: Path) -> dict[str, Any]:
    return json.loads((pristine / "release.json").read_text())


def made(told: dict[str, Any], versions: Versions, **more: Any) -> dict[str, Any]:
    files, page = f"{SITE}/releases/gers-1.0.0/files/", Named(f"{SITE}/releases/gers-1.0.0/", "Gers")
    return release_collection(PLACE, told=told, versions=versions, files=files, page=page, **more)


def test_a_release_leads_to_its_own_catalogue_and_to_those_around_it(told: dict[str, Any]) -> None:
    before, after = Named(f"{SITE}/stac/gers/0.9.0.json", "0.9.0"), Named(f"{SITE}/stac/gers/1.1.0.json", "1.1.0")
    found = made(told, Versions(history=HISTORY, before=before, after=after, latest=after))
    assert links(found) == {
        "root": PLACE.root,
        "self": PLACE.href,
        "parent": PLACE.parent,
        "child": f"{SITE}/releases/gers-1.0.0/files/catalog.json",
        "license": f"{SITE}/releases/gers-1.0.0/files/LICENSE.txt",
        "about": f"{SITE}/releases/gers-1.0.0/",
        "predecessor-version": before.href,
        "successor-version": after.href,
        "latest-version": after.href,
        "version-history": HISTORY.href,
    }
    assert (found["version"], found["deprecated"], found["license"]) == ("1.0.0", False, "etalab-2.0")
    assert found["extent"]["temporal"]["interval"] == [["2019-07-14T00:00:00Z", "2019-07-14T00:00:00Z"]]


def test_a_withdrawn_release_says_so_with_its_reason(told: dict[str, Any]) -> None:
    found = made(told, Versions(history=HISTORY), withdrawn="Water was taken for shade.")
    assert found["deprecated"] is True
    assert found["description"].startswith("**Withdrawn:** Water was taken for shade.")


def test_a_doi_comes_with_its_extension_and_a_link_to_cite(told: dict[str, Any]) -> None:
    found = made(told, Versions(history=HISTORY), doi="10.5281/zenodo.1")
    assert found["sci:doi"] == "10.5281/zenodo.1" and links(found)["cite-as"] == "https://doi.org/10.5281/zenodo.1"
    assert "https://stac-extensions.github.io/scientific/v1.0.0/schema.json" in found["stac_extensions"]
    assert "sci:doi" not in made(told, Versions(history=HISTORY))


def test_what_does_not_fit_is_one_more_child() -> None:
    place = Place(f"{SITE}/stac/gers/catalog.json", f"{SITE}/stac/catalog.json", f"{SITE}/stac/catalog.json")
    earlier = Named(f"{SITE}/stac/gers/earlier-2.json", "Earlier releases")
    child = Named(PLACE.href, "1.0.0")
    found = catalogue(place, id_="gers", title="Gers", description="Gers.", children=[child], more=earlier)
    assert [link["href"] for link in found["links"] if link["rel"] == "child"] == [child.href, earlier.href]


def test_documents_of_the_site_pass_the_core_schemas(told: dict[str, Any]) -> None:
    root = Place(f"{SITE}/stac/catalog.json", None, f"{SITE}/stac/catalog.json")
    top = catalogue(root, id_="solcommun", title="Open data", description="All.", children=[HISTORY])
    release = made(told, Versions(history=HISTORY))
    validator = JsonSchemaSTACValidator()
    for thing, kind in ((top, pystac.STACObjectType.CATALOG), (release, pystac.STACObjectType.COLLECTION)):
        assert validator.validate_core(thing, kind, "1.1.0", href="x") is not None
    assert "parent" not in links(top)
