"""Agreement between people: figures worked out by hand, who may see them, and the job that counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gold_rows import GREEN, GREY, SIDE, gold_campaign, halves, hand_in, rectangle
from learning_rows import Labelled, labelled_campaign
from scenes import person

from annotation.core.agreement import krippendorff_alpha
from annotation.core.stored_labels import class_index, label_rasters
from annotation.errors import JobAlreadyRunning, NothingToCompare, NotThere
from annotation.jobs.registry import run_job
from annotation.models import Job, Lease, TileAgreement
from annotation.services.agreement import (
    campaign_agreement,
    contested_tiles,
    disagreement_raster,
    start_agreement_count,
    tile_disagreement,
    tiles_to_count,
)
from annotation.services.clock import database_now
from annotation.services.people import set_role

pytestmark = pytest.mark.django_db
QUARTERS = [rectangle(GREY, 0, 0, 48, SIDE), rectangle(GREEN, 48, 0, 16, SIDE)]


def reviewed(**options: Any) -> tuple[Labelled, Any]:
    """A campaign that wants three people a tile, and its reviewer."""
    scene = labelled_campaign(redundancy=3, **options)
    set_role(campaign=scene.campaign, user=scene.reviewer, role="reviewer")
    return scene, scene.reviewer


def counted(scene: Labelled) -> Job:
    job = start_agreement_count(campaign=scene.campaign, actor=scene.reviewer)
    run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def test_two_people_who_differ_on_a_quarter_of_a_tile() -> None:
    scene, reviewer = reviewed()
    tile, ana, bo = scene.pool_tiles()[0], person("ana"), person("bo")
    hand_in(tile, ana, halves())
    hand_in(tile, bo, QUARTERS)
    assert counted(scene).result == {"tiles": 1}
    found = campaign_agreement(campaign=scene.campaign, actor=reviewer)
    px = SIDE * SIDE
    assert (found.n_tiles, found.compared_px, found.differing) == (1, px, 0.25)
    # Grey: both on a half, one or the other on three quarters; green: a quarter of a half.
    assert found.iou == {GREY: pytest.approx(2 / 3), GREEN: pytest.approx(0.5)}
    assert found.pairs == {GREY: {GREY: px, GREEN: px // 4}, GREEN: {GREY: px // 4, GREEN: px // 2}}
    assert [(one.annotator_id, one.share) for one in found.people] == [(ana.pk, 0.75), (bo.pk, 0.75)]
    values = class_index([GREY, GREEN])
    assert found.alpha == pytest.approx(
        krippendorff_alpha(label_rasters([halves(), QUARTERS], tile_px=SIDE, values=values))
    )


def test_a_campaigns_alpha_is_that_of_all_its_pixels_together() -> None:
    scene, reviewer = reviewed()
    first, second = scene.pool_tiles()[:2]
    ana, bo = person("ana"), person("bo")
    for tile, answers in ((first, (halves(), QUARTERS)), (second, (halves(GREEN, GREY), halves(GREEN, GREEN)))):
        for someone, features in zip((ana, bo), answers, strict=True):
            hand_in(tile, someone, features)
    counted(scene)
    values = class_index([GREY, GREEN])
    together = [
        label_rasters(lists, tile_px=SIDE, values=values)
        for lists in ((halves(), halves(GREEN, GREY)), (QUARTERS, halves(GREEN, GREEN)))
    ]
    expected = krippendorff_alpha([np.concatenate(of_person) for of_person in together])
    assert campaign_agreement(campaign=scene.campaign, actor=reviewer).alpha == pytest.approx(expected)


def test_tiles_of_one_person_drafts_and_gold_tiles_are_not_compared() -> None:
    scene, _maintainer, [gold] = gold_campaign(redundancy=3)
    hand_in(gold.tile, person("ana"), halves())
    hand_in(scene.pool_tiles()[1], person("bo"), halves())
    assert tiles_to_count(scene.campaign) == []


def test_counting_again_counts_only_what_has_changed() -> None:
    scene, _reviewer = reviewed()
    tile = scene.pool_tiles()[0]
    hand_in(tile, person("ana"), halves())
    hand_in(tile, person("bo"), QUARTERS)
    assert counted(scene).result == {"tiles": 1}
    assert counted(scene).result == {"tiles": 0}
    hand_in(tile, person("cleo"), halves())
    assert counted(scene).result == {"tiles": 1}
    assert TileAgreement.objects.get().n_people == 3


def test_only_reviewers_see_agreement_and_two_counts_at_once_are_one() -> None:
    scene, reviewer = reviewed()
    ana = person("ana")
    for ask in (campaign_agreement, contested_tiles, disagreement_raster, start_agreement_count):
        with pytest.raises(NotThere):
            ask(campaign=scene.campaign, actor=ana)
    start_agreement_count(campaign=scene.campaign, actor=reviewer)
    with pytest.raises(JobAlreadyRunning):
        start_agreement_count(campaign=scene.campaign, actor=reviewer)


def test_the_map_has_a_pixel_a_tile_and_the_tile_a_pixel_a_pixel() -> None:
    scene, reviewer = reviewed()
    tile, other = scene.pool_tiles()[:2]
    hand_in(tile, person("ana"), halves())
    hand_in(tile, person("bo"), QUARTERS)
    hand_in(other, person("cleo"), halves())
    counted(scene)
    raster = disagreement_raster(campaign=scene.campaign, actor=reviewer)
    assert raster.shape == (16, 16)
    assert raster[tile.row, tile.col] == 1 + round(254 * 0.25)
    assert (raster > 0).sum() == 1
    seen = tile_disagreement(tile=tile, actor=reviewer)
    assert (seen[:, 32:48] == 2).all() and (seen[:, :32] == 1).all() and (seen[:, 48:] == 1).all()
    with pytest.raises(NothingToCompare, match=r"1 person\(s\)"):
        tile_disagreement(tile=other, actor=reviewer)


def test_a_reviewer_who_draws_a_tile_does_not_see_what_others_made_of_it() -> None:
    scene, reviewer = reviewed()
    tile = scene.pool_tiles()[0]
    hand_in(tile, person("ana"), halves())
    hand_in(tile, person("bo"), QUARTERS)
    counted(scene)
    now = database_now()
    Lease.objects.create(tile=tile, annotator=reviewer, granted_at=now, expires_at=now)
    with pytest.raises(NotThere):
        tile_disagreement(tile=tile, actor=reviewer)
    assert not contested_tiles(campaign=scene.campaign, actor=reviewer).exists()
    with pytest.raises(NotThere):
        tile_disagreement(tile=tile, actor=person("dora"))
