"""The pages of territories: the list, one with figures, one without, tables, the method, and the API."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from html_checks import assert_strict, language_of
from learning_rows import labelled_campaign
from territory_rows import BUILT, GRASS, commune, counted, told

from learning.models import TerritoryFigures
from learning.territory_shown import counted as counted_text
from learning.territory_shown import estimated, percent

pytestmark = pytest.mark.django_db
PAGE = "/territories/commune/32013/"


def browser(language: str = "en") -> Client:
    return Client(headers={"accept-language": language})


def text_of(answer: Any) -> str:
    """What is read, without markup, on one line."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", answer.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare)).replace("\xa0", " ")


@pytest.fixture
def scene() -> Any:
    return labelled_campaign(pool=4)


def test_the_list_finds_a_territory_by_name_code_and_kind(scene: Any) -> None:
    commune(scene.campaign)
    commune(scene.campaign, code="200066926", name="Grand Auch", kind="epci")
    counted(scene.campaign)
    commune(scene.campaign, code="32107", name="Condom")
    for query, names in {
        "": ["Auch", "Condom", "Grand Auch"], "?q=auch": ["Auch", "Grand Auch"], "?q=321": ["Condom"],
        "?kind=epci": ["Grand Auch"], "?q=auch&kind=commune": ["Auch"],
        "?kind=nothing": ["Auch", "Condom", "Grand Auch"],
    }.items():  # fmt: skip
        answer = browser().get(f"/territories/{query}")
        assert_strict(answer)
        assert [one.name for one in answer.context["territories"]] == names, query
    assert "No territory answers to that" in text_of(browser().get("/territories/?q=nowhere"))


def test_a_site_without_boundaries_says_who_brings_them() -> None:
    assert "An operator imports the boundaries" in text_of(browser().get("/territories/"))


def test_a_page_shows_every_estimate_with_its_interval_and_its_unit(scene: Any) -> None:
    told(scene.campaign, commune(scene.campaign))
    answer = browser().get(PAGE)
    assert_strict(answer)
    text = text_of(answer)
    # 211.5776 ± 61.5763: two digits of the reach are whole hectares; 150.0013 goes down and 273.1539 up.
    assert "212 150 to 274 21.2 (15.0 to 27.4) 180" in text
    assert "The map is right on 93.0 % of the ground (95% interval: 90.0 to 96.0 %)." in text
    # Never a number within the bracket.
    assert "Between 190 and 460 ha" in text and "19.0 % to 46.0 % of the 1,000 ha mapped" in text
    assert "325" not in text
    # 12.34 from 8.1 to 19.7: the shorter reach, 4.24, leaves tenths.
    assert "Ground that became artificialised 12.3 8.1 to 19.7 4.1 2.7 to 6.6" in text
    assert "at least 10.3 4.2 to 18.1 at most 14.0 6.5 to 22.5" in text
    assert "Subtracting the maps would have said 48.5 ha of gain and 11.2 ha of loss." in text
    assert "3 corrections of the earlier map (1.25 ha) stand apart" in text
    assert "Nobody has looked at 60.0 % of the ground of the later date." in text
    assert "1 July 2019 to 14 July 2019" in text.replace("July 1, 2019", "1 July 2019").replace(
        "July 14, 2019", "14 July 2019"
    )


def test_what_else_makes_the_two_maps_differ_is_told_beside_the_change(scene: Any) -> None:
    row = told(scene.campaign, commune(scene.campaign))
    text = text_of(browser().get(PAGE))
    assert "the images lie 0.50 m apart on the ground, give or take 0.08 m (more than a pixel" in text
    assert "another model drew each map (then-m2, now-m1)" in text
    assert "les images sont décalées de 0,50 m au sol" in text_of(browser("fr").get(PAGE))
    change = row.document["changes"][0]
    del change["shift"], change["differences"]  # as documents of before have it
    row.save()
    assert "What else makes the two maps differ" not in text_of(browser().get(PAGE))


def before_thresholds(row: Any, **found: Any) -> None:
    """What cover and usage count before any threshold, on a territory's row."""
    base = {"lower_ha": 180.0, "upper_ha": 180.0, "lower_estimate_ha": None, "upper_estimate_ha": None, "places": 0}
    row.document["artificialisation"]["rests_on"]["before_thresholds"] = {**base, **found}
    row.save()


