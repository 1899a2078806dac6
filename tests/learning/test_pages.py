"""The public catalogue's pages: releases, their figures and files."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
from django.test import Client
from html_checks import assert_strict, faults_of, language_of
from learning_rows import imported_row, labelled_campaign, model_row
from scenes import TWO_CLASSES

from annotation.models import ImageryLayer
from learning.model_figures import NamedClass
from learning.models import Evaluation, Release
from learning.pages import class_bars, grouped_files, is_class_map
from learning.release.manifest import FileEntry, write_manifest
from learning.services.releases import finish_release

pytestmark = pytest.mark.django_db

BUILT, GRASS = TWO_CLASSES
CLASS_MAP = "SOLCOMMUN_1-0-0_CLASS_2022_COG_LAMB93_camp-0500-6290_2026-11-22.tif"


def figures(iou: float | None, support_px: int = 100) -> dict[str, Any]:
    return {"iou": iou, "f1": iou, "support_px": support_px, "iou_low": 0.25, "iou_high": 0.9}


def publish(slug: str = "camp", *, with_model: bool = True, imported: bool = False) -> Release:
    """A published release put in place by hand, of a model with figures or an imported one without, where asked."""
    campaign = labelled_campaign(slug).campaign
    row_of = imported_row if imported else model_row
    model = row_of(campaign, state="promoted") if with_model else None
    if model is not None and not imported:
        Evaluation.objects.create(
            model=model,
            holdout_sha256="a" * 64,
            n_tiles=12,
            class_codes=list(TWO_CLASSES),
            confusion=[[9, 1], [2, 8]],
            tile_confusions={},
            miou=0.5,
            miou_low=0.25,
            miou_high=0.75,
            overall_accuracy=0.8,
            per_class={BUILT: figures(0.7), GRASS: figures(0.3)},
        )
    row = Release.objects.create(
        campaign=campaign, version="1.0.0", title=f"Release of {slug}", folder=f"{slug}-1.0.0", trained_model=model
    )
    shutil.rmtree(row.path, ignore_errors=True)
    (row.path / "maps").mkdir(parents=True)
    (row.path / "maps" / CLASS_MAP).write_bytes(b"tif")
    (row.path / "README.md").write_text("read me")
    (row.path / "release.json").write_text(
        '{"counts": {"tiles": {"train": 5, "test": 2}, "contributors": 1}, "licence": "etalab-2.0", "attribution": "a"}'
    )
    write_manifest(row.path, version="1.0.0")
    return finish_release(release=row)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_catalogue_is_open_to_anyone_in_both_languages_under_a_strict_policy(language: str) -> None:
    publish()
    client = Client(headers={"accept-language": language})
    expected = {"/releases/": 200, "/releases/camp-1.0.0/": 200, "/releases/camp-9.0.0/": 404, "/releases/camp/": 404}
    found = {}
    for path in expected:
        answer = client.get(path)
        found[path] = answer.status_code
        assert_strict(answer)
        assert language_of(answer.content.decode()) == language
    assert found == expected


def test_a_release_that_is_not_published_has_no_page() -> None:
    release = publish()
    Release.objects.filter(pk=release.pk).update(state="staging")
    assert Client().get("/releases/camp-1.0.0/").status_code == 404
    assert "Release of camp" not in Client().get("/releases/").content.decode()


def test_a_release_shows_its_figures_with_intervals_and_class_names() -> None:
    publish()
    page = Client(headers={"accept-language": "en"}).get("/releases/camp-1.0.0/").content.decode()
    assert "95% interval: 0.25 to 0.75" in page and "12 control tiles" in page
    assert page.index("Built-up areas <code") < page.index("reed beds) <code")  # best first, by name
    assert '<rect class="fill" width="700" height="20">' in page
    assert '<line class="reach" x1="250" x2="900"' in page


def test_bars_are_drawn_with_whole_numbers_where_a_comma_marks_decimals() -> None:
    publish()
    page = Client(headers={"accept-language": "fr"}).get("/releases/camp-1.0.0/").content.decode()
    assert '<rect class="fill" width="700" height="20">' in page
    assert "0,70" in page and "Zones bâties" in page


def test_a_release_gives_its_files_its_licence_its_citation_and_how_to_check() -> None:
    release = publish()
    page = Client().get("/releases/camp-1.0.0/").content.decode()
    for path in ("README.md", f"maps/{CLASS_MAP}", "SHA256SUMS", "manifest.json"):
        assert f"/releases/camp-1.0.0/files/{path}" in page, path
    assert "sha256sum -c SHA256SUMS" in page and release.manifest_sha256 in page
    assert "Release of camp, version 1.0.0" in page and "etalab-2.0" in page
    assert f'url = "http://testserver/releases/camp-1.0.0/files/maps/{CLASS_MAP}"' in page
    for path in ("README.md", f"maps/{CLASS_MAP}", "SHA256SUMS", "manifest.json"):
        assert Client().get(f"/releases/camp-1.0.0/files/{path}").status_code == 200, path


@pytest.mark.parametrize(
    ("licence", "said"),
    [("CC-BY-4.0", "Generated for tests, CC-BY-4.0."), ("other", "Generated for tests. Ask its owner for the terms.")],
)
def test_a_release_says_under_what_terms_the_imagery_in_its_dataset_is(licence: str, said: str) -> None:
    release = publish()
    ImageryLayer.objects.update(licence=licence)
    page = Client(headers={"accept-language": "en"}).get(f"/releases/{release.folder}/").content.decode()
    assert f"Imagery, and the dataset’s images cut from it: {said}" in page


def test_a_release_without_a_model_has_no_figures_and_no_map_to_choose() -> None:
    publish(with_model=False)
    page = Client(headers={"accept-language": "en"}).get("/releases/camp-1.0.0/").content.decode()
    assert "How good is the model" not in page
    boot = json.loads(re.search(r'<script id="boot" type="application/json">(.*?)</script>', page)[1])
    assert boot["map"]["maps"] == [] and boot["map"]["labels"] is None and boot["map"]["change"] is None


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["Where the model comes from", "It was not judged yet when this was published", "Gers 2019.",
                "It goes back to weights that others trained: FLAIR-INC (IGN) rgbi_15cl", "All about this model"]),
        ("fr", ["D’où vient le modèle", "Le Gers en 2019.", "Tout sur ce modèle"]),
    ],
)  # fmt: skip
def test_a_release_of_an_imported_model_says_where_it_comes_from_and_leads_to_its_page(
    language: str, told: list[str]
) -> None:
    release = publish(imported=True)
    assert (release.summary["judged"], release.summary["origin"]) == (False, "FLAIR-INC (IGN) rgbi_15cl")
    client = Client(headers={"accept-language": language})
    answer = client.get("/releases/camp-1.0.0/")
    assert_strict(answer)
    page = answer.content.decode()
    for text in told:
        assert text in page, text
    assert 'href="/campaigns/camp/models/camp-m1/"' in page
    of_model = client.get("/campaigns/camp/models/camp-m1/").content.decode()
    assert 'href="/releases/camp-1.0.0/"' in of_model


def test_hostile_titles_and_notes_stay_text() -> None:
    release = publish()
    Release.objects.filter(pk=release.pk).update(title='"><script>alert(1)</script>', notes="<img src=x onerror=a()>")
    for path in ("/releases/", "/releases/camp-1.0.0/"):
        page = Client().get(path).content.decode()
        assert faults_of(page) == [] and "<script>alert" not in page and "<img src=x" not in page


def test_an_empty_catalogue_says_what_will_come_and_where_to_help() -> None:
    page = Client(headers={"accept-language": "en"}).get("/releases/").content.decode()
    assert "Nothing released yet" in page and 'href="/campaigns/"' in page and "manage.py" not in page


def test_the_list_of_releases_costs_the_same_whatever_its_length(django_assert_num_queries: Any) -> None:
    publish("one", with_model=False)
    with django_assert_num_queries(2):  # the count and the page
        Client().get("/releases/")
    for slug in ("two", "three"):
        publish(slug, with_model=False)
    with django_assert_num_queries(2):
        Client().get("/releases/")


def test_a_release_page_asks_the_database_a_fixed_number_of_questions(django_assert_max_num_queries: Any) -> None:
    publish()
    with django_assert_max_num_queries(4):  # release, prediction, evaluation, classes
        Client().get("/releases/camp-1.0.0/")


def test_classes_without_reference_pixels_have_no_bar() -> None:
    classes = {code: NamedClass(code, code.lower(), "#000000") for code in "ABC"}
    rows = class_bars({"A": figures(0.2), "B": figures(None), "C": figures(0.81), "Z": figures(0.5, 0)}, classes)
    assert [(row["item"].name, row["bar"], row["bar_low"], row["bar_high"]) for row in rows] == [
        ("c", 810, 250, 900),
        ("a", 200, 250, 900),
    ]


def test_files_are_grouped_and_a_datasets_tiles_are_counted_not_listed() -> None:
    paths = ["stac/a.json", "dataset/x/img/IMG_1.tif", "dataset/x/img/IMG_2.tif", "dataset/train.csv", "README.md"]
    groups = grouped_files([FileEntry(path, 10, "0" * 64) for path in paths])
    assert [(group["name"], group["count"], group["size"], group["unlisted"]) for group in groups] == [
        ("", 1, 10, 0),
        ("dataset", 3, 30, 2),
        ("stac", 1, 10, 0),
    ]
    assert [item.path for item in groups[1]["files"]] == ["dataset/train.csv"]


def test_the_address_given_to_qgis_is_that_of_the_class_raster() -> None:
    assert is_class_map(f"maps/{CLASS_MAP}")
    assert not is_class_map(f"maps/{CLASS_MAP.replace('CLASS', 'ENTROPY')}") and not is_class_map(f"stac/{CLASS_MAP}")
