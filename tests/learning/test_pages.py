"""The public catalogue's pages: releases, their figures and files."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.test import Client
from django.utils import translation
from html_checks import assert_strict, faults_of, language_of
from learning_rows import imported_row, labelled_campaign, model_row
from scenes import TWO_CLASSES

from annotation.models import Campaign, ImageryLayer, Territory
from learning.model_figures import NamedClass
from learning.models import Evaluation, Release
from learning.pages import class_bars, grouped_files, is_class_map
from learning.release.changes import Counts, ModelFigures, ReleaseChanges
from learning.release.manifest import FileEntry, read_manifest, write_manifest
from learning.release.records import to_json
from learning.release_documents import licence_rows
from learning.services.releases import finish_release
from learning.services.withdrawal import withdraw_release

pytestmark = pytest.mark.django_db

BUILT, GRASS = TWO_CLASSES
CLASS_MAP = "SOLCOMMUN_1-0-0_CLASS_2022_COG_LAMB93_camp-0500-6290_2026-11-22.tif"


def figures(iou: float | None, support_px: int = 100) -> dict[str, Any]:
    return {"iou": iou, "f1": iou, "support_px": support_px, "iou_low": 0.25, "iou_high": 0.9}


CARD = """---
license: x
---

# camp m1

It [reads](https://a.example/b) `rgb`, <b>boldly</b>.

- **one**

```python
import torch
```
"""
CHANGES = ReleaseChanges(
    previous="0.9.0", labels=Counts(5, 2, 0), polygons={BUILT: Counts(7, 1, 0)}, tiles=7, contributors=1,
    model=ModelFigures("camp-m1", 0.5, 0.25, 0.75), licence="etalab-2.0",
)  # fmt: skip


def publish(
    slug: str = "camp",
    *,
    with_model: bool = True,
    imported: bool = False,
    version: str = "1.0.0",
    campaign: Any = None,
    texts: dict[str, str] | None = None,
) -> Release:
    """A published release put in place by hand, of a model with figures or an imported one without, where asked."""
    campaign = campaign or labelled_campaign(slug).campaign
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
        campaign=campaign,
        version=version,
        title=f"Release of {slug}",
        folder=f"{slug}-{version}",
        trained_model=model,
        texts=texts or {},
    )
    shutil.rmtree(row.path, ignore_errors=True)
    (row.path / "maps").mkdir(parents=True)
    (row.path / "maps" / CLASS_MAP).write_bytes(b"tif")
    (row.path / "README.md").write_text("read me")
    (row.path / "release.json").write_text(
        json.dumps(
            {
                "counts": {"tiles": {"train": 5, "test": 2}, "contributors": 1},
                "licence": "etalab-2.0",
                "attribution": "a",
                "changes": to_json(CHANGES),
            }
        )
    )
    if with_model:
        (row.path / "models" / f"{slug}-m1").mkdir(parents=True)
        (row.path / "models" / f"{slug}-m1" / "README.md").write_text(CARD)
    write_manifest(row.path, version=version)
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


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", "The files of this release are away"), ("fr", "Les fichiers de cette publication ont disparu")],
)
def test_a_release_whose_folder_is_away_says_so_and_keeps_its_page(language: str, told: str) -> None:
    release = publish()
    client = Client(headers={"accept-language": language})
    assert client.get("/releases/camp-1.0.0/files/README.md").status_code == 200, "its list of files is remembered"
    shutil.rmtree(release.path)
    answer = client.get("/releases/camp-1.0.0/")
    assert_strict(answer)
    page = answer.content.decode()
    assert answer.status_code == 200 and told in page and release.manifest_sha256 in page
    assert client.get("/releases/camp-1.0.0/model/").status_code == 404
    for path in ("README.md", "manifest.json"):
        file = client.get(f"/releases/camp-1.0.0/files/{path}")
        assert (file.status_code, file.headers["Cache-Control"]) == (503, "no-store")
    Release.objects.update(manifest_sha256="e" * 64)  # of which nothing is remembered
    assert client.get("/releases/camp-1.0.0/files/README.md").status_code == 503
    assert told in client.get("/releases/camp-1.0.0/").content.decode()


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


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "terms of the imagery’s owner"), ("fr", "conditions du propriétaire de l’imagerie")],
)
def test_whose_terms_the_images_are_under_is_said_in_the_readers_language(language: str, said: str) -> None:
    campaign = Campaign(layer=ImageryLayer(licence="other"))
    release = Release(campaign=campaign, summary={"licence": "etalab-2.0"})
    with translation.override(language):
        [row] = licence_rows(release, {"dataset/train.csv"})
    assert [licence["name"] for licence in row["licences"]] == ["Licence Ouverte / Open Licence 2.0", said]


@pytest.mark.parametrize(("language", "word"), [("en", "Imagery: "), ("fr", "Imagerie\u00a0: ")])
def test_the_catalogue_says_whose_imagery_a_release_was_made_of_and_of_what_year(language: str, word: str) -> None:
    layer = publish().campaign.layer
    page = Client(headers={"accept-language": language}).get("/releases/").content.decode()
    assert f"{word}{layer.attribution}, {layer.vintage}<" in page


def test_files_of_maps_are_not_in_the_way_of_what_comes_below_them() -> None:
    publish()
    page = Client().get("/releases/camp-1.0.0/").content.decode()
    assert f"files/maps/{CLASS_MAP}" in page and "<details open>" not in page


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
    with django_assert_num_queries(4):  # the count, the page, and the campaigns and territories to choose among
        Client().get("/releases/")
    for slug in ("two", "three"):
        publish(slug, with_model=False)
    with django_assert_num_queries(4):
        Client().get("/releases/")


def listed(**asked: Any) -> set[str]:
    page = Client(headers={"accept-language": "en"}).get("/releases/", asked)
    assert_strict(page)
    return set(re.findall(r'<h2><a href="/releases/([^/]+)/"', page.content.decode()))


def test_the_catalogue_is_narrowed_by_words_campaign_vintage_and_latest() -> None:
    first = publish("one", with_model=False)
    publish("one", with_model=False, version="1.1.0", campaign=first.campaign)
    last = publish("one", with_model=False, version="1.2.0", campaign=first.campaign)
    publish("two", with_model=False)
    ImageryLayer.objects.filter(slug="layer-two").update(vintage=2019)
    everything = {"one-1.0.0", "one-1.1.0", "one-1.2.0", "two-1.0.0"}
    assert listed() == listed(campaign="", vintage="x", territory="-1", latest="0", q=" ") == everything
    assert listed(campaign="on\x00e") == listed(campaign="one") == everything - {"two-1.0.0"}
    assert listed(vintage="2019") == {"two-1.0.0"}
    assert listed(q="release OF two") == {"two-1.0.0"} and listed(q="1.1") == {"one-1.1.0"}
    assert listed(latest="1") == {"one-1.2.0", "two-1.0.0"}
    withdraw_release(release=last, actor=None, reason="Wrong image.")
    assert listed(latest="1") == {"one-1.1.0", "two-1.0.0"} and listed() == everything
    page = Client(headers={"accept-language": "en"}).get("/releases/", {"q": "<b>nothing"}).content.decode()
    assert "No release answers to all of that" in page and 'value="&lt;b&gt;nothing"' in page


def test_the_catalogue_is_narrowed_by_territories_that_the_imagery_covers() -> None:
    publish("one", with_model=False)
    publish("two", with_model=False)
    for number, slug in enumerate(("one", "two")):
        ImageryLayer.objects.filter(slug=f"layer-{slug}").update(
            footprint=Polygon.from_bbox((number, 43, number + 0.5, 44))
        )
    here, elsewhere = (
        Territory.objects.create(
            kind="commune", code=code, name=f"Commune {code}", source="Made for tests", as_of="2026-01-01",
            boundary=MultiPolygon(Polygon.from_bbox(box)),
        )
        for code, box in (("32001", (0.1, 43.1, 0.2, 43.2)), ("32999", (9.0, 49.0, 9.1, 49.1)))
    )  # fmt: skip
    page = Client().get("/releases/").content.decode()
    assert "(32001)" in page and "(32999)" not in page
    assert listed(territory=here.pk) == {"one-1.0.0"} and listed(territory=elsewhere.pk) == set()


def test_a_release_says_what_changed_in_a_maintainers_words_or_else_from_the_facts() -> None:
    publish(texts={"en": "Every **hedge**.\n\n- <i>twice</i>"})
    page = Client(headers={"accept-language": "en"}).get("/releases/camp-1.0.0/").content.decode()
    assert "<p>Every <strong>hedge</strong>." in page and "&lt;i&gt;twice&lt;/i&gt;" in page
    french = Client(headers={"accept-language": "fr"}).get("/releases/camp-1.0.0/").content.decode()
    assert "Depuis 0.9.0 : 5 étiquettes ajoutées et 2 étiquettes corrigées." in french
    row = " ".join(re.search(r"<tbody><tr>.*?</tr>", page[page.index("Polygons by class") :], re.DOTALL)[0].split())
    assert re.findall(r'<td class="number">(\d+)</td>', row) == ["7", "1", "0"]


def test_a_release_gives_bibtex_checksums_other_versions_and_the_licence_of_each_artefact() -> None:
    release = publish()
    later = publish(version="1.1.0", with_model=False, campaign=release.campaign)
    page = Client(headers={"accept-language": "en"}).get("/releases/camp-1.0.0/").content.decode()
    assert "@misc{camp-1.0.0," in page and "url = {http://testserver/releases/camp-1.0.0/}" in page
    for entry in read_manifest(release.path).files:
        assert entry.sha256 in page, entry.path
    assert f'<a href="/releases/{later.folder}/">1.1.0</a>' in page and '<strong aria-current="page">1.0.0' in page
    licences = page[page.index('<dl class="facts">') : page.index("when it was last updated")]
    assert licences.count("Licence Ouverte / Open Licence 2.0") == 2  # model and maps


def test_the_card_of_a_model_is_a_page_made_of_its_text_and_never_of_its_markup() -> None:
    publish()
    page = Client(headers={"accept-language": "fr"}).get("/releases/camp-1.0.0/model/")
    assert_strict(page)
    text = re.sub(r"\s+<", "<", page.content.decode())
    assert '<h1 lang="en">camp m1</h1>' in text and "license: x" not in text
    assert '<a href="https://a.example/b" rel="nofollow noopener">reads</a><code>rgb</code>, &lt;b&gt;boldly' in text
    assert "<li><strong>one</strong></li>" in text and '<pre class="fold" tabindex="0">import torch</pre>' in text
    release = publish("plain", with_model=False)
    assert Client().get(f"/releases/{release.folder}/model/").status_code == 404
    assert "/model/" not in Client().get(f"/releases/{release.folder}/").content.decode()


def test_a_release_page_asks_the_database_a_fixed_number_of_questions(django_assert_max_num_queries: Any) -> None:
    publish()
    with django_assert_max_num_queries(
        7
    ):  # release, prediction, evaluation, classes, their changes, versions, deposits
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
