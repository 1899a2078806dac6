"""What a release holds is fixed once: people go on, and a second try still makes the same release."""

from __future__ import annotations

import json
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.gis.geos import MultiPolygon
from django.db import IntegrityError, OperationalError, connection, transaction
from learning_rows import labelled_campaign, without_licence
from queue_rows import pool_places
from scenes import LabelledScene, accepted, labelled_scene, truth_features

from annotation.jobs.registry import run_job
from annotation.models import AnnotationRevision, Campaign, ImageryLayer, MosaicPiece, NomenclatureClass
from annotation.services.tiles import materialise_tiles
from learning.errors import NothingToPublish, ReleaseInputGone
from learning.jobs import releases as job_module
from learning.jobs.releases import staged_release
from learning.models import Release, ReleasedLabel
from learning.release.contents import LeftOut
from learning.release.manifest import verify
from learning.services import release_freeze
from learning.services.release_freeze import freeze_labels, freeze_release, frozen_inputs
from learning.services.releases import start_release

pytestmark = pytest.mark.django_db(transaction=True)


def begun(campaign: Any, **options: Any) -> Release:
    """A release that was asked for and whose job has just frozen it."""
    start_release(campaign=campaign, actor=None, **options)
    return freeze_release(release=campaign.releases.get(state="staging"))


def written(release: Release, folder: Path) -> dict[str, bytes]:
    """Every file that the release is made of, written anew."""
    staging = folder / "again.staging"
    staged_release(
        Release.objects.get(pk=release.pk), staging=staging, work=folder / "work.staging", progress=lambda _share: None
    )
    return {path.relative_to(staging).as_posix(): path.read_bytes() for path in staging.rglob("*") if path.is_file()}


def people_go_on(scene: LabelledScene) -> None:
    """Labels, names and classes change after a release was frozen."""
    drawn = set(scene.campaign.tiles.filter(annotations__isnull=False).values_list("pk", flat=True))
    more = scene.campaign.tiles.filter(role="pool").exclude(pk__in=drawn).select_related("campaign").first()
    accepted(scene.campaign, more, scene.annotators[0], scene.reviewer, truth_features(scene.truth, more))
    held = scene.campaign.tiles.filter(role="pool", pk__in=drawn).first().annotations.get()
    held.state = "reverted"
    held.save(update_fields=["state"])
    Campaign.objects.update(title="Another title", description="Another text")
    ImageryLayer.objects.update(title="Another layer", attribution="Another owner")
    NomenclatureClass.objects.filter(code="CS1.1.1.1").update(name={"fr": "Autre", "en": "Other"}, colour="#010203")
    Release.objects.filter(campaign=scene.campaign).update(title="Another title", notes="Other notes")


def test_a_second_try_makes_the_same_files_though_people_went_on(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=3)
    release = begun(scene.campaign, notes="First labels.")
    first = written(release, tmp_path)
    materialise_tiles(campaign=scene.campaign, places=pool_places(scene.campaign, 6))
    people_go_on(scene)
    assert written(release, tmp_path) == first
    assert b"Another" not in first["README.md"] and len(first) > 10


def test_a_job_that_goes_on_after_a_fault_publishes_what_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=3)

    def fall(point: str) -> None:
        if point == "release:dataset":
            monkeypatch.setattr(job_module, "faultpoint", job_module.no_fault)
            raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(job_module, "faultpoint", fall)
    job = start_release(campaign=scene.campaign, actor=None)
    run_job(str(job.id))
    began_with = list(ReleasedLabel.objects.order_by("pk").values_list("revision_id", flat=True))
    held = scene.campaign.tiles.filter(role="pool").order_by("pk")[0].annotations.get()
    held.state = "reverted"
    held.save(update_fields=["state"])
    run_job(str(job.id))
    release = Release.objects.public().get()
    assert release.summary["counts"]["annotations"] == len(began_with) == scene.campaign.holdout.n_tiles + 3
    assert list(release.labels.order_by("pk").values_list("revision_id", flat=True)) == began_with
    assert not verify(release.path).faults


def test_all_of_it_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = labelled_campaign(pool=2)
    really = release_freeze.nomenclature_info

    def renamed_meanwhile(campaign: Any) -> Any:
        def rename() -> None:
            NomenclatureClass.objects.filter(code="CS1.1.1.1").update(name={"fr": "Autre", "en": "Other"})
            connection.close()

        someone = threading.Thread(target=rename)
        someone.start()
        someone.join()
        return really(campaign)

    monkeypatch.setattr(release_freeze, "nomenclature_info", renamed_meanwhile)
    release = begun(scene.campaign)
    [frozen] = [item for item in frozen_inputs(release).nomenclature.classes if item.code == "CS1.1.1.1"]
    assert frozen.name["en"] == "Built-up areas"
    assert NomenclatureClass.objects.get(code="CS1.1.1.1").name["en"] == "Other"


def relicensed(annotation: Any, licence: str, *, author: Any = None) -> None:
    """The accepted annotation with a last revision given under another licence, perhaps by somebody else."""
    head = annotation.head
    annotation.head = AnnotationRevision.objects.create(
        annotation=annotation, number=head.number + 1, parent=head, author=author or head.author,
        features=head.features, sha256=head.sha256, licence=licence,
    )  # fmt: skip
    annotation.save(update_fields=["head"])


