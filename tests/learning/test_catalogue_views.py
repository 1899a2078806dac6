"""The catalogues of the whole site, as a harvester meets them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from learning_rows import labelled_campaign

from learning import catalogue_views
from learning.models import Deposit, Release
from learning.release import stac_site
from learning.release.manifest import write_manifest
from learning.services import site_catalogue
from learning.services.releases import finish_release
from learning.services.withdrawal import withdraw_release

pytestmark = pytest.mark.django_db
LAYER = {
    "crs": "EPSG:2154", "transform": [0.2, 0, 500000, 0, -0.2, 6290000], "width": 512, "height": 512,
    "gsd_m": 0.2, "vintage": 2022, "acquired_on": None,
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_folder_of_another_test() -> Iterator[None]:
    """Folders come again under the same name with other files, which a site's never do."""
    site_catalogue._told.cache_clear()
    site_catalogue._nodes.cache_clear()
    yield
    shutil.rmtree(settings.RELEASES_DIR, ignore_errors=True)


def publish(campaign: Any, version: str, *, previous: str | None = None, whole: bool = True) -> Release:
    """A release put in place by hand, as one was laid out before releases had a `dcat.jsonld`."""
    slug = campaign.slug
    row = Release.objects.create(
        campaign=campaign, version=version, title=f"Release of {slug}", folder=f"{slug}-{version}"
    )
    told: dict[str, Any] = {"counts": {}, "licence": "etalab-2.0", "attribution": "IGN"}
    if whole:
        told |= {
            "version": version, "previous_version": previous, "publisher": "Solcommun", "layer": LAYER,
            "title": {"fr": "Sols", "en": "Soils"}, "description": {"fr": "Les sols.", "en": "The soils."},
            "published_on": "2026-11-22T09:00:00+00:00", "dataset_licence": "etalab-2.0",
            "campaign": {"slug": slug, "title": campaign.title},
        }  # fmt: skip
    shutil.rmtree(row.path, ignore_errors=True)
    (row.path / "annotations").mkdir(parents=True)
    (row.path / "annotations" / "annotations.parquet").write_bytes(b"PAR1")
    (row.path / "release.json").write_text(json.dumps(told))
    (row.path / "catalog.json").write_text("{}")
    write_manifest(row.path, version=version)
    return finish_release(release=row)


def answer(path: str, **headers: str) -> Any:
    return Client(headers=headers).get(path)


def rels(path: str) -> list[tuple[str, str]]:
    return [(link["rel"], link["href"].removeprefix("http://testserver")) for link in answer(path).json()["links"]]


def test_the_root_leads_to_territories_with_releases_and_to_each_of_their_versions() -> None:
    campaign, silent = labelled_campaign("gers").campaign, labelled_campaign("tarn").campaign
    for version in ("0.9.0", "0.10.0", "0.2.0"):
        publish(campaign, version)
    children = [href for rel, href in rels("/stac/catalog.json") if rel == "child"]
    assert children == ["/stac/gers/catalog.json"], silent.slug
    versions = [href for rel, href in rels("/stac/gers/catalog.json") if rel == "child"]
    assert versions == ["/stac/gers/0.10.0.json", "/stac/gers/0.9.0.json", "/stac/gers/0.2.0.json"]
    assert answer("/stac/").content == answer("/stac/catalog.json").content
    (page,) = [href for rel, href in rels("/stac/catalog.json") if rel == "related"]
    assert page == "/territories/" and answer(page).status_code == 200


def test_a_release_knows_those_that_came_after_it_and_its_files_do_not_change() -> None:
    campaign = labelled_campaign("gers").campaign
    first = publish(campaign, "1.0.0")
    before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    assert ("latest-version", "/stac/gers/1.0.0.json") in rels("/stac/gers/1.0.0.json")
    publish(campaign, "1.1.0")
    publish(campaign, "1.2.0")
    assert [pair for pair in rels("/stac/gers/1.1.0.json") if pair[0].endswith(("version", "history"))] == [
        ("predecessor-version", "/stac/gers/1.0.0.json"),
        ("successor-version", "/stac/gers/1.2.0.json"),
        ("latest-version", "/stac/gers/1.2.0.json"),
        ("version-history", "/stac/gers/catalog.json"),
    ]
    assert ("child", "/releases/gers-1.1.0/files/catalog.json") in rels("/stac/gers/1.1.0.json")
    assert {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()} == before


