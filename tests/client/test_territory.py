"""The client asks the platform's own server for figures of a territory."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from learning_rows import labelled_campaign
from territory_rows import commune, told

from learning.core.rounding import rounded_to_interval
from learning.territory_words import NO_ARTIFICIALISATION, NOT_ASSESSED
from solcommun_client import Refused, territory
from solcommun_client.cli import main
from solcommun_client.figures_words import REASONS, interval_words
from solcommun_client.web import Web
from solcommun_client.words import say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def address(live_server: Any) -> str:
    """A site on which everything is known of one commune, and nothing of another."""
    cache.clear()
    camp = labelled_campaign(pool=4).campaign
    told(camp, commune(camp))
    commune(camp, code="32107", name="Condom", tiles=(400, 400, 410, 410))
    return str(live_server.url)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments, "--allow-http"]) == 0
    return capsys.readouterr().out


def test_a_territory_is_told_with_units_and_each_estimate_with_its_interval(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = run(capsys, "territory", "32013", "--site", address)
    assert said.startswith("Auch (commune 32013), ")
    # As the page rounds them: 211.5776 ± 61.5763 to whole hectares.
    assert re.search(r"CS\S+ +180 +212 +150 to 274  \S", said), said
    assert "1,000 ha, of which the imagery shows 1,000 ha" in said
    assert "artificialised ground: between 190 and 460 ha; usage is not known everywhere" in said
    assert f"{address}/territories/commune/32013/" in said and f"{address}/method/" in said


def test_change_is_told_with_what_only_a_wrong_map_says(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "change", f"{address}/territories/commune/32013/?map=any")
    assert re.search(r"became artificialised +12\.3 +8\.1 to 19\.7 +4\.1 +2\.7 to 6\.6\n", said), said
    assert re.search(r"balance, at least +10\.3 +4\.2 to 18\.1", said) and "balance, at most" in said
    assert "only the earlier map was wrong on 30.2 ha (21.0 to 41.0): in no flow" in said
    assert "subtracting the two maps would have said 48.5 ha of gain and 11.2 ha of loss" in said
    assert "nobody has looked at 60.0 % of the ground" in said


def test_it_is_told_in_french_with_french_numbers(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    said = run(capsys, "change", "32013", "--site", address)
    assert re.search(r"artificialisé depuis +12,3 +8,1 à 19,7", said), said


def test_json_is_what_the_api_tells_and_change_alone_of_the_change_command(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = json.loads(run(capsys, "territory", "32013", "--site", address, "--json"))
    assert whole["territory"]["name"] == "Auch" and len(whole["figures"]) == 1
    assert whole["figures"][0]["area"]["classes"][0]["estimate_ha"] == 211.5776
    change = json.loads(run(capsys, "change", "32013", "--site", address, "--json"))["figures"][0]
    assert change["changes"] == whole["figures"][0]["changes"] and "area" not in change


def test_tables_are_written_as_the_site_makes_them(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "territory", "32013", "--site", address, "--csv", str(tmp_path / "all"))
    assert sorted(path.name.rpartition("-")[2] for path in (tmp_path / "all").iterdir()) == [
        "areas.csv", "artificialisation.csv", "change.csv", "review.csv",
    ]  # fmt: skip
    run(capsys, "change", "32013", "--site", address, "--csv", str(tmp_path / "one"))
    (only,) = (tmp_path / "one").iterdir()
    rows = list(csv.DictReader(only.read_text(encoding="utf-8").splitlines()))
    assert [row["ha"] for row in rows if row["what"] == "gain"] == ["12.34"]


def test_an_unknown_code_an_unknown_map_and_no_site_are_refused_with_what_to_do(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOLCOMMUN_SITE", raising=False)
    for arguments, complaint in {
        ("32999", "--site", address): rf"knows no territory 32999: see {address}/territories/",
        ("32013", "--site", address, "--map", "other"): "no figures of other: there are ",
        ("32107", "--site", address): r"Condom \(32107\) has no figures yet",
        ("32013",): "name the site: --site",
    }.items():
        assert main(["territory", *arguments, "--allow-http"]) == 2
        assert re.search(complaint, capsys.readouterr().err)


def test_from_python_a_territory_is_found_by_code_whatever_its_kind(address: str) -> None:
    web = Web(allow_http=True, first_wait_s=0.01)
    found = territory(web, "32013", site=address)
    assert (found.kind, found.name, found.map_of()["changes"][0]["patches"]) == ("commune", "Auch", 3)
    with pytest.raises(Refused, match="knows no territory"):
        territory(web, "32013", site=address, kind="departement")


def test_figures_are_rounded_as_the_platform_rounds_them() -> None:
    for value, lower, upper in ((211.5776, 150.0013, 273.1539), (0.0123, 0.0, 0.41), (12.34, 8.1, 19.7), (-3.2, -9, 1)):
        shown = rounded_to_interval(value, lower, upper)
        numbers = [f"{each:,.{shown.decimals}f}" for each in (shown.value, shown.lower, shown.upper)]
        assert interval_words({"value": value, "lower": lower, "upper": upper}) == (
            numbers[0], f"{numbers[1]} to {numbers[2]}",
        )  # fmt: skip


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here to print with")
def test_the_page_is_printed_by_the_browser_of_the_machine(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "auch.pdf"
    run(capsys, "territory", "32013", "--site", address, "--pdf", str(made))
    assert made.read_bytes().startswith(b"%PDF-") and made.stat().st_size > 10_000


def test_without_a_browser_it_says_where_the_page_is(
    address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["territory", "32013", "--site", address, "--pdf", str(tmp_path / "a.pdf"), "--allow-http"]) == 2
    assert f"open {address}/territories/commune/32013/ in a browser" in capsys.readouterr().err


def test_every_reason_for_which_nothing_is_told_has_words_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    of_pages_and_releases_alone = {"no_pair", "licence"}
    assert set(REASONS) == {*NOT_ASSESSED, *NO_ARTIFICIALISATION} - of_pages_and_releases_alone
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert not [words for words in REASONS.values() if say(words) == words]
