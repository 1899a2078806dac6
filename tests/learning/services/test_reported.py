"""What the published map shows at a reported place, and the release that contains its correction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scenes
from django.core import mail
from learning_rows import model_row, ready_map
from report_rows import accept, draw, point_in, report
from scenes import TWO_CLASSES, labelled_scene, write_geotiff

from annotation.core.places import parse_place
from annotation.jobs.registry import run_job
from annotation.models import Annotation
from annotation.services import report_events
from annotation.services.people import set_role
from annotation.services.queue import claim_next_tile
from annotation.services.report_desk import assign_report
from annotation.services.report_mail import send_waiting_mail
from annotation.services.reports import Contact, Shown
from learning.jobs import releases as job_module
from learning.models import Release
from learning.services.releases import finish_release, start_release
from learning.services.reported import shown_at

BUILT, GRASS = TWO_CLASSES


@pytest.mark.django_db(transaction=True)
def test_the_class_at_a_place_is_read_from_the_map_that_people_see(tmp_path: Path) -> None:
    layer, _truth = scenes.real_layer(tmp_path, size_px=512)
    campaign = scenes.campaign("gers", layer=layer, tile_px=64, first_round=20, seed=5)
    tile = campaign.tickets.filter(kind="initial").select_related("tile__campaign__layer").first().tile
    west, east = (parse_place(point_in(tile, share, 0.5)) for share in (0.25, 0.75))
    assert shown_at(campaign, west) == Shown(), "no map yet"
    model = model_row(campaign, state="promoted")
    prediction = ready_map(model, np.zeros((8, 8), np.float32))
    assert shown_at(campaign, west) == Shown("", model.version), "a map whose file is away says no class"
    classes = np.zeros((1, 512, 512), np.uint8)
    classes[0, :, tile.col * 64 : tile.col * 64 + 32] = 2
    write_geotiff(prediction.path("class_public.tif"), classes)
    assert shown_at(campaign, west) == Shown(GRASS, model.version)
    assert shown_at(campaign, east) == Shown("", model.version), "0 is no class"
    write_geotiff(prediction.path("class.tif"), classes + 1)
    campaign.state = "closed"
    assert shown_at(campaign, east) == Shown(BUILT, model.version), "a closed campaign shows the whole map"
    away = parse_place({"type": "Point", "coordinates": [2.35, 48.85]})
    assert shown_at(campaign, away) == Shown("", model.version)


@pytest.fixture
def corrected(transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A tile accepted, reported, opened again, and corrected by somebody else."""
    monkeypatch.setattr(report_events, "nudge_mail", lambda: None)
    scene = labelled_scene(tmp_path, pool_tiles=3)
    set_role(campaign=scene.campaign, user=scene.maintainer, role="maintainer")
    old = Annotation.objects.filter(tile__campaign=scene.campaign, tile__role="pool").select_related("tile").first()
    assert old is not None
    old.tile.campaign = scene.campaign
    made = report(old.tile, contact=Contact("reader@example.org", "en", "https://map.example.org/"))
    assign_report(report_id=made.public_id, actor=scene.maintainer)
    berta = scenes.person("berta")
    lease = claim_next_tile(campaign=scene.campaign, annotator=berta)
    assert lease is not None and lease.tile_id == old.tile_id
    return {"scene": scene, "old": old, "report": made, "drawn": draw(lease.tile, berta)}


def publish(campaign: Any) -> Release:
    job = start_release(campaign=campaign, actor=None)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return Release.objects.get(pk=job.result["release"])


def test_a_report_is_in_the_release_whose_files_hold_its_correction_and_in_none_before(
    corrected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow.parquet as pq

    scene, made, drawn = corrected["scene"], corrected["report"], corrected["drawn"]

    def accept_late(point: str) -> None:
        if point == "release:before-row":
            accept(drawn, scene.reviewer)  # while the first release, whose files are written, is shown

    with monkeypatch.context() as patch:
        patch.setattr(job_module, "faultpoint", accept_late)
        first = publish(scene.campaign)
    made.refresh_from_db()
    assert (made.state, made.answer, made.release) == ("answered", "fixed", "")
    second = publish(scene.campaign)
    made.refresh_from_db()
    assert (made.state, made.release) == ("released", second.folder)

    def revisions(release: Release) -> set[str]:
        table = pq.read_table(release.path / "annotations" / "annotations.parquet", columns=["revision_id"])
        return set(table.column("revision_id").to_pylist())

    fix, old = str(drawn.head_id), str(corrected["old"].head_id)
    assert old in revisions(first) and fix not in revisions(first)
    assert fix in revisions(second) and old not in revisions(second), "the correction stands in for what it corrects"


def test_showing_a_release_twice_tells_the_reporter_once(corrected: dict[str, Any]) -> None:
    scene, made = corrected["scene"], corrected["report"]
    accept(corrected["drawn"], scene.reviewer)
    release = publish(scene.campaign)
    finish_release(release=release)
    publish(scene.campaign)
    assert send_waiting_mail() == 2
    bodies = [message.body for message in mail.outbox]
    assert f"https://map.example.org/releases/{release.folder}/" in bodies[1] and "releases/" not in bodies[0]
    assert send_waiting_mail() == 0
    assert list(made.events.values_list("kind", flat=True)) == [
        "reported", "queued", "drawing", "fixed", "released",
    ]  # fmt: skip
