"""Pages of people's work: who may open which, in both languages, strict, and cheap on lists."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
import scenes
from django.contrib.auth.models import AnonymousUser
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from html_checks import assert_strict, faults_of, language_of
from learning_rows import Labelled, labelled_campaign

from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.people import set_role
from annotation.services.queue_pick import pick_tile
from annotation.services.reviews import record_review

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script>{{7*7}}<img src=x onerror=alert(1)>'


@dataclass
class Site:
    """A campaign with labels, and somebody in each role."""

    scene: Labelled
    people: dict[str, Any]

    def client(self, who: str, language: str = "en") -> Client:
        client = Client(headers={"accept-language": language})
        if who != "anonymous":
            client.force_login(self.people[who])
        return client


@pytest.fixture
def site() -> Site:
    scene = labelled_campaign(pool=1, holdout=1)
    maintainer = scenes.person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    people = {"annotator": scene.author, "reviewer": scene.reviewer, "maintainer": maintainer}
    return Site(scene, people)


ROLES = ("anonymous", "annotator", "reviewer", "maintainer")
EXPECTED = {
    "/": (200, 200, 200, 200),
    "/practice/": (200, 200, 200, 200),
    "/campaigns/": (200, 200, 200, 200),
    "/campaigns/camp/": (200, 200, 200, 200),
    "/campaigns/none/": (404, 404, 404, 404),
    "/campaigns/camp/studio/": (302, 200, 200, 200),
    "/campaigns/none/studio/": (302, 404, 404, 404),
    "/campaigns/camp/validate/": (302, 200, 200, 200),
    "/campaigns/none/validate/": (302, 404, 404, 404),
    "/campaigns/camp/review/": (302, 404, 200, 200),
    "/me/": (302, 200, 200, 200),
    "/me/?page=999": (302, 200, 200, 200),
    "/accounts/login/": (200, 302, 302, 302),
    "/accounts/signup/": (200, 302, 302, 302),
    "/accounts/logout/": (302, 200, 200, 200),
    "/accounts/password/reset/": (200, 200, 200, 200),
    "/accounts/password/reset/done/": (200, 200, 200, 200),
    "/accounts/password/change/": (302, 200, 200, 200),
    "/accounts/email/": (302, 200, 200, 200),
    "/api/docs/": (200, 200, 200, 200),
    "/nowhere/": (404, 404, 404, 404),
}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_each_page_answers_each_person_as_it_should_and_keeps_a_strict_policy(site: Site, language: str) -> None:
    found: dict[str, tuple[int, ...]] = {}
    for path in EXPECTED:
        answers = [site.client(who, language).get(path) for who in ROLES]
        found[path] = tuple(answer.status_code for answer in answers)
        for answer in answers:
            if answer.status_code != 302:
                assert_strict(answer)
                assert language_of(answer.content.decode()) == language, path
    assert found == EXPECTED


def test_a_signed_in_persons_page_is_not_kept_by_shared_caches(site: Site) -> None:
    assert site.client("annotator").get("/me/")["Cache-Control"] == "private, no-store"


def test_sign_in_brings_back_to_the_page_that_asked_for_it(site: Site) -> None:
    answer = Client().get("/campaigns/camp/studio/")
    assert answer["Location"] == "/accounts/login/?next=/campaigns/camp/studio/"
    page = Client().get(answer["Location"]).content.decode()
    assert 'name="next" value="/campaigns/camp/studio/"' in page
    assert "/accounts/signup/?next=%2Fcampaigns%2Fcamp%2Fstudio%2F" in page


def test_only_a_maintainer_is_offered_to_retrain_and_only_reviewers_to_review(site: Site) -> None:
    shown = {who: site.client(who).get("/campaigns/camp/").content.decode() for who in ROLES}
    assert [who for who in ROLES if 'id="retrain"' in shown[who]] == ["maintainer"]
    assert [who for who in ROLES if "/campaigns/camp/review/" in shown[who]] == ["reviewer", "maintainer"]
    assert not any("/campaigns/camp/validate/" in page for page in shown.values()), "no model has drawn yet"


def test_judging_is_offered_once_a_model_has_drawn_and_counted_on_ones_own_page() -> None:
    from validation_rows import drawn_campaign

    drawn = drawn_campaign("drawn")
    ana = scenes.person("ana")
    client = Client()
    client.force_login(ana)
    assert "/campaigns/drawn/validate/" in client.get("/campaigns/drawn/").content.decode()
    assert "that you judged" not in client.get("/me/").content.decode()
    drawn.judge(drawn.tiles[0], ana, {"region-1": "agree", "region-2": "unsure"})
    drawn.judge(drawn.tiles[0], ana, {"region-1": "disagree"})
    page = client.get("/me/").content.decode()
    assert "shapes of the model that you judged</dt><dd>2</dd>" in page


def test_the_same_page_is_written_in_french_and_in_english(site: Site) -> None:
    english = site.client("anonymous", "en").get("/campaigns/camp/").content.decode()
    french = site.client("anonymous", "fr").get("/campaigns/camp/").content.decode()
    assert "Label the next tile" in english and "Étiqueter la tuile suivante" in french
    assert "Built-up areas" in english and "Zones bâties" in french


def test_classes_stand_on_the_campaign_page_with_colour_name_and_code(site: Site) -> None:
    page = site.client("anonymous").get("/campaigns/camp/").content.decode()
    for item in site.scene.campaign.nomenclature.classes.filter(selectable=True):
        assert f'fill="{item.colour}"' in page and f"<code>{item.code}</code>" in page


def test_hostile_names_and_comments_stay_text_on_every_page(site: Site) -> None:
    campaign = site.scene.campaign
    campaign.title = campaign.description = HOSTILE
    campaign.save()
    campaign.layer.title = campaign.layer.attribution = HOSTILE
    campaign.layer.save()
    tile = site.scene.pool_tiles()[5]
    saved = drawn(site, tile)
    submit_annotation(tile=tile, annotator=site.scene.author, operation_id=uuid.uuid4(), expected_version=saved.version)
    record_review(
        annotation_id=saved.annotation.pk,
        reviewer=site.scene.reviewer,
        verdict="send_back",
        reason="other",
        comment=HOSTILE,
        operation_id=uuid.uuid4(),
        expected_version=saved.version,
    )
    for path in ("/", "/campaigns/", "/campaigns/camp/", "/campaigns/camp/studio/", "/me/"):
        page = site.client("annotator").get(path).content.decode()
        assert "<script>alert" not in page and "<img src=x" not in page, path
        assert faults_of(page) == [], path
    assert "alert(1)&lt;/script&gt;" in site.client("annotator").get("/me/").content.decode()


def drawn(site: Site, tile: Any) -> Any:
    """The author's first save on a tile picked on the map."""
    author = site.scene.author
    pick_tile(campaign=site.scene.campaign, annotator=author, row=tile.row, col=tile.col)
    return save_annotation(
        tile=tile,
        annotator=author,
        features=[scenes.square("CS2.2.1", 0, 0, 8)],
        operation_id=uuid.uuid4(),
        expected_version=0,
    )


