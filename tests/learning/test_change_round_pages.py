"""A maintainer looks what a round of questions about change would hold, and opens it, in the browser."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from html_checks import assert_strict
from learning_rows import labelled_campaign, signed_in
from sample_rows import interpreters, two_vintages

from annotation.jobs.registry import run_job
from annotation.models import Campaign, ChangeRound, Job
from learning.models import Prediction

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own


@pytest.fixture
def two() -> Any:
    pair = two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    return campaign, pair, interpreters(campaign, count=1, role="maintainer")[0]


def url(campaign: Campaign) -> str:
    return f"/campaigns/{campaign.slug}/change/rounds/new/"


def typed(pair: Any, **more: str) -> dict[str, str]:
    base = {"pair": str(pair.pk), "source": "maps", "places": "20", "control_percent": "20", "least_m2": "4"}
    return {**base, **more}


def worked() -> Job:
    job = Job.objects.get(kind="change_round", state="queued")
    assert run_job(str(job.pk))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_look_tells_what_the_round_would_hold_and_keeps_nothing(two: Any, language: str) -> None:
    campaign, pair, keeper = two
    client = signed_in(keeper, language)
    assert_strict(client.get(url(campaign)))
    assert client.post(url(campaign), {"look": "1", **typed(pair)}).status_code == 302
    assert client.get(url(campaign)).context["job"] is not None
    worked()
    page = client.get(url(campaign))
    assert_strict(page)
    found = page.context["looked"]["found"]
    # Twenty tiles differ as a whole, and a fifth of all are controls: five beside twenty
    assert found["cells"] == found["tiles"] == 25 - found["left_out"]
    assert 0 < found["control_tiles"] <= 5
    assert [one["cells"] for one in page.context["looked"]["kinds"]] == [found["cells"] - found["control_tiles"]]
    assert not ChangeRound.objects.exists()
    told = " ".join(unescape(page.content.decode()).replace("\xa0", " ").split())
    words = {
        "en": ["At most 20 places", "where the dates agree: 20 %", "ground from 4 m²", f"{found['tiles']} tiles, "],
        "fr": ["Au plus 20 lieux", "où les dates concordent : 20 %", "à partir de 4 m²", f"{found['tiles']} tuiles, "],
    }
    assert [one for one in words[language] if one not in told] == []


def test_what_was_typed_stands_in_the_form_after_a_look_and_the_draw_is_a_new_one(two: Any) -> None:
    campaign, pair, keeper = two
    client = signed_in(keeper)
    client.post(url(campaign), {"look": "1", **typed(pair)})
    worked()
    form = client.get(url(campaign)).context["form"]
    assert {name: str(form[name].value()) for name in typed(pair)} == typed(pair)
    assert form["seed"].value() is None


def test_a_round_that_could_not_be_opened_says_why_where_it_was_asked_for(two: Any) -> None:
    campaign, pair, keeper = two
    client = signed_in(keeper)
    sent = {"open": "1", **typed(pair, source="labels", seed="3")}
    assert client.post(url(campaign), sent, follow=True).context["job"] is not None
    job = Job.objects.get(kind="change_round", state="queued")
    run_job(str(job.pk))
    job.refresh_from_db()
    page = client.get(url(campaign))
    assert job.state == "failed" and page.context["failed"] == job.error != ""
    assert page.context["opened"] is None and page.context["form"]["source"].value() == "labels"


def test_what_was_looked_at_is_what_is_opened(two: Any) -> None:
    campaign, pair, keeper = two
    client = signed_in(keeper)
    client.post(url(campaign), {"look": "1", **typed(pair)})
    worked()
    looked = client.get(url(campaign)).context["looked"]
    answer = client.post(url(campaign), {"open": "1", **looked["again"]})
    assert answer.url == url(campaign), "where it is followed"
    job = worked()
    assert "Round 1 is open." in client.get(url(campaign)).content.decode()
    opened = ChangeRound.objects.get(campaign=campaign)
    assert {name: job.result[name] for name in ("round", "tiles", "cells")} == {
        name: looked["found"][name] for name in ("round", "tiles", "cells")
    }
    assert (opened.cells.count(), opened.opened_by, opened.source) == (looked["found"]["cells"], keeper, "maps")
    assert client.get(url(campaign)).context["looked"] is None
    Job.objects.filter(pk=job.pk).update(state="queued")
    assert worked().result == {"round": opened.number}, "taken over after it was opened, it opens no other one"
    assert ChangeRound.objects.count() == 1


def test_where_labels_of_both_dates_say_nothing_there_is_nothing_to_open(two: Any) -> None:
    campaign, pair, keeper = two
    client = signed_in(keeper)
    client.post(url(campaign), {"look": "1", **typed(pair, source="labels")})
    worked()
    page = client.get(url(campaign))
    assert page.context["looked"]["found"] is None
    assert "Nothing differs where questions may be asked" in page.content.decode()


def test_without_a_map_or_a_pair_the_page_says_what_to_do(two: Any) -> None:
    campaign, pair, keeper = two
    Prediction.objects.filter(layer=pair.first).delete()
    answer = signed_in(keeper).post(url(campaign), {"look": "1", **typed(pair)})
    assert answer.status_code == 400 and "publish a model there" in answer.content.decode()
    alone = labelled_campaign("alone").campaign
    other = interpreters(alone, count=1, role="maintainer")[0]
    assert "manage.py pair_layers" in signed_in(other).get(url(alone)).content.decode()
    refused = signed_in(other).post(url(alone), {"look": "1", **typed(pair)})
    assert "pair" in refused.context["form"].errors, "a pair of other imagery"


def test_reviewers_see_rounds_and_no_way_to_open_one(two: Any) -> None:
    campaign, _pair, keeper = two
    reviewer = interpreters(campaign, count=1)[0]
    rounds = f"/campaigns/{campaign.slug}/change/rounds/"
    assert url(campaign) in signed_in(keeper).get(rounds).content.decode()
    assert url(campaign) not in signed_in(reviewer).get(rounds).content.decode()
    assert signed_in(reviewer).get(url(campaign)).status_code == 404