def test_what_places_say_before_the_thresholds_is_told_apart_from_the_figure(scene: Any) -> None:
    row = told(scene.campaign, commune(scene.campaign))
    before_thresholds(row)
    assert "as the map counts it 180 ha estimate from places not assessed: no sample" in text_of(browser().get(PAGE))
    before_thresholds(
        row, upper_ha=450.0, lower_estimate_ha=[212.4, 160.2, 290.7], upper_estimate_ha=[470.0, 380.0, 580.0], places=80
    )
    text = text_of(browser().get(PAGE))
    assert "Before the thresholds" in text and "180 to 450 ha: its usage decides" in text
    # The shorter reach decides the digits: 52.2 leaves whole hectares, 90 too
    assert (
        "at least 212 ha (95% interval: 160 to 291 ha), at most 470 ha (95% interval: 380 to 580 ha) 80 places" in text
    )
    one = [212.4, 160.2, 290.7]
    before_thresholds(row, lower_estimate_ha=one, upper_estimate_ha=one, places=1)
    assert "estimation d’après les lieux 212 ha (intervalle à 95 % : de 160 à 291 ha) 1 lieu" in text_of(
        browser("fr").get(PAGE)
    )
    table = browser().get(f"{PAGE}camp/artificialisation.csv").content.decode()
    lines = [line for line in csv.DictReader(io.StringIO(table)) if line["what"].startswith("before thresholds")]
    assert [(one["what"], one["kind"], one["ha"], one["lower_ha"], one["upper_ha"]) for one in lines] == [
        ("before thresholds as mapped", "figure", "180.0", "", ""),
        ("before thresholds", "estimate_95", "212.4", "160.2", "290.7"),
    ]


def test_what_is_below_zero_has_a_minus_and_no_hyphen() -> None:
    assert estimated(-3.21, -5.0, -1.0).value == "\N{MINUS SIGN}3.2"
    assert estimated(1.0, -5.04, 6.0).interval == "\N{MINUS SIGN}5.1 to 6.0"
    assert counted_text(-0.0) == "0"


def test_what_was_counted_is_rounded_and_never_cut_off() -> None:
    assert (percent(7 / 9), counted_text(2.678), counted_text(1999.6)) == ("77.8", "2.68", "2,000")


def test_a_page_without_a_sample_says_not_assessed_and_what_would_change_that(scene: Any) -> None:
    commune(scene.campaign)
    counted(scene.campaign)
    text = text_of(browser().get(PAGE))
    assert text.count("Not assessed.") == 2, "areas and change"
    assert "This campaign has no published map yet" in text
    assert "people say what they see at both dates" in text
    assert "Not computed." in text


def test_a_territory_that_no_imagery_shows_has_a_page_all_the_same(scene: Any) -> None:
    commune(scene.campaign, tiles=(400, 400, 410, 410))
    answer = browser().get(PAGE)
    assert answer.status_code == 200
    assert "No figures here yet" in text_of(answer)
    assert browser().get("/territories/commune/99999/").status_code == 404


def test_the_page_is_in_french_with_french_numbers(scene: Any) -> None:
    told(scene.campaign, commune(scene.campaign))
    answer = browser("fr").get(PAGE)
    assert language_of(answer.content.decode()) == "fr"
    text = text_of(answer)
    assert "212 de 150 à 274 21,2 (de 15,0 à 27,4) 180" in text
    assert "Entre 190 et 460 ha" in text and "1 000 ha" in text


def test_a_page_asks_the_same_few_questions_whatever_it_shows(scene: Any) -> None:
    told(scene.campaign, commune(scene.campaign))
    browser().get(PAGE)
    with CaptureQueriesContext(
        connection,
    ) as found:
        browser().get(PAGE)
    assert len(found) == 4, [one["sql"][:90] for one in found]
    for number in range(5):
        commune(scene.campaign, code=f"E{number}", name=f"Group {number}", kind="epci")
    with CaptureQueriesContext(connection) as again:
        browser().get(PAGE)
    assert len(again) == len(found)


def test_smaller_and_larger_territories_are_a_link_away(scene: Any) -> None:
    commune(scene.campaign)
    commune(scene.campaign, code="32", name="Gers", kind="departement", tiles=(0, 0, 16, 16))
    commune(scene.campaign, code="32999", name="Beside", tiles=(8, 8, 12, 12))
    assert "Part of: Gers" in text_of(browser().get(PAGE))
    inside = browser().get("/territories/departement/32/").context["inside"]
    assert [one.name for one in inside] == ["Auch", "Beside"]


