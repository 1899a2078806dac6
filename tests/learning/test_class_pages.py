"""The pages on which a maintainer changes classes: a preview changes nothing, a typed name does, a report says what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from class_rows import BUILT, GRASS, apply_plan, heads, rename_plan, split_plan
from html_checks import assert_strict
from learning_rows import maintained, signed_in
from theme_rows import vines

from annotation.jobs.registry import run_job
from annotation.models import ClassChange, Job
from annotation.services.jobs import cancel_job
from learning.services.class_changes import start_change

pytestmark = pytest.mark.django_db

URL = "/campaigns/camp/classes/"
SPLIT = {
    "kind": "split", "code": BUILT, "default": "2", "code1": "roof", "fr1": "Toit", "en1": "Roof", "colour1": "#aa3322",
    "code2": "yard", "fr2": "Cour", "en2": "Yard", "colour2": "#bbbbaa",
}  # fmt: skip


@pytest.fixture
def scene() -> tuple[Any, Any]:
    return maintained(pool=3, holdout=1)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_preview_is_shown_step_by_step_and_changes_nothing(scene: tuple[Any, Any], language: str) -> None:
    labelled, maintainer = scene
    client, before = signed_in(maintainer, language), heads(labelled.campaign)
    page = client.post(URL, SPLIT)
    assert page.status_code == 200
    text = page.content.decode()
    assert_strict(page)
    assert "yard" in text
    assert page.context["found"]["labels"]["annotations"] == 4
    more = client.post(URL, {"kind": "move", "code": GRASS, "parent": "", "plan": page.context["plan_json"]})
    assert len(json.loads(more.context["plan_json"])) == 2
    assert heads(labelled.campaign) == before
    assert ClassChange.objects.count() == 0


def test_it_is_confirmed_by_typing_followed_and_taken_back(scene: tuple[Any, Any]) -> None:
    labelled, maintainer = scene
    client, before = signed_in(maintainer), heads(labelled.campaign)
    plan = client.post(URL, SPLIT).context["plan_json"]
    said = {"plan": plan, "apply": "1", "reason": "Roofs and yards apart."}
    assert client.post(URL, {**said, "typed": "another"}).status_code == 422
    assert client.post(URL, {**said, "typed": "camp", "reason": ""}).status_code == 422
    answer = client.post(URL, {**said, "typed": "camp"})
    change = ClassChange.objects.get()
    assert answer["Location"] == f"{URL}{change.pk}/"
    assert "waits for a worker" in client.get(answer["Location"]).content.decode()
    assert run_job(str(Job.objects.get(kind="change_classes").pk))
    page = client.get(answer["Location"])
    assert_strict(page)
    assert "yard" in page.content.decode()
    report = client.get(f"{URL}{change.pk}/report.csv").content.decode().splitlines()
    assert report[1].startswith(f"{BUILT},yard,accepted,4,4,")
    assert client.post(answer["Location"]).status_code == 302
    assert run_job(str(Job.objects.filter(kind="change_classes", state="queued").get().pk))
    assert_strict(client.get(answer["Location"]))
    assert heads(labelled.campaign) == before


def test_a_plan_from_a_file_that_is_no_plan_is_refused_with_words(scene: tuple[Any, Any]) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    _labelled, maintainer = scene
    for content in (b"not json", b"{}", json.dumps([{"kind": "burn"}]).encode(), b'[{"kind": "merge", "codes": []}]'):
        answer = signed_in(maintainer).post(URL, {"file": SimpleUploadedFile("plan.json", content)})
        assert answer.status_code == 422, content
        assert answer.context["refusal"]


def test_a_change_of_another_campaign_is_not_found(scene: tuple[Any, Any]) -> None:
    labelled, maintainer = scene
    change = apply_plan(labelled.campaign, split_plan())
    assert signed_in(maintainer).get(f"{URL}{change.pk + 1}/").status_code == 404
    assert signed_in(labelled.author).get(f"{URL}{change.pk}/").status_code == 404


@pytest.mark.parametrize(("language", "said"), [("en", "It was stopped"), ("fr", "Il a été interrompu")])
def test_a_change_that_was_stopped_says_so_and_is_started_again_while_the_classes_are_the_same(
    scene: tuple[Any, Any], language: str, said: str
) -> None:
    labelled, maintainer = scene
    client = signed_in(maintainer, language)
    change, job = start_change(campaign=labelled.campaign, plan=split_plan(), actor=None, reason="by mistake")
    cancel_job(job=job)
    page = f"{URL}{change.pk}/"
    assert said in client.get(page).content.decode()
    assert client.post(page, {"again": "1"}).status_code == 302
    cancel_job(job=Job.objects.get(kind="change_classes", state="queued"))
    apply_plan(labelled.campaign, rename_plan())
    answer = client.post(page, {"again": "1"})
    assert answer.status_code == 422
    assert 'name="again"' not in answer.content.decode(), "nothing is offered that is refused"


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "is a national class"), ("fr", "Les classes nationales restent telles quelles")],
)
def test_a_plan_that_would_change_a_national_class_is_refused_with_words_of_its_own(
    language: str, words: str, tmp_path: Path
) -> None:
    scene, maintainer = maintained(pool=1, holdout=1)
    campaign = scene.campaign
    campaign.nomenclature = vines(tmp_path)
    campaign.save()
    step = {"kind": "rename", "code": BUILT, "code1": "house", "fr1": "Maison", "en1": "House", "colour1": "#aa3322"}
    page = signed_in(maintainer, language).post(URL, step)
    assert page.status_code == 422 and words in page.context["refusal"]
