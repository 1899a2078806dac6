"""Who is how reliable, and who may know."""

from __future__ import annotations

from typing import Any

import pytest
from gold_rows import GREEN, GREY, gold_campaign, halves, hand_in, yesterday
from scenes import person

from annotation.core.reliability import Decision
from annotation.errors import NotThere
from annotation.models import GoldOutcome
from annotation.services.reliability import (
    label_weights,
    own_reliability,
    people_reliability,
    reliability_for_maintainer,
)

pytestmark = pytest.mark.django_db


def everyone_hands_in(golds: list[Any], **answers: list[dict[str, Any]]) -> dict[str, Any]:
    """People by name, each with the same answer on every gold tile."""
    people = {name: person(name) for name in answers}
    for name, features in answers.items():
        for gold in golds:
            hand_in(gold.tile, people[name], features)
    return people


def test_reliability_is_counted_by_tile_and_class_for_each_person() -> None:
    scene, _maintainer, golds = gold_campaign(golds=6)
    # Bo calls everything grey: right on half of what he calls grey, and he never says green.
    people = everyone_hands_in(golds, ana=halves(), bo=halves(GREY, GREY))
    found = people_reliability(scene.campaign)
    ana, bo = found[people["ana"].pk], found[people["bo"].pk]
    assert (ana.tiles, ana.passed, ana.test.decision) == (6, 6, Decision.GO_ON)
    assert (bo.tiles, bo.passed, bo.test.decision) == (6, 0, Decision.FLAG)
    assert set(ana.classes) == {GREY, GREEN} and set(bo.classes) == {GREY}
    # Pool of grey: (3.6 + 6 + 3) / (4 + 6 + 6) = 0.7875; Bo: (4 × 0.7875 + 3) / (4 + 6) = 0.615.
    assert bo.classes[GREY].campaign_mean == pytest.approx(0.7875)
    assert bo.classes[GREY].mean == pytest.approx(0.615)
    assert bo.classes[GREY].tiles == pytest.approx(6)
    assert bo.classes[GREY].low < 0.615 < bo.classes[GREY].high < ana.classes[GREY].mean


def test_weights_name_only_what_is_not_one() -> None:
    scene, _maintainer, golds = gold_campaign(golds=6)
    assert label_weights(scene.campaign) == {}
    people = everyone_hands_in(golds, ana=halves(), bo=halves(GREY, GREY))
    weights = label_weights(scene.campaign)
    assert weights[people["bo"].pk][GREY] < 1 < weights[people["ana"].pk][GREY]
    assert scene.author.pk not in weights


def test_a_person_sees_their_own_figures_as_of_this_morning_and_only_from_five_tiles_on() -> None:
    _scene, _maintainer, golds = gold_campaign(golds=6)
    people = everyone_hands_in(golds[:4], ana=halves())
    ana = people["ana"]
    yesterday()
    assert own_reliability(user=ana) == [], "four tiles say too little"
    hand_in(golds[4].tile, ana, halves())
    hand_in(golds[5].tile, ana, halves())
    assert own_reliability(user=ana) == [], "what was handed in today waits until tomorrow"
    yesterday()
    [(campaign, figures)] = own_reliability(user=ana)
    assert campaign == _scene.campaign and figures.tiles == 6
    assert own_reliability(user=_scene.author) == []


def test_maintainers_see_everybody_worst_first_and_nobody_else_does() -> None:
    scene, maintainer, golds = gold_campaign(golds=3)
    people = everyone_hands_in(golds, ana=halves(), bo=halves(GREEN, GREY))
    found = reliability_for_maintainer(campaign=scene.campaign, actor=maintainer)
    assert [one.annotator_id for one in found] == [people["bo"].pk, people["ana"].pk]
    for someone in (people["ana"], scene.reviewer, scene.author):
        with pytest.raises(NotThere):
            reliability_for_maintainer(campaign=scene.campaign, actor=someone)


def test_figures_cost_the_same_however_many_people_there_are(django_assert_num_queries: Any) -> None:
    scene, _maintainer, golds = gold_campaign(golds=2)
    everyone_hands_in(golds, ana=halves())
    with django_assert_num_queries(2):
        people_reliability(scene.campaign)
    everyone_hands_in(golds, bo=halves(), cleo=halves())
    assert GoldOutcome.objects.count() == 6
    with django_assert_num_queries(2):
        people_reliability(scene.campaign)