def test_many_releases_are_walked_from_child_to_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac_site, "PAGE", 2)
    campaign = labelled_campaign("gers").campaign
    for minor in range(5):
        publish(campaign, f"1.{minor}.0")
    seen, waiting = [], ["/stac/gers/catalog.json"]
    while waiting:
        path = waiting.pop(0)
        seen.append(path)
        waiting += [href for rel, href in rels(path) if rel == "child" and not href.startswith("/releases/")]
    assert seen == [
        "/stac/gers/catalog.json", "/stac/gers/1.4.0.json", "/stac/gers/1.3.0.json", "/stac/gers/earlier-2.json",
        "/stac/gers/1.2.0.json", "/stac/gers/1.1.0.json", "/stac/gers/earlier-3.json", "/stac/gers/1.0.0.json",
    ]  # fmt: skip
    assert ("parent", "/stac/gers/earlier-2.json") in rels("/stac/gers/earlier-3.json")


def test_places_that_do_not_exist_are_told_apart_from_empty_ones() -> None:
    labelled_campaign("tarn")
    publish(labelled_campaign("gers").campaign, "1.0.0")
    for path in (
        "/stac/tarn/catalog.json", "/stac/nowhere/catalog.json", "/stac/gers/earlier-9.json", "/stac/gers/9.0.0.json",
        "/releases/dcat.jsonld?page=2", "/releases/dcat.jsonld?page=x",
    ):  # fmt: skip
        assert answer(path).status_code == 404, path


def test_a_release_that_is_not_published_is_in_no_catalogue() -> None:
    campaign = labelled_campaign("gers").campaign
    publish(campaign, "1.0.0")
    hidden = publish(campaign, "1.1.0")
    Release.objects.filter(pk=hidden.pk).update(state="staging")
    assert answer("/stac/gers/1.1.0.json").status_code == 404
    for path in ("/stac/gers/catalog.json", "/stac/gers/1.0.0.json", "/releases/dcat.jsonld"):
        text = answer(path).content.decode()
        assert "gers-1.1.0" not in text and "gers/1.1.0" not in text, path


@pytest.mark.parametrize("remove_files", [False, True])
def test_a_withdrawn_release_stays_in_the_catalogue_as_such_and_is_the_latest_no_more(remove_files: bool) -> None:
    campaign = labelled_campaign("gers").campaign
    publish(campaign, "1.0.0")
    reason = "Water was taken for shade in the north."
    withdraw_release(release=publish(campaign, "1.1.0"), actor=None, reason=reason, remove_files=remove_files)
    gone = answer("/stac/gers/1.1.0.json").json()
    assert gone["deprecated"] is True and reason in gone["description"]
    assert gone["extent"]["spatial"]["bbox"][0][0] == pytest.approx(2.0, abs=2), "where the imagery lies"
    assert not [link for link in gone["links"] if "/files/" in link["href"]], "files that are not given"
    assert ("latest-version", "/stac/gers/1.0.0.json") in rels("/stac/gers/1.1.0.json")
    assert ("successor-version", "/stac/gers/1.1.0.json") in rels("/stac/gers/1.0.0.json")
    assert "gers-1.1.0" not in answer("/releases/dcat.jsonld").content.decode()


def test_the_site_names_datasets_as_their_own_release_does_and_series_once() -> None:
    campaign = labelled_campaign("gers").campaign
    publish(campaign, "1.0.0")
    publish(campaign, "1.1.0", previous="1.0.0")
    site = answer("/releases/dcat.jsonld")
    assert site["Content-Type"] == "application/ld+json"
    graph = {node["@id"]: node for node in site.json()["@graph"]}
    assert list(graph) == [
        "http://testserver/releases/dcat.jsonld#catalogue",
        "http://testserver/releases/gers-1.1.0/files/dcat.jsonld#annotations",
        "http://testserver/releases/dcat.jsonld#gers-annotations",
        "http://testserver/releases/gers-1.0.0/files/dcat.jsonld#annotations",
    ]
    newest = graph["http://testserver/releases/gers-1.1.0/files/dcat.jsonld#annotations"]
    assert newest["dcat:prev"] == {"@id": "http://testserver/releases/gers-1.0.0/files/dcat.jsonld#annotations"}
    file = newest["dcat:distribution"][0]["dcat:downloadURL"]["@id"]
    assert answer(file).status_code == 200
    assert newest["dcat:landingPage"]["@id"] == "http://testserver/releases/gers-1.1.0/"
    catalogue = graph["http://testserver/releases/dcat.jsonld#catalogue"]
    assert len(catalogue["dcat:dataset"]) == 2
    service = catalogue["dcat:service"]
    assert service["@type"] == "dcat:DataService" and {text["@language"] for text in service["dct:title"]} == {
        "fr",
        "en",
    }
    for name, path in {
        "dcat:endpointURL": "/api/v1/territories/", "dcat:endpointDescription": "/api/schema/",
        "dcat:landingPage": "/territories/",
    }.items():  # fmt: skip
        assert service[name]["@id"] == f"http://testserver{path}" and answer(path).status_code == 200
    # DCAT-AP's shapes look for the class of what stands there.
    assert {service[name]["@type"] for name in ("dcat:endpointURL", "dcat:endpointDescription")} == {"rdfs:Resource"}


