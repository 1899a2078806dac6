"""Pages on which maintainers see what a release would be, begin it, and set when the campaign releases by itself."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import pytest
from html_checks import assert_strict
from learning_rows import labelled_campaign, maintained, signed_in, without_licence
from scenes import person
from theme_rows import ORCHARD, PARENT, VINE, vines

from annotation.models import Annotation, Job
from learning.models import Release, ReleasePolicy
from learning.services.release_schedule import set_release_policy

pytestmark = pytest.mark.django_db
DESK, NEW = "/campaigns/camp/releases/", "/campaigns/camp/releases/new/"
NATIONAL = f"{NEW}?view=national"


def text_of(answer: Any) -> str:
    assert_strict(answer)
    words = html.unescape(answer.content.decode()).replace("\xa0", " ").replace("\u202f", " ")
    return " ".join(words.split())


def as_sent(page: str) -> dict[str, str]:
    """The form as a browser would send it untouched."""
    fields = dict(re.findall(r'<input[^>]* name="(version|title|draft_\w\w)"[^>]* value="([^"]*)"', page))
    for name, value in re.findall(r'<textarea name="(\w+)"[^>]*>\n?([^<]*)</textarea>', page):
        fields[name] = value
    return {name: html.unescape(value).replace("\n", "\r\n") for name, value in fields.items()}


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["Suggested: 0.1.0, the first one.", "First release: 3 labelled tiles, by 1 person.", "No model yet."]),
        ("fr", ["Proposée : 0.1.0, la première.", "Première publication : 3 tuiles étiquetées par 1 personne."]),
    ],
)
def test_a_maintainer_sees_what_would_be_released_and_its_notes_in_both_languages(
    language: str, told: list[str]
) -> None:
    _scene, maintainer = maintained(pool=3)
    page = text_of(signed_in(maintainer, language).get(NEW))
    for words in told:
        assert words in page, words
    assert "Première publication" in page and "First release" in page


def test_notes_that_nobody_edited_are_made_when_it_begins_and_edited_ones_are_kept() -> None:
    _scene, maintainer = maintained(pool=3)
    client = signed_in(maintainer)
    sent = as_sent(client.get(NEW).content.decode())
    assert sent.keys() >= {"version", "title", "notes", "text_fr", "text_en", "draft_fr", "draft_en"}
    assert client.post(NEW, {**sent, "text_en": "We walked.\r\n\r\n- Far."}).status_code == 302
    release = Release.objects.get()
    assert (release.version, release.state, release.created_by) == ("0.1.0", "staging", maintainer)
    assert release.texts == {"en": "We walked.\n\n- Far."}
    job = Job.objects.get(kind="release")
    page = text_of(client.get(DESK))
    assert "being made" in page and str(job.pk) in page and f"/releases/{release.folder}/" in page


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("version", "1", "MAJOR.MINOR.PATCH" ),
        ("version", "", "required"),
        ("text_en", "ask zoe@example.org", "address"),
        ("text_fr", "a\u202eb", "character that is not seen"),
    ],
)  # fmt: skip
def test_what_cannot_be_published_is_said_and_what_was_written_stays(field: str, value: str, told: str) -> None:
    _scene, maintainer = maintained(pool=3)
    client = signed_in(maintainer)
    sent = {**as_sent(client.get(NEW).content.decode()), "text_en": "Long work.", field: value}
    answer = client.post(NEW, sent)
    page = text_of(answer)
    assert answer.status_code == 400 and not Release.objects.exists()
    assert (told in page or "three numbers" in page) and (field == "text_en" or "Long work." in page)


def test_labels_left_out_for_their_licence_are_counted_and_none_at_all_is_said() -> None:
    scene, maintainer = maintained(pool=3)
    client = signed_in(maintainer)
    labels = list(Annotation.objects.filter(tile__campaign=scene.campaign))
    without_licence(labels[0])
    assert "1 accepted label is left out" in text_of(client.get(NEW))
    for label in labels[1:]:
        without_licence(label)
    page = text_of(client.get(NEW))
    assert (
        "Nothing to release yet" in page
        and "review some submissions first" in page
        and '<form class="panel"' not in page
    )
    assert client.post(NEW, {"version": "1.0.0", "title": "x"}).status_code == 400


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_schedule_is_kept_and_said_with_why_nothing_was_started(language: str) -> None:
    _scene, maintainer = maintained(pool=3)
    client = signed_in(maintainer, language)
    text_of(client.get(DESK))
    sent = {"enabled": "on", "period_days": "30", "min_changed_labels": "12"}
    assert client.post(DESK, sent).status_code == 302
    policy = ReleasePolicy.objects.get()
    assert (policy.enabled, policy.period_days, policy.min_changed_labels, policy.hold) == (True, 30, 12, False)
    ReleasePolicy.objects.update(
        last_refusal="3 of 12", last_refusal_code="waiting", last_refusal_figures={"found": 3, "wanted": 12}
    )
    told = {"en": "3 of 12 labels added", "fr": "3 étiquettes ajoutées, corrigées ou retirées sur 12"}
    assert told[language] in text_of(client.get(DESK))
    wrong = client.post(DESK, {**sent, "period_days": "0"})
    assert wrong.status_code == 400 and ReleasePolicy.objects.get().period_days == 30


def test_only_maintainers_find_these_pages() -> None:
    labelled_campaign(pool=1)
    client = signed_in(person("other"))
    assert client.get(DESK).status_code == client.get(NEW).status_code == client.post(NEW).status_code == 404


def test_what_is_prepared_is_offered_on_the_page_of_releases() -> None:
    from django.utils import timezone

    scene, maintainer = maintained(pool=3)
    policy = set_release_policy(campaign=scene.campaign, min_changed_labels=1)
    assert "A release is prepared" not in text_of(signed_in(maintainer).get(DESK))
    policy.proposed_at = timezone.now()
    policy.save()
    assert "A release is prepared" in text_of(signed_in(maintainer).get(DESK))


def test_a_release_that_failed_is_said_with_why() -> None:
    scene, maintainer = maintained(pool=1)
    Job.objects.create(
        kind="release", campaign=scene.campaign, key="camp-0.1.0", state="failed", error="The disk is full."
    )
    assert "The disk is full." in text_of(signed_in(maintainer).get(DESK))


@pytest.mark.parametrize(("language", "words"), [("en", "National view: publish"), ("fr", "Vue nationale : publier")])
def test_a_campaign_of_a_theme_alone_is_offered_its_national_view_and_the_list_says_which_release_it_is(
    language: str, words: str, tmp_path: Path
) -> None:
    _scene, maintainer = maintained(pool=3, nomenclature=vines(tmp_path))
    client = signed_in(maintainer, language)
    assert words in text_of(client.get(NEW))
    page = client.get(NATIONAL)
    assert words in text_of(page)
    assert client.post(NATIONAL, as_sent(page.content.decode())).status_code == 302
    release = Release.objects.get()
    assert (release.view, release.texts) == ("national", {})
    assert {"en": "national view", "fr": "vue nationale"}[language] in text_of(client.get(DESK))


def test_notes_of_the_national_view_are_those_of_its_own_classes(tmp_path: Path) -> None:
    scene, maintainer = maintained(pool=1, nomenclature=vines(tmp_path))
    scene.label(scene.pool_tiles()[1], VINE, ORCHARD)
    own, national = (signed_in(maintainer).get(address).context for address in (NEW, NATIONAL))
    assert own["proposal"].changes.polygons.keys() >= {VINE, ORCHARD}
    found = national["proposal"].changes.polygons
    assert not {VINE, ORCHARD} & found.keys() and found[PARENT].added == 2
    assert national["form"]["text_en"].value() == national["proposal"].notes["en"]


def test_a_campaign_without_a_theme_is_offered_none_and_says_why_when_asked() -> None:
    _scene, maintainer = maintained(pool=3)
    client = signed_in(maintainer)
    page = client.get(NEW)
    assert "National view" not in text_of(page)
    answer = client.post(NATIONAL, as_sent(page.content.decode()))
    assert answer.status_code == 400
    assert "Not every class of this campaign refines a national one: publish the classes as they are." in text_of(
        answer
    )
    assert not Release.objects.exists()
