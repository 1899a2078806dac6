"""The page of a campaign's quality."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import translation
from gold_rows import GREEN, GREY, gold_campaign, halves, hand_in, yesterday
from html_checks import assert_strict
from scenes import accepted, person

from annotation.jobs.registry import run_job
from annotation.models import GoldTile, Job

pytestmark = pytest.mark.django_db


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_nobody_but_reviewers_and_maintainers_finds_the_page() -> None:
    scene, maintainer, _golds = gold_campaign()
    url = f"/campaigns/{scene.campaign.slug}/quality/"
    assert Client().get(url).status_code == 302
    assert signed_in(scene.author).get(url).status_code == 404
    assert signed_in(scene.author).post(url, {"do": "count"}).status_code == 404
    reviewer = signed_in(scene.reviewer).get(url)
    assert reviewer.status_code == 200 and b"Gold tiles" not in reviewer.content
    assert b"Gold tiles" in signed_in(maintainer).get(url).content


def test_a_reviewer_counts_and_sees_figures_and_where_people_differ() -> None:
    scene, maintainer, [gold] = gold_campaign(redundancy=3)
    tile = scene.pool_tiles()[2]
    ana, bo = person("ana"), person("bo")
    hand_in(tile, ana, halves())
    hand_in(tile, bo, halves(GREY, GREY))
    hand_in(gold.tile, ana, halves(GREEN, GREY))
    url = f"/campaigns/{scene.campaign.slug}/quality/"
    client = signed_in(maintainer)
    assert "Nothing to compare yet" in client.get(url).content.decode()
    client.post(url, {"do": "count"})
    run_job(str(Job.objects.get(kind="count_agreement").id))
    answer = client.get(url)
    assert_strict(answer)
    page = answer.content.decode()
    assert f"/api/v1/tiles/{tile.pk}/disagreement.png" in page
    assert f"/api/v1/tiles/{gold.tile_id}/disagreement.png" not in page
    assert ana.contributor.public_id in page and "ana" not in page.replace(ana.contributor.public_id, "").split()
    assert "0 of 1 gold tile passed" in page


def test_a_maintainer_marks_and_retires_gold_and_is_told_why_not() -> None:
    scene, maintainer, [gold] = gold_campaign()
    label = accepted(scene.campaign, scene.pool_tiles()[3], scene.author, scene.reviewer, halves())
    url, client = f"/campaigns/{scene.campaign.slug}/quality/", signed_in(maintainer)
    told = client.post(url, {"do": "mark", "annotation": label.pk}, follow=True).content.decode()
    assert "This tile is gold now" in told and GoldTile.objects.count() == 2
    told = client.post(url, {"do": "mark", "annotation": label.pk}, follow=True).content.decode()
    assert "is gold already: retire it first." in told
    client.post(url, {"do": "retire", "gold": gold.pk, "faulty": "yes"})
    gold.refresh_from_db()
    assert gold.faulty and gold.retired_at is not None
    assert client.post(url, {"do": "mark", "annotation": "x"}).status_code == 404
    assert signed_in(scene.reviewer).post(url, {"do": "mark", "annotation": label.pk}).status_code == 404


def test_my_work_shows_ones_own_reliability_from_the_next_day_on_and_nobody_elses() -> None:
    _scene, _maintainer, golds = gold_campaign(golds=5)
    ana, bo = person("ana"), person("bo")
    for gold in golds:
        hand_in(gold.tile, ana, halves())
    client, told = signed_in(ana), "How reliable your labels are"
    assert told not in client.get("/me/").content.decode()
    yesterday()
    answer = client.get("/me/")
    assert_strict(answer)
    page = answer.content.decode()
    assert told in page and "5 tiles you handed in were compared" in page and "5 were right enough" in page
    assert f'<code class="soft code">{GREY}</code>' in page
    assert told not in signed_in(bo).get("/me/").content.decode()
    with translation.override("en"):  # what a request makes of the thread's language ends here
        french = client.get("/me/", headers={"accept-language": "fr"}).content.decode()
    assert "Fiabilité de vos annotations" in french