def test_a_release_that_says_too_little_is_left_out_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    campaign = labelled_campaign("gers").campaign
    publish(campaign, "0.1.0", whole=False)
    publish(campaign, "1.0.0")
    text = answer("/releases/dcat.jsonld").content.decode()
    assert "gers-1.0.0/files" in text and "gers-0.1.0/files" not in text
    assert "gers-0.1.0 is left out of the DCAT catalogue" in caplog.text


def test_the_catalogue_for_portals_comes_in_pages_that_name_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue_views, "DCAT_PAGE", 1)
    campaign = labelled_campaign("gers").campaign
    publish(campaign, "1.0.0")
    publish(campaign, "1.1.0")
    page, seen = "http://testserver/releases/dcat.jsonld", []
    while page:
        graph = {node["@id"]: node for node in answer(page).json()["@graph"]}
        seen += [iri for iri, node in graph.items() if node["@type"] == "dcat:Dataset"]
        view = next(node for node in graph.values() if node["@type"] == "hydra:PartialCollectionView")
        page = view.get("hydra:next", {}).get("@id")
    assert [iri.split("/")[4] for iri in seen] == ["gers-1.1.0", "gers-1.0.0"]


@pytest.mark.parametrize("path", ["/stac/catalog.json", "/stac/gers/1.0.0.json", "/releases/dcat.jsonld"])
def test_what_has_not_changed_is_not_sent_again(path: str) -> None:
    campaign = labelled_campaign("gers").campaign
    publish(campaign, "1.0.0")
    etag = answer(path)["ETag"]
    again = answer(path, **{"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    if path != "/stac/catalog.json":
        publish(campaign, "1.1.0")
        assert answer(path, **{"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/stac/catalog.json", "/releases/dcat.jsonld", "/releases/gers-1.0.0/files/annotations/annotations.parquet"],
)
def test_pages_of_other_sites_may_read_open_data_without_credentials(path: str) -> None:
    publish(labelled_campaign("gers").campaign, "1.0.0")
    asked = Client().options(path, headers={"origin": "https://browser.example.org"})
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Range" in asked["Access-Control-Allow-Headers"]
    got = answer(path, origin="https://browser.example.org")
    assert got["Access-Control-Allow-Origin"] == "*" and "ETag" in got["Access-Control-Expose-Headers"]
    for response in (asked, got):
        assert "Access-Control-Allow-Credentials" not in response
    assert Client().post(path)["Access-Control-Allow-Origin"] == "*", "a refusal may be read too"


@pytest.mark.parametrize("path", ["/", "/releases/", "/api/v1/campaigns/", "/accounts/login/", "/healthz"])
def test_nothing_else_is_read_by_pages_of_other_sites(path: str) -> None:
    for response in (answer(path, origin="https://x.example"), Client().options(path)):
        assert "Access-Control-Allow-Origin" not in response, path


@pytest.mark.parametrize(
    ("state", "doi", "shown"),
    [
        ("published", "10.5281/zenodo.7", "10.5281/zenodo.7"),
        ("draft", "10.5281/zenodo.7", None),
        ("published", "10.5072/zenodo.7", None),
    ],
)
def test_a_release_is_cited_by_its_doi_once_that_resolves(state: str, doi: str, shown: str | None) -> None:
    release = publish(labelled_campaign("gers").campaign, "1.0.0")
    Deposit.objects.create(
        release=release, target="zenodo", origin="https://zenodo.org", state=state, doi=doi,
        external_id="7", published_at=timezone.now(),
    )  # fmt: skip
    assert answer("/stac/gers/1.0.0.json").json().get("sci:doi") == shown
    assert (("cite-as", f"https://doi.org/{doi}") in rels("/stac/gers/1.0.0.json")) is (shown is not None)


def test_the_list_of_releases_is_asked_for_once_whatever_its_length(django_assert_max_num_queries: Any) -> None:
    campaign = labelled_campaign("gers").campaign
    for minor in range(6):
        publish(campaign, f"1.{minor}.0")
    for path, most in (("/stac/gers/catalog.json", 2), ("/stac/gers/1.3.0.json", 3), ("/releases/dcat.jsonld", 2)):
        with django_assert_max_num_queries(most):
            assert answer(path).status_code == 200


def test_a_release_whose_folder_is_away_takes_no_other_one_from_the_catalogues() -> None:
    campaign = labelled_campaign("gers").campaign
    for version in ("1.0.0", "1.1.0"):
        publish(campaign, version)
    shutil.rmtree(Release.objects.get(version="1.1.0").path)
    told = answer("/stac/gers/1.1.0.json")
    assert told.status_code == 200 and told.json()["license"] == "etalab-2.0"
    graph = answer("/releases/dcat.jsonld")
    assert graph.status_code == 200
    assert "gers-1.0.0/files/" in graph.content.decode() and "gers-1.1.0/files/" not in graph.content.decode()
