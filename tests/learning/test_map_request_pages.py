"""The page on which maintainers ask a model for maps of a territory, and the files they take away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import rasterio
import torch
from django.contrib.auth.models import User
from django.test import Client
from html_checks import assert_strict, language_of
from learning_rows import signed_in
from map_models import mapped_layer
from report_rows import territory
from scenes import person

from annotation.jobs.registry import run_job
from annotation.models import Job, Territory
from annotation.services.people import set_role
from learning.models import Prediction

torch.set_num_threads(1)
pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own
URL = "/campaigns/camp/models/camp-m1/maps/"


@pytest.fixture
def model(tmp_path: Path) -> Any:
    """A published model of a campaign with a maintainer, "keeper", on imagery in two communes."""
    found = mapped_layer(tmp_path)
    set_role(campaign=found.campaign, user=person("keeper"), role="maintainer")
    territory(found.campaign, tmp_path, "32013", (1, 2, 4, 5))
    territory(found.campaign, tmp_path, "99999", (200, 200, 210, 210))
    return found


def keeper(language: str = "en") -> Client:
    client: Client = signed_in(User.objects.get(username="keeper"), language)
    return client


def page(client: Client, more: str = "") -> str:
    answer = client.get(URL + more)
    assert answer.status_code == 200
    assert_strict(answer)
    return " ".join(answer.content.decode().replace("\xa0", " ").replace("\u202f", " ").split())


def commune() -> str:
    return str(Territory.objects.get(code="32013").pk)


def made() -> Prediction:
    """What was asked for last, once it is made."""
    job = Job.objects.filter(kind="predict_on_request").latest("created_at")
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return Prediction.objects.get(pk=job.result["prediction"])


def test_a_maintainer_sees_what_a_territorys_map_takes_then_has_it_made(model: Any) -> None:
    client = keeper()
    first = page(client)
    assert "Commune 32013 (32013)" in first and "99999" not in first
    assert "Nothing was asked for yet." in first and "Make this map" not in first
    told = page(client, f"?territory={commune()}&probabilities=1")
    # 192 × 192 px of 0.2 m, two classes: 0.0015 km², 98 kB.
    assert re.search(r"<dt>pixels</dt><dd>36,86\d</dd>", told)
    assert "at most 0.00 GB" in told
    assert not Prediction.objects.exists()
    answer = client.post(URL, {"territory": commune(), "probabilities": "1"}, follow=True)
    assert "The map is being made." in answer.content.decode()
    job = Job.objects.get(kind="predict_on_request")
    assert (job.owner, job.campaign) == (User.objects.get(username="keeper"), model.campaign)
    waiting = page(client)
    assert str(job.pk) in waiting and "being made" in waiting
    answer = client.post(URL, {"territory": commune(), "probabilities": "1"}, follow=True)
    assert "This map is being made already" in answer.content.decode()
    part = made()
    ready = page(client)
    assert f"/predictions/{part.pk}/files/probabilities.tif" in ready and "with probabilities" in ready
    assert f"/predictions/{part.pk}/class/web/" in ready.replace("{z}", "")  # on the page's map
    assert "none was made" in client.get("/campaigns/camp/models/camp-m1/").content.decode()
    answer = client.post(URL, {"territory": commune(), "probabilities": "1"}, follow=True)
    assert "This map is there already" in answer.content.decode()


def test_the_page_is_in_the_readers_language(model: Any) -> None:
    text = page(keeper("fr"), f"?territory={commune()}")
    assert language_of(text) == "fr"
    assert "Cartes à la demande" in text and "Faire cette carte" in text
    assert "Maps on request" not in text and "Make this map" not in text


def test_a_territory_the_imagery_does_not_cover_is_refused_in_words(model: Any) -> None:
    away = Territory.objects.get(code="99999").pk
    assert "The imagery does not cover this territory" in page(keeper(), f"?territory={away}")
    answer = keeper().post(URL, {"territory": str(away)}, follow=True)
    assert "The imagery does not cover this territory" in answer.content.decode()
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("value", ["", "0", "none", "²", "99999999999999999999"])
def test_a_territory_that_is_not_there_is_no_page(model: Any, value: str) -> None:
    assert keeper().post(URL, {"territory": value}).status_code == 404
    if value:
        assert keeper().get(URL, {"territory": value}).status_code == 404


def test_a_map_that_ended_early_says_why_and_is_gone_on_with_when_asked_again(model: Any, monkeypatch: Any) -> None:
    client = keeper()
    client.post(URL, {"territory": "all"})

    def broken(*_given: Any, **_named: Any) -> None:
        raise OSError("No space left on device")

    job = Job.objects.get(kind="predict_on_request")
    with monkeypatch.context() as patch:
        patch.setattr("learning.core.predict.predict_core_rows", broken)
        run_job(str(job.id))
    said = page(client)
    assert "ended early: ask for it again to go on" in said and "No space left on device" in said
    client.post(URL, {"territory": "all"})
    whole = made()
    assert Prediction.objects.count() == 1
    assert "The whole imagery" in page(client, f"?map={whole.pk}")


def test_files_are_for_maintainers_whole_or_in_ranges(model: Any) -> None:
    keeper().post(URL, {"territory": commune()})
    part = made()
    address = f"/predictions/{part.pk}/files/class.tif"
    for other in (Client(), signed_in(person("somebody"))):
        assert other.get(address).status_code == 404
    answer = keeper().get(address)
    content = b"".join(answer)  # type: ignore[arg-type]
    assert content == part.path("class.tif").read_bytes()
    assert answer["Cache-Control"] == "private, no-cache"
    assert answer["Content-Disposition"] == f'attachment; filename="{part.folder}-class.tif"'
    with rasterio.MemoryFile(content) as memory, memory.open(driver="GTiff") as dataset:
        assert dataset.tags()["AREA"] == "Commune 32013 (32013)"
    some = keeper().get(address, headers={"range": "bytes=2-5"})
    assert (some.status_code, b"".join(some)) == (206, content[2:6])  # type: ignore[arg-type]
    for missing in ("probabilities.tif", "scores.tif"):
        assert keeper().get(f"/predictions/{part.pk}/files/{missing}").status_code == 404
    Prediction.objects.update(request_sha256="", area=None, area_name="")  # a model's own map
    assert keeper().get(address).status_code == 404
