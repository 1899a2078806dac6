"""A correction of an earlier vintage is in the releases made after it, as it stood, and each says so."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from change_rows import GREEN, GREY, TwoDates, answer, claimed, labelled, two_dates
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client
from scenes import LabelledScene, accepted, labelled_scene, person, square, virtual_layer

from annotation.jobs.registry import run_job
from annotation.models import Campaign, ChangeCell, Contributor, ImageryLayer, Patch, VintagePair
from annotation.services.change_answers import Given
from annotation.services.change_outcomes import review_change_cell
from annotation.services.class_changes import apply_change, plan_change
from annotation.services.gold import mark_gold
from annotation.services.reverts import revert_user
from learning.jobs.releases import staged_release
from learning.models import Release, ReleasedPatch
from learning.services.release_freeze import freeze_release, frozen_inputs
from learning.services.released_patches import patch_records, patches_to_release
from learning.services.releases import start_release

pytestmark = pytest.mark.django_db(transaction=True)


def compared(scene: LabelledScene) -> TwoDates:
    """The scene's campaign, its ground compared with an older vintage of it."""
    older = virtual_layer("older", width=scene.layer.width, height=scene.layer.height)
    ImageryLayer.objects.filter(pk=older.pk).update(vintage=scene.layer.vintage - 3)
    pair = VintagePair.objects.create(first=older, second=scene.layer)
    tiles = [ticket.tile for ticket in scene.campaign.tickets.filter(kind="initial").select_related("tile")]
    return TwoDates(older, scene.layer, pair, scene.campaign, tiles)


def patched(dates: TwoDates, *, who: str = "ana") -> Patch:
    """One place where somebody, and then a reviewer, says that the earlier vintage was labelled wrongly."""
    ana, judge = person(who), person("judge", is_superuser=True)
    dates.open([dates.cell(dates.tiles[0], GREY, GREEN)])
    [ticket] = claimed(dates, ana)
    cell = ChangeCell.objects.get()
    answer(ticket, ana, Given(cell.pk, "first_wrong"))
    if not Patch.objects.exists():
        review_change_cell(cell=cell, reviewer=judge, verdict="first_wrong", first_code=GREEN)
    return Patch.objects.get()


def begun(campaign: Campaign) -> Release:
    start_release(campaign=campaign, actor=None)
    return freeze_release(release=campaign.releases.get(state="staging"))


def published(campaign: Campaign) -> Release:
    job = start_release(campaign=campaign, actor=None)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return Release.objects.get(pk=job.result["release"])


def written(release: Release, folder: Path) -> dict[str, bytes]:
    staging = folder / "again.staging"
    staged_release(
        Release.objects.get(pk=release.pk), staging=staging, work=folder / "work.staging", progress=lambda _share: None
    )
    return {path.relative_to(staging).as_posix(): path.read_bytes() for path in staging.rglob("*") if path.is_file()}


def test_a_release_of_either_vintage_holds_what_was_wrong_of_the_earlier_one() -> None:
    dates = two_dates()
    first_label = labelled(dates.first, dates.tiles[0], [square(GREY, 0, 0, 64)], name="old")
    labelled_now = claimed(dates, person("ana"))
    assert labelled_now == []
    patch = patched(dates, who="bo")
    earlier = begun(Campaign.objects.get(pk=first_label.tile.campaign_id))
    [record] = patch_records(earlier)
    assert (record.patch_id, record.layer, record.vintage, record.compared_with) == (
        patch.pk, dates.first.slug, 2019, dates.second.vintage,
    )  # fmt: skip
    assert (record.wrong_code, record.right_code, record.campaign) == (GREY, GREEN, dates.campaign.slug)
    assert record.contributors == (Contributor.objects.get(user__username="bo").public_id,)
    later = begun(dates.campaign)
    assert patch_records(later) == (record,)


