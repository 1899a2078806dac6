"""What a release's page says of the ground: as it was when the release was published."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from html_checks import assert_strict
from sample_rows import told_change
from scenes import labelled_scene

from annotation.jobs.registry import run_job
from learning.models import Release
from learning.services.releases import start_release

pytestmark = pytest.mark.django_db(transaction=True)


def published(folder: Path) -> Release:
    scene = labelled_scene(folder, pool_tiles=2)
    told_change(scene.campaign)
    job = start_release(campaign=scene.campaign, actor=None)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return Release.objects.get(pk=job.result["release"])


def test_a_page_tells_change_with_its_interval_and_links_to_the_files(tmp_path: Path) -> None:
    release = published(tmp_path)
    for language, said, flow in (
        ("en", "What changed on the ground", "Ground that is no longer artificialised"),
        ("fr", "Ce qui a changé sur le terrain", "Sol qui n’est plus artificialisé"),
    ):
        answer = Client(headers={"accept-language": language}).get(f"/releases/{release.folder}/")
        assert_strict(answer)
        text = answer.content.decode()
        assert said in text and flow in text
        # Half of 0.5 ha; Jeffreys' limits of 3 in 6 are 0.167 and 0.833.
        assert "0.25" in text or "0,25" in text
        assert f"/releases/{release.folder}/files/change/before/accuracy.json" in text
    file = Client().get(f"/releases/{release.folder}/files/change/before/places.parquet")
    assert file.status_code == 200
