"""Published weights over the API: who may send them, what is refused before it is read, and what is queued."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from learning_rows import UNJUDGED, imported_row, labelled_campaign, model_row, ready_map, with_weights
from safetensors.numpy import save
from scenes import TWO_CLASSES

from annotation.models import Job
from annotation.services.people import set_role
from learning.core.weights_source import shipped_source

pytestmark = pytest.mark.django_db
FILE = save({"segmentation_head.0.weight": np.zeros((19, 16, 3, 3), np.float32)})


@pytest.fixture
def scene(settings: Any, tmp_path: Path) -> Any:
    settings.UPLOADS_DIR = tmp_path / "uploads"
    call_command("load_nomenclatures", verbosity=0, stdout=io.StringIO())
    scene = labelled_campaign(pool=2)
    set_role(campaign=scene.campaign, user=scene.reviewer, role="maintainer")
    return scene


def send(client: Any, who: Any, body: bytes = FILE, **values: Any) -> Any:
    client.force_authenticate(who)
    query = "&".join(f"{name}={value}" for name, value in {"variant": "rgbi_15cl", **values}.items())
    return client.post(f"/api/v1/campaigns/camp/models/import/?{query}", body, content_type="application/octet-stream")


def uploads(settings: Any) -> list[Path]:
    return sorted(Path(settings.UPLOADS_DIR).glob("*"))


def test_a_maintainer_sends_a_file_which_a_worker_then_reads(scene: Any, api_client: Any, settings: Any) -> None:
    answer = send(api_client, scene.reviewer, file_name="own.safetensors", seen_here="false", publish_unjudged="true",
                  reason="a start")  # fmt: skip
    assert answer.status_code == 202, answer.content
    job = Job.objects.get(pk=answer.json()["job"]["id"])
    assert (job.kind, job.owner, job.key) == ("import_model", scene.reviewer, "camp")
    [path] = uploads(settings)
    assert path.read_bytes() == FILE and job.payload["path"] == str(path) and job.payload["uploaded"] is True
    assert job.payload["origin"]["seen_here"] is False and job.payload["file_name"] == "own.safetensors"
    assert job.payload["recipe"]["counterparts"]["building"] == "CS1.1.1.1"
    # A second one waits for the first: its file is not kept.
    again = send(api_client, scene.reviewer)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "job_already_running")
    assert uploads(settings) == [path]


@pytest.mark.parametrize(
    ("values", "body", "status", "code"),
    [
        ({"variant": "swir"}, FILE, 422, "unusable_weights"),
        ({"variant": "rgbie_15cl"}, FILE, 422, "unusable_weights"),
        ({"bands": "R,G"}, FILE, 422, "unusable_weights"),
        ({"source": "elsewhere"}, FILE, 422, "unusable_weights"),
        ({"publish_unjudged": "true"}, FILE, 409, "cannot_publish_unjudged"),
        ({"variant": ""}, FILE, 400, "invalid"),
        ({}, FILE[:-1], 422, "unusable_weights"),
        ({}, b"PK\x03\x04 a torch archive", 422, "unusable_weights"),
        ({}, b"", 422, "unusable_weights"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_kept(
    scene: Any, api_client: Any, settings: Any, values: dict[str, str], body: bytes, status: int, code: str
) -> None:
    answer = send(api_client, scene.reviewer, body, **values)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.content
    assert not uploads(settings) and not Job.objects.filter(kind="import_model").exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(scene: Any, api_client: Any, settings: Any) -> None:
    settings.MODEL_UPLOAD_MAX_BYTES = len(FILE) - 1
    answer = send(api_client, scene.reviewer)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "upload_too_large")
    assert not uploads(settings)


def test_another_kind_of_body_is_not_read(scene: Any, api_client: Any) -> None:
    api_client.force_authenticate(scene.reviewer)
    answer = api_client.post("/api/v1/campaigns/camp/models/import/?variant=rgbi_15cl", {"a": 1}, format="json")
    assert answer.status_code == 415


def test_somebody_who_does_not_maintain_the_campaign_is_told_of_none(scene: Any, api_client: Any) -> None:
    assert send(api_client, scene.author).status_code == 404


def test_an_imported_model_is_published_with_a_reason_and_judged_on_request(scene: Any, api_client: Any) -> None:
    with_weights(imported_row(scene.campaign, state="held"))
    api_client.force_authenticate(scene.author)
    url = "/api/v1/campaigns/camp/models/1/"
    assert api_client.post(f"{url}publish/", {"unjudged_reason": "a start"}, format="json").status_code == 404
    api_client.force_authenticate(scene.reviewer)
    assert api_client.post(f"{url}publish/", {}, format="json").json()["error"]["code"] == "cannot_publish"
    answer = api_client.post(f"{url}publish/", {"unjudged_reason": "a start"}, format="json")
    assert answer.status_code == 200 and answer.json()["state"] == "promoted" and answer.json()["judged"] is False
    again = api_client.post(f"{url}publish/", {"unjudged_reason": "a start"}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "cannot_publish_unjudged")
    assert api_client.post(f"{url}judge/", {}, format="json").status_code == 202


def test_the_list_of_models_says_where_one_comes_from_and_that_it_is_not_judged(scene: Any, api_client: Any) -> None:
    imported_row(scene.campaign, state="promoted")
    model_row(scene.campaign, number=2, state="rejected")
    trained, imported = api_client.get("/api/v1/campaigns/camp/models/").json()
    assert trained["judged"] is True and trained["origin"] is None and trained["training_tiles"] == 8
    assert imported["judged"] is False and imported["training_set"] is None and imported["training_tiles"] == 0
    assert (
        imported["origin"]["licence"] == "etalab-2.0" and imported["origin"]["attribution"] == "FLAIR-INC weights, IGN"
    )
    assert imported["gate"]["reason"].endswith("a start")


def test_one_imported_model_says_what_became_of_each_class_and_has_no_training(scene: Any, api_client: Any) -> None:
    imported_row(scene.campaign, state="promoted")
    answer = api_client.get("/api/v1/campaigns/camp/models/1/")
    assert answer.status_code == 200
    body = answer.json()
    assert body["training"] is None and body["figures"] is None and body["judged"] is False
    origin = body["origin"]
    assert origin["rows"] == {code: [code] for code in TWO_CLASSES} and origin["left_out"] == {}
    assert (origin["file_name"], origin["source_sha256"]) == ("w.safetensors", "7" * 64)
    assert origin["class_codes"] == list(TWO_CLASSES) and "imported_by" not in origin


# --- pages --------------------------------------------------------------------------------------------------


def page(client: Any, who: Any, language: str = "en") -> str:
    client.force_login(who)
    answer = client.get("/campaigns/camp/import-model/", headers={"accept-language": language})
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_page_says_what_each_file_would_make_and_what_was_imported(scene: Any, client: Any) -> None:
    unjudged = {"why": "a start", "by": scene.reviewer.pk, "at": None}
    imported_row(scene.campaign, state="promoted", gate={**UNJUDGED, "published_unjudged": unjudged})
    shown = page(client, scene.reviewer)
    assert "herbaceous_vegetation + agricultural_land + plowed_land" in shown
    assert "not judged yet" in shown and "a start" in shown and "FLAIR-INC weights, IGN" in shown
    assert f"{scene.reviewer.username} published it before it could be judged" in shown
    assert "the imagery has no band named nDSM" in shown
    client.force_login(scene.author)
    assert client.get("/campaigns/camp/import-model/").status_code == 404


def test_the_page_reads_a_sources_mapping_once_however_many_files_it_describes(scene: Any, client: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        text = page(client, scene.reviewer)
    files = shipped_source("flair_inc").variants
    assert len(files) > 2 and all(f"<summary><code>{file.code}</code>" in text for file in files)
    assert sum("mapping" in query["sql"].partition(" FROM ")[2] for query in queries) == 2, "it, and its entries"


def test_the_page_speaks_french(scene: Any, client: Any) -> None:
    shown = page(client, scene.reviewer, "fr")
    assert "Partir de poids publiés" in shown and "dont le Gers (2019)" in shown


def test_the_page_publishes_a_model_with_a_reason_or_has_it_judged(scene: Any, client: Any) -> None:
    model = with_weights(imported_row(scene.campaign, state="held"))
    client.force_login(scene.reviewer)
    address = "/campaigns/camp/import-model/"
    assert "No control tile has accepted labels" in client.get(address).content.decode()
    said = client.post(address, {"model": "1", "do": "publish", "reason": ""}, follow=True).content.decode()
    assert "needs a reason" in said
    assert client.post(address, {"model": "1", "do": "publish", "reason": "a start"}).status_code == 302
    model.refresh_from_db()
    assert model.is_published_unjudged
    assert client.post(address, {"model": "1", "do": "judge"}).status_code == 302
    assert Job.objects.get(kind="judge").payload["model"] == model.pk
    assert client.post(address, {"model": "7"}).status_code == 404
    shown = client.get("/campaigns/camp/retraining/").content.decode()
    assert "not judged yet" in shown and "IGNF/FLAIR-INC_rgbi_15cl_resnet34-unet" in shown


def test_an_imported_map_is_shown_like_any_other(scene: Any, client: Any) -> None:
    model = imported_row(scene.campaign, state="promoted")
    ready = ready_map(model, np.zeros((16, 16), np.float32))
    assert set(ready.class_px) == set(model.origin.class_codes)
    assert client.get("/campaigns/camp/").status_code == 200
    client.force_login(scene.reviewer)
    dashboard = client.get("/campaigns/camp/dashboard/")
    assert dashboard.status_code == 200 and "not judged yet" in dashboard.content.decode()