def test_what_was_frozen_is_written_again_after_its_author_s_work_was_set_aside(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    patch = patched(compared(scene))
    release = begun(scene.campaign)
    before = written(release, tmp_path)
    revert_user(account=patch.cell.answers.get().annotator, actor=None, reason="answers without looking")
    assert written(release, tmp_path) == before
    assert {"patches/patches.parquet", "patches/patches.gpkg"} <= set(before)
    assert json.loads(before["release.json"])["counts"]["patches"] == 1
    assert "`patches/`: 1 place(s)" in before["README.md"].decode()
    with pytest.raises(IntegrityError, match="released_patch_is_final"), transaction.atomic():
        ReleasedPatch.objects.update(right_code="other")


def test_a_withdrawn_patch_is_in_no_later_release(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    dates = compared(scene)
    Patch.objects.filter(pk=patched(dates).pk).update(withdrawn_at="2026-11-01T00:00:00Z")
    release = begun(scene.campaign)
    assert patch_records(release) == ()
    assert not any(name.startswith("patches/") for name in written(release, tmp_path))


def test_ground_that_is_gold_keeps_its_answer_to_itself(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    patch = patched(compared(scene))
    tile = patch.cell.tile
    label = accepted(scene.campaign, tile, person("sure"), scene.reviewer, [square(GREEN, 0, 0, 64)])
    mark_gold(campaign=scene.campaign, annotation_id=label.pk, actor=scene.maintainer)
    assert list(patches_to_release(scene.campaign)) == []


def test_a_patch_that_rests_on_an_answer_under_another_licence_is_left_out(tmp_path: Path, settings: Any) -> None:
    scene = labelled_scene(tmp_path)
    dates, kept = compared(scene), settings.CONTRIBUTION_LICENCE
    ana, judge = person("ana"), person("judge", is_superuser=True)
    dates.open([dates.cell(dates.tiles[0], GREY, GREEN)])
    [ticket] = claimed(dates, ana)
    settings.CONTRIBUTION_LICENCE = "CC-BY-SA-4.0"
    answer(ticket, ana, Given(ChangeCell.objects.get().pk, "first_wrong"))
    settings.CONTRIBUTION_LICENCE = kept
    review_change_cell(cell=ChangeCell.objects.get(), reviewer=judge, verdict="first_wrong", first_code=GREEN)
    assert Patch.objects.get().licence == kept
    release = begun(scene.campaign)
    assert (patch_records(release), frozen_inputs(release).left_out.patches) == ((), 1)


def test_a_patch_between_classes_that_were_merged_corrects_nothing_any_more(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    patched(compared(scene))
    merged = {"code": "either", "name": {"fr": "L'un ou l'autre", "en": "Either"}, "colour": "#123456"}
    plan = [{"kind": "merge", "codes": [GREY, GREEN], "into": merged}]
    planned = plan_change(campaign=scene.campaign, plan=plan, actor=scene.maintainer, reason="one")
    apply_change(change_id=planned.pk, actor=scene.maintainer)
    assert patch_records(begun(Campaign.objects.get(pk=scene.campaign.pk))) == ()


def test_a_patch_that_may_not_be_given_on_is_counted_and_left_out(tmp_path: Path, settings: Any) -> None:
    scene = labelled_scene(tmp_path)
    settings.CONTRIBUTION_LICENCE, kept = "CC-BY-SA-4.0", settings.CONTRIBUTION_LICENCE
    patched(compared(scene))
    settings.CONTRIBUTION_LICENCE = kept
    release = begun(scene.campaign)
    assert (patch_records(release), frozen_inputs(release).left_out.patches) == ((), 1)
    assert "1 correction(s) are not published" in written(release, tmp_path)["README.md"].decode()


def test_the_release_its_trace_and_the_page_of_patches_say_where_a_patch_was_first_published(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path)
    patch = patched(compared(scene))
    page = f"/campaigns/{scene.campaign.slug}/patches/"
    assert "not released yet" in Client().get(page).content.decode()
    first, second = published(scene.campaign), published(scene.campaign)
    [row] = pq.read_table(first.path / "patches/patches.parquet").to_pylist()
    assert (row["patch_id"], row["wrong_code"], row["right_code"]) == (patch.pk, GREY, GREEN)
    shown = Client().get(page).content.decode()
    assert f">{first.folder}</a>" in shown
    assert "and 1 more" in shown
    listed = Client().get(f"/api/v1/campaigns/{scene.campaign.slug}/patches.geojson").json()
    assert listed["features"][0]["properties"]["released_in"] == [first.folder, second.folder]
    out = StringIO()
    call_command("trace", f"{first.folder}/patches/patches.gpkg", "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert (found["patches"], found["labels"], found["model"]) == ([patch.pk], [], None)
    item = json.loads((first.path / f"stac/annotations/{scene.campaign.slug}-annotations.json").read_text())
    assert item["assets"]["patches-gpkg"]["href"] == "../../patches/patches.gpkg"
    assert replace(frozen_inputs(first).left_out, patches=0) == frozen_inputs(first).left_out
