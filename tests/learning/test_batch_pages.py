"""The page on which a maintainer sets a batch of work aside."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from html_checks import faults_of
from report_rows import territory
from scenes import person
from trust_rows import World, world

from annotation.models import Annotation, Contributor, Revert
from annotation.services.people import contributor_of, set_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def here() -> World:
    """Two people with three accepted tiles each, in two rows of tiles; mia maintains."""
    found = world()
    places = found.places()
    rows = sorted({row for row, _col in places})
    for number, name in enumerate(("ana", "ben")):
        own = [place for place in places if place[0] == rows[7 * number]][:3]
        for place in own:
            found.label(person(name) if place == own[0] else get_user_model().objects.get(username=name), place)
    set_role(campaign=found.campaign, user=person("mia"), role="maintainer")
    return found


def browser(name: str = "mia", **headers: str) -> Client:
    found = Client(headers=headers)
    found.force_login(get_user_model().objects.get(username=name), backend="django.contrib.auth.backends.ModelBackend")
    return found


def page_of(here: World) -> str:
    return f"/campaigns/{here.campaign.slug}/trust/batch/"


def set_aside() -> set[str]:
    return set(Annotation.objects.filter(state="reverted").values_list("annotator__username", flat=True))


def test_a_batch_is_looked_at_first_set_aside_and_brought_back(here: World) -> None:
    today = timezone.now().date()
    scope = {"since": str(today - timedelta(days=1)), "until": str(today), "person": "ana"}
    trust = browser().get(f"/campaigns/{here.campaign.slug}/trust/").content.decode()
    assert page_of(here) in trust
    seen = browser().get(page_of(here), scope).content.decode()
    assert "3 things would no longer count." in seen and faults_of(seen) == []
    assert set_aside() == set()
    address = browser().get(page_of(here), scope).wsgi_request.get_full_path()
    refused = browser().post(address, {"reason": " "}, follow=True).content.decode()
    assert "Say why" in refused and set_aside() == set()
    done = browser().post(address, {"reason": "the wrong vintage"}, follow=True)
    assert "The work is set aside" in done.content.decode() and set_aside() == {"ana"}
    assert not Contributor.objects.filter(blocked_at__isnull=False).exists(), "a batch blocks nobody"
    browser().post(done.redirect_chain[-1][0], {"reason": "it was right"})
    assert set_aside() == set()


def test_a_batch_is_everybodys_work_in_a_territory_of_several_parts(here: World, tmp_path: Path) -> None:
    mine = Annotation.objects.filter(annotator__username="ben").select_related("tile")
    row = mine[0].tile.row
    commune = territory(here.campaign, tmp_path, "32013", (row, 0, row + 1, here.campaign.n_cols))
    address = f"{page_of(here)}?territory={commune.pk}"
    assert "3 things" in browser().get(address).content.decode()
    browser().post(address, {"reason": "clouds"})
    assert set_aside() == {"ben"} and Revert.objects.get().area.geom_type == "MultiPolygon"


@pytest.mark.parametrize(
    ("scope", "english", "french"),
    [
        ({"since": "", "person": ""}, "Say which work", "Dites quel travail"),
        ({"person": "nobody"}, "Nobody is called nobody", "Personne ne s’appelle nobody"),
        ({"since": "2020-02-02", "until": "2020-02-01"}, "swap them", ""),
        ({"until": "2020-02-01"}, "Nothing that counts was done in this scope", "Rien de ce qui compte"),
    ],
)
def test_a_scope_that_holds_nothing_or_is_none_says_what_to_do(
    here: World, scope: dict[str, str], english: str, french: str
) -> None:
    for language, words in (("en", english), ("fr", french)):
        found = browser(accept_language=language).get(page_of(here), scope).content.decode()
        assert words in found and "revert/" not in found
        assert faults_of(found) == []
    address = browser().get(page_of(here), scope).wsgi_request.get_full_path()
    browser().post(address, {"reason": "because"})
    assert set_aside() == set() and not Revert.objects.exists()


def test_nobody_but_maintainers_finds_the_page(here: World) -> None:
    set_role(campaign=here.campaign, user=person("rex"), role="reviewer")
    for name in ("ana", "rex"):
        assert browser(name).get(page_of(here)).status_code == 404
        assert browser(name).post(f"{page_of(here)}?person=ben", {"reason": "spite"}).status_code == 404
    assert set_aside() == set()


def test_a_refusal_names_its_values_in_english_and_is_french_for_the_french(here: World) -> None:
    author = get_user_model().objects.get(username="ana")
    contributor_of(author)
    work = Annotation.objects.filter(annotator=author).first()
    for language, words in (("en", "there is nothing to decide"), ("fr", "Il n’y a rien à décider ici")):
        chosen = {"chosen": f"{work.pk}:{work.version}", "verdict": "accept", "operation_id": "a" * 32}
        address = f"/campaigns/{here.campaign.slug}/submissions/"
        found: Any = browser(accept_language=language).post(address, chosen, follow=True).content.decode()
        assert words in found, found[:3000]