def test_the_reader_chooses_among_maps_and_the_newest_comes_first(scene: Any) -> None:
    here = commune(scene.campaign)
    other = labelled_campaign("older").campaign
    other.layer.vintage = 2016
    other.layer.save()
    counted(scene.campaign)
    counted(other)
    assert [row.campaign.slug for row in browser().get(PAGE).context["rows"]] == ["camp", "older"]
    assert browser().get(PAGE).context["row"].campaign.slug == "camp"
    assert browser().get(f"{PAGE}?map=older").context["row"].campaign.slug == "older"
    assert browser().get(f"{PAGE}?map=none").context["row"].campaign.slug == "camp"
    assert TerritoryFigures.objects.filter(territory=here).count() == 2


def test_tables_are_csv_that_no_spreadsheet_takes_for_formulas(scene: Any) -> None:
    row = told(scene.campaign, commune(scene.campaign))
    row.document["classes"][GRASS]["name"] = {"en": "=1+1"}
    row.save()
    tables = {}
    for name in ("areas", "change", "artificialisation", "review"):
        answer = browser().get(f"{PAGE}camp/{name}.csv")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert f"commune-32013-camp-{name}.csv" in answer.headers["Content-Disposition"]
        tables[name] = list(csv.DictReader(io.StringIO(answer.content.decode())))
    built, grass = tables["areas"]
    assert (built["code"], built["estimate_ha"], built["mapped_ha"]) == (BUILT, "211.5776", "180.0")
    assert grass["name"] == "'=1+1"
    net = [line for line in tables["change"] if line["what"] == "net"]
    assert [(line["bound"], line["ha"]) for line in net] == [("lower", "10.3"), ("upper", "14.0")]
    bracket = tables["artificialisation"][0]
    assert (bracket["kind"], bracket["ha"], bracket["lower_ha"], bracket["upper_ha"]) == (
        "bracket",
        "",
        "190.0",
        "460.0",
    )
    assert {line["what"] for line in tables["review"]} >= {"tiles", "seen", "never"}
    assert browser().get(f"{PAGE}camp/nothing.csv").status_code == 404
    assert browser().get(f"{PAGE}other/areas.csv").status_code == 404


def test_the_boundary_leaves_as_geojson_with_its_source(scene: Any) -> None:
    commune(scene.campaign)
    answer = browser().get(f"{PAGE}boundary.geojson")
    (feature,) = answer.json()["features"]
    assert feature["properties"] == {
        "kind": "commune", "code": "32013", "name": "Auch", "source": "ADMIN EXPRESS", "as_of": "2025-02-01",
    }  # fmt: skip
    assert feature["geometry"]["type"] == "MultiPolygon"


@pytest.mark.parametrize(
    ("language", "words"), [("en", "two maps must not be subtracted"), ("fr", "ne doit pas soustraire deux cartes")]
)
def test_the_method_is_one_page_in_each_language_with_the_places_that_figures_point_to(
    language: str, words: str
) -> None:
    answer = browser(language).get("/method/")
    assert_strict(answer)
    page = answer.content.decode()
    assert words in page and language_of(page) == language
    for name in ("interval", "change", "artificialisation"):
        assert f'id="{name}"' in page


def test_the_api_gives_the_numbers_of_the_page_unrounded(scene: Any) -> None:
    told(scene.campaign, commune(scene.campaign))
    body = browser().get("/api/v1/territories/commune/32013/figures/").json()
    assert body["territory"]["name"] == "Auch" and body["territory"]["has_figures"]
    assert body["page"].endswith(PAGE) and body["method"].endswith("/method/")
    (figures,) = body["figures"]
    assert figures["area"]["classes"][0]["estimate_ha"] == 211.5776
    assert figures["artificialisation"]["lower_ha"] == 190.0
    assert figures["changes"][0]["found"]["gain"]["ha"]["lower"]["value"] == 12.34
    listed = browser().get("/api/v1/territories/?q=auch").json()["results"]
    assert [one["code"] for one in listed] == ["32013"] and "boundary" not in listed[0]
    assert browser().get("/api/v1/territories/commune/0/figures/").status_code == 404


def test_every_page_leads_to_territories_and_to_the_method() -> None:
    page = browser().get("/").content.decode()
    assert 'href="/territories/"' in page and 'href="/method/"' in page