def test_labels_without_a_licence_that_the_release_may_carry_are_left_out_and_counted() -> None:
    scene = labelled_campaign(pool=6)
    plain, freer, unlicensed, share_alike, corrected, corrected_from_none = [
        tile.annotations.get() for tile in scene.pool_tiles()[:6]
    ]
    relicensed(freer, "CC0-1.0")
    without_licence(unlicensed)
    relicensed(share_alike, "CC-BY-SA-4.0")
    relicensed(corrected, "etalab-2.0", author=scene.reviewer)
    without_licence(corrected_from_none)
    relicensed(corrected_from_none, "etalab-2.0", author=scene.reviewer)
    release = begun(scene.campaign)
    kept = {plain.pk, freer.pk, corrected.pk}
    assert set(release.labels.values_list("annotation_id", flat=True)) == kept
    assert set(release.labels.values_list("licence", flat=True)) == {"etalab-2.0", "CC0-1.0"}
    frozen = frozen_inputs(release)
    assert frozen.labels == 3
    assert frozen.left_out == LeftOut(by_licence={"": 1, "CC-BY-SA-4.0": 1}, built_on_others=1)


def test_what_is_left_out_is_told_in_the_release_and_on_its_row(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    without_licence(scene.campaign.tiles.filter(role="pool").order_by("pk")[0].annotations.get())
    job = start_release(campaign=scene.campaign, actor=None)
    run_job(str(job.id))
    release = Release.objects.public().get()
    told = json.loads((release.path / "release.json").read_text())["left_out"]
    assert told == {"annotations_by_licence": {"": 1}, "annotations_that_go_on_from_unlicensed_work": 0}
    assert release.summary["left_out"] == 1
    readme = (release.path / "README.md").read_text()
    assert "1 accepted annotation(s) are not published" in readme and "1 annotation(s) acceptée(s)" in readme


def test_a_release_of_which_every_label_is_left_out_fails_with_their_number() -> None:
    scene = labelled_campaign(pool=1)
    relicensed(scene.pool_tiles()[0].annotations.get(), "CC-BY-SA-4.0")
    with pytest.raises(NothingToPublish, match="1 are left out for their licence"):
        start_release(campaign=scene.campaign, actor=None)
    job = start_release(campaign=scene.campaign, actor=None, version="0.1.0")
    run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "failed" and "under etalab-2.0 may carry; 1 were left out for their licence" in job.error
    assert Release.objects.get().state == "failed" and not ReleasedLabel.objects.exists()
    with pytest.raises(NothingToPublish):
        begun(scene.campaign)


def test_the_database_refuses_to_change_what_was_frozen() -> None:
    release = begun(labelled_campaign(pool=1).campaign)
    with pytest.raises(IntegrityError, match="released_label_is_final"), transaction.atomic():
        release.labels.update(licence="CC0-1.0")
    with pytest.raises(IntegrityError, match="release_is_frozen"), transaction.atomic():
        Release.objects.update(frozen={})
    before = release.frozen
    assert freeze_release(release=release).frozen == before
    with pytest.raises(IntegrityError, match="released_label_once_a_release"), transaction.atomic():
        freeze_labels(release=release)


def test_the_rows_say_where_and_when_of_the_whole_tile() -> None:
    scene = labelled_campaign(pool=1, holdout=1)
    release = begun(scene.campaign)
    tile = scene.pool_tiles()[0]
    annotation = tile.annotations.get()
    row = release.labels.get(tile=tile)
    assert (row.tile_row, row.tile_col, row.part, row.role) == (tile.row, tile.col, 0, "pool")
    assert (row.revision_id, row.decided_at) == (annotation.head_id, annotation.decided_at)
    assert row.reviewed_on == annotation.decided_at.date()
    assert release.labels.get(role="holdout").tile == scene.holdout_tiles()[0]


def test_the_day_of_a_place_is_that_of_the_graph_when_it_was_frozen() -> None:
    scene = labelled_campaign(pool=2)
    layer, tile = scene.campaign.layer, scene.pool_tiles()[0]
    ImageryLayer.objects.update(dated_by_ground=True, acquired_on=date(2022, 1, 1))
    piece = MosaicPiece.objects.create(
        layer=layer, acquired_on=date(2022, 7, 14), footprint=MultiPolygon(tile.footprint)
    )
    release = begun(scene.campaign)
    MosaicPiece.objects.filter(pk=piece.pk).delete()
    days = dict(release.labels.values_list("tile_id", "image_date"))
    assert days == {tile.pk: date(2022, 7, 14), scene.pool_tiles()[1].pk: date(2022, 1, 1)}


def test_imagery_that_was_replaced_since_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = begun(scene.campaign)
    layer = ImageryLayer.objects.get()
    layer.files = {**layer.files, "analysis.tif": "0" * 64}
    layer.version = 2
    layer.save(update_fields=["files", "version"])
    with pytest.raises(ReleaseInputGone, match=r"is at version 2; scene-0\.1\.0 was made of version 1"):
        written(release, tmp_path)
    assert not (tmp_path / "again.staging").exists()


def test_imagery_of_the_version_before_is_read_where_it_is_kept(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    release = begun(scene.campaign)
    first = written(release, tmp_path)
    layer = ImageryLayer.objects.get()
    layer.files = {**layer.files, "analysis.tif": "0" * 64}
    layer.earlier_folder, layer.folder = layer.folder, "newer"
    layer.save(update_fields=["files", "folder", "earlier_folder"])
    assert not (Path(settings.IMAGERY_DIR) / "newer").exists()
    assert written(release, tmp_path) == first