def test_my_work_tells_what_became_of_each_tile_and_what_to_do_next(site: Site) -> None:
    tile = site.scene.pool_tiles()[5]
    drawn(site, tile)
    page = site.client("annotator").get("/me/").content.decode()
    assert page.count("Your labels were accepted") == 2
    assert page.count("Not handed in yet") == 1
    assert f"/campaigns/camp/studio/?tile={tile.pk}" in page


def test_one_persons_work_is_not_on_another_persons_page(site: Site) -> None:
    page = site.client("reviewer").get("/me/").content.decode()
    assert "Nothing yet" in page and "Your labels were accepted" not in page


def test_the_first_page_never_shows_the_labels_of_a_control_tile() -> None:
    scene = labelled_campaign(pool=0, holdout=2)
    assert Client().get("/").context["labels"] is None
    tile = scene.pool_tiles()[0]
    scene.label(tile)
    shown = Client().get("/").context["labels"]
    assert len(shown.areas) == 2 and shown.frame[2] == 64


def test_a_site_without_campaigns_says_so_and_tells_operators_alone_what_to_type() -> None:
    for path in ("/", "/campaigns/"):
        page = Client().get(path).content.decode()
        assert "No campaign yet" in page and "manage.py" not in page
    operator = Client()
    operator.force_login(scenes.person("operator", is_staff=True))
    assert "manage.py import_imagery" in operator.get("/campaigns/").content.decode()


def test_a_closed_campaign_thanks_and_offers_no_tile(site: Site) -> None:
    site.scene.campaign.state = "closed"
    site.scene.campaign.save()
    page = site.client("annotator").get("/campaigns/camp/").content.decode()
    assert "This campaign is closed" in page and "Label the next tile" not in page


@pytest.mark.parametrize("path", ["/", "/campaigns/"])
def test_lists_of_campaigns_cost_the_same_whatever_their_length(
    path: str, django_assert_num_queries: Any, django_assert_max_num_queries: Any
) -> None:
    scenes.campaign("one", tile_px=512)
    with django_assert_max_num_queries(6) as first:
        Client().get(path)
    for number in range(4):
        scenes.campaign(f"more-{number}", tile_px=512)
    with django_assert_num_queries(len(first)):
        Client().get(path)


def test_my_work_costs_the_same_whatever_its_length(site: Site, django_assert_num_queries: Any) -> None:
    from django.db import connection

    client = site.client("annotator")
    client.get("/me/")
    with CaptureQueriesContext(connection) as first:
        client.get("/me/")
    assert len(first) <= 22
    for tile in site.scene.pool_tiles()[1:6]:
        site.scene.label(tile)
    with django_assert_num_queries(len(first)):
        client.get("/me/")


def test_a_form_sent_without_its_token_gets_a_page_that_says_what_to_do() -> None:
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "fr"})
    answer = client.post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 403 and "Merci de réessayer" in answer.content.decode()
    assert_strict(answer)


def test_the_page_for_our_own_faults_needs_nothing_that_may_be_broken() -> None:
    page = render_to_string("500.html")
    assert faults_of(page) == [] and "Une erreur de notre côté" in page


def test_signing_up_asks_for_the_licence_and_keeps_the_consent() -> None:
    client = Client()
    given = {"username": "ana", "password1": "a-long-passphrase-7"}
    refused = client.post("/accounts/signup/", given)
    assert refused.status_code == 200 and "tick the box" in refused.content.decode()
    made = client.post("/accounts/signup/", {**given, "licence": "on"})
    assert made.status_code == 302 and made["Location"] == "/campaigns/"
    user = made.wsgi_request.user
    assert not isinstance(user, AnonymousUser) and user.contributor.licence_accepted_at is not None


def test_the_checks_of_these_tests_see_planted_faults() -> None:
    page = '<p style="x">a</p><b onclick="y">b</b><script>1</script><script nonce="n">2</script><style>z</style>'
    assert faults_of(page) == ["<p style>", "<b onclick>", "<script> without nonce", "<style> without nonce"]
