"""What is read of the labels for a release: as they were saved, as of one moment, the same however many read."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import shapely
from django.db import connection
from learning_rows import labelled_campaign
from queue_rows import pool_places
from scenes import TWO_CLASSES, accepted, person, square

from annotation.core.features import PROVENANCES
from annotation.core.tile_geometry import to_crs
from annotation.models import AnnotatedFeature, AnnotationRevision, Lease, TileAgreement
from annotation.services.annotations import save_annotation, submit_annotation
from annotation.services.clock import database_now
from annotation.services.reviews import record_review, save_correction
from annotation.services.tiles import materialise_tiles
from learning.models import Release
from learning.release import vectors
from learning.release.annotation_rows import ROWS, RowRules
from learning.release.errors import InvalidContents
from learning.services import annotation_export
from learning.services.annotation_export import annotation_batches
from learning.services.annotation_history import released_history
from learning.services.release_contents import public_ids, released_labels
from learning.services.release_freeze import freeze_labels, freeze_release, frozen_inputs
from learning.services.releases import start_release

GREY, GREEN = TWO_CLASSES


def frozen_release(campaign: Any) -> Release:
    start_release(campaign=campaign, actor=None)
    return freeze_release(release=campaign.releases.get())


def read(release: Release, *, readers: int = 1) -> pa.Table:
    labels = released_labels(release)
    batches = annotation_batches(labels, contributors=public_ids(labels), readers=readers)
    return pa.Table.from_batches(batches, schema=ROWS)


def with_hole(name: str, provenance: str) -> dict[str, Any]:
    shape = square(GREEN, 30, 2, 20, name)
    shape["rings"].append([[8 * x, 8 * y] for x, y in ((35, 7), (40, 7), (37, 12))])
    return shape | {"provenance": provenance}


@pytest.mark.django_db(transaction=True)
def test_polygons_of_every_provenance_lie_where_their_labels_were_drawn() -> None:
    scene = labelled_campaign(pool=1)
    reviewer, place = person("reads"), pool_places(scene.campaign, 40)[-1]
    tile = materialise_tiles(campaign=scene.campaign, places=[place])[place]
    drawn = [
        square(GREY, 2, 7 * at, 5, f"{kind}-1") | {"provenance": kind} for at, kind in enumerate(sorted(PROVENANCES))
    ]
    drawn = [*drawn, with_hole("B", "drawn"), square(GREY, 20, 50, 4, "a")]
    label = accepted(scene.campaign, tile, scene.author, reviewer, drawn)
    release = frozen_release(scene.campaign)
    rows = [row for row in read(release).to_pylist() if row["annotation_id"] == str(label.pk)]
    assert [row["feature_id"] for row in rows] == sorted(one["id"] for one in drawn), "by code point: B before a"
    by_id = {one["id"]: one for one in label.head.features}
    for row in rows:
        saved = by_id[row["feature_id"]]
        there = to_crs(
            tuple(tuple((x, y) for x, y in ring) for ring in saved["rings"]),
            grid=tile.grid, row=tile.row, col=tile.col,
        )  # fmt: skip
        found = shapely.from_wkb(row["geometry"])
        assert found.normalize() == there.normalize(), "to the bit"
        assert (row["provenance"], row["class_code"]) == (saved["provenance"], saved["class_code"])
    assert {row["provenance"] for row in rows} == PROVENANCES
    assert len(shapely.from_wkb(rows[0]["geometry"]).interiors) == 1


@pytest.mark.django_db(transaction=True)
def test_more_labels_than_the_database_puts_into_a_row_keep_their_own_polygons() -> None:
    scene = labelled_campaign(pool=18)
    release = frozen_release(scene.campaign)
    table = read(release, readers=2)
    in_order = [str(label.revision_id) for label in released_labels(release)]
    assert len(in_order) == 18
    rows = list(zip(*(table[name].to_pylist() for name in ("revision_id", "feature_id", "class_code")), strict=True))
    stored = AnnotatedFeature.objects.filter(revision__in=in_order).order_by("feature_id")
    wanted = [(str(one.revision_id), one.feature_id, one.class_code) for one in stored]
    assert rows == sorted(wanted, key=lambda row: in_order.index(row[0]))
    shapes = {(str(one.revision_id), one.feature_id): one.geometry.wkt for one in stored}
    for revision, feature, shape in zip(
        *(table[name].to_pylist() for name in ("revision_id", "feature_id", "geometry")), strict=True
    ):
        assert shapely.from_wkb(shape).equals(shapely.from_wkt(shapes[revision, feature]))


@pytest.mark.django_db(transaction=True)
def test_three_readers_write_the_bytes_that_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_export, "ROWS_PER_GROUP", 2)
    scene = labelled_campaign(pool=5, holdout=1)
    release = frozen_release(scene.campaign)
    labels, frozen = released_labels(release), frozen_inputs(release)
    rules = RowRules.of(frozen, account_names=frozenset())
    for readers in (1, 3):
        batches = list(annotation_batches(labels, contributors=public_ids(labels), readers=readers))
        assert len(batches) > 2
        vectors.write_annotations(
            tmp_path / str(readers), batches, rules=rules, crs=frozen.layer.crs, published_on=frozen.published_on
        )
    for name in ("annotations.parquet", "annotations.gpkg"):
        one, three = ((tmp_path / readers / "annotations" / name).read_bytes() for readers in ("1", "3"))
        assert one == three, name


@pytest.mark.django_db(transaction=True)
def test_what_is_saved_and_accepted_meanwhile_is_in_the_next_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_export, "ROWS_PER_GROUP", 1)
    scene = labelled_campaign(pool=4)
    release, before = frozen_release(scene.campaign), AnnotationRevision.objects.count()
    reviewer, places = person("reads"), pool_places(scene.campaign, 40)[-2:]
    tiles = materialise_tiles(campaign=scene.campaign, places=places)
    labels = released_labels(release)
    batches = annotation_batches(labels, contributors=public_ids(labels), readers=1)
    first = next(batches)
    accepted(scene.campaign, tiles[places[0]], scene.author, reviewer, [square(GREY, 0, 0, 8)])
    Lease.objects.create(
        tile=tiles[places[1]], annotator=scene.author, granted_at=database_now(), expires_at=database_now()
    )
    save_annotation(
        tile=tiles[places[1]], annotator=scene.author, features=[square(GREEN, 0, 0, 8)],
        operation_id=uuid.uuid4(), expected_version=0,
    )  # fmt: skip
    assert AnnotationRevision.objects.count() == before + 2
    whole = pa.Table.from_batches([first, *batches])
    assert set(whole["revision_id"].to_pylist()) == {str(label.revision_id) for label in labels}
    assert whole.equals(read(release))
    assert whole.num_rows == AnnotatedFeature.objects.filter(revision__releases__release=release).count()


@pytest.mark.django_db(transaction=True)
def test_an_accepted_label_whose_polygons_are_gone_stops_the_release_by_name() -> None:
    scene = labelled_campaign(pool=2)
    release = frozen_release(scene.campaign)
    gone = scene.pool_tiles()[0].annotations.get()
    with connection.cursor() as cursor:  # as a table that was restored in part
        cursor.execute("ALTER TABLE annotation_annotatedfeature DISABLE TRIGGER feature_append_only")
        AnnotatedFeature.objects.filter(revision=gone.head).delete()
        cursor.execute("ALTER TABLE annotation_annotatedfeature ENABLE TRIGGER feature_append_only")
    with pytest.raises(InvalidContents, match=f"revision {gone.head_id} of annotation {gone.pk} is accepted"):
        read(release)


@pytest.mark.django_db
def test_rows_of_an_open_transaction_are_read_by_its_own_connection() -> None:
    scene = labelled_campaign(pool=2)
    release = Release.objects.create(campaign=scene.campaign, version="1.0.0", folder="camp-1.0.0")
    freeze_labels(release=release)
    labels = released_labels(release)
    assert sum(batch.num_rows for batch in annotation_batches(labels, contributors=public_ids(labels))) == 4


@pytest.mark.django_db(transaction=True)
def test_the_history_holds_what_was_handed_in_and_corrected_and_no_draft() -> None:
    scene = labelled_campaign(pool=1)
    place = pool_places(scene.campaign, 40)[-1]
    tile = materialise_tiles(campaign=scene.campaign, places=[place])[place]
    Lease.objects.create(tile=tile, annotator=scene.author, granted_at=database_now(), expires_at=database_now())

    on: dict[str, Any] = {"tile": tile, "annotator": scene.author}

    def saved(version: int, *shapes: dict[str, Any], submit: bool = True) -> Any:
        made = save_annotation(**on, features=list(shapes), operation_id=uuid.uuid4(), expected_version=version)
        if submit:
            submit_annotation(**on, operation_id=uuid.uuid4(), expected_version=made.version)
        return made.annotation

    def judged(version: int, verdict: str, **more: Any) -> None:
        record_review(
            annotation_id=label.pk, reviewer=scene.reviewer, verdict=verdict, operation_id=uuid.uuid4(),
            expected_version=version, **more,
        )  # fmt: skip

    label = saved(0, square(GREY, 0, 0, 4, "draft"), submit=False)
    saved(1, square(GREY, 0, 0, 8, "f1"))
    judged(2, "send_back", reason="geometry", comment="a private word")
    saved(2, square(GREY, 0, 0, 10, "f1"))
    save_correction(
        annotation_id=label.pk, reviewer=scene.reviewer, features=[square(GREEN, 0, 0, 12, "f1")],
        operation_id=uuid.uuid4(), expected_version=0,
    )  # fmt: skip
    judged(3, "correct", reason="class")
    release = frozen_release(scene.campaign)
    [row] = [row for row in read(release).to_pylist() if row["annotation_id"] == str(label.pk)]
    assert (row["revision_number"], row["state"], row["review"], row["reviews"]) == (4, "accepted", "corrected", 2)
    assert row["contributor_id"] == scene.author.contributor.public_id
    history = released_history(released_labels(release), licence="etalab-2.0", codes=list(TWO_CLASSES))
    batches = annotation_batches(history, contributors=public_ids(history))
    rows = [row for batch in batches for row in batch.to_pylist() if row["annotation_id"] == str(label.pk)]
    mine, theirs = scene.author.contributor.public_id, scene.reviewer.contributor.public_id
    today = database_now().date()
    assert [(row["revision_number"], row["state"], row["contributor_id"], row["class_code"]) for row in rows] == [
        (2, "sent_back", mine, GREY), (3, "corrected", mine, GREY), (4, "accepted", theirs, GREEN),
    ]  # fmt: skip
    assert {row["saved_on"] for row in rows} | {row["reviewed_on"] for row in rows} == {today}
    assert [shapely.from_wkb(row["geometry"]).area for row in rows] == pytest.approx([2.56, 4.0, 5.76])
    others = [one for one in history if one.annotation_id != label.pk]
    assert [one.revision_number for one in others] == [1], "what was accepted as first drawn is its own history"


@pytest.mark.django_db(transaction=True)
def test_agreement_of_the_class_on_the_tile_is_that_of_the_day_the_release_was_frozen() -> None:
    scene = labelled_campaign(pool=2)
    alone, compared = (tile.annotations.get() for tile in scene.pool_tiles()[:2])
    # Two people, 100 pixels: 40 are grey for both, 20 for one of them alone; of green 40 for both, 20 for one alone.
    pairs = {GREY: {GREY: 80, GREEN: 20}, GREEN: {GREY: 20, GREEN: 80}}
    TileAgreement.objects.create(
        tile=compared.tile, revision_ids=[compared.head_id, compared.head_id + 99], n_people=2, compared_px=100,
        differing_px=20, totals={}, agreeing=160, pairs=pairs, people={}, staple_differs_px=0,
    )  # fmt: skip
    release = frozen_release(scene.campaign)
    TileAgreement.objects.all().delete()
    found = {(row["annotation_id"], row["class_code"]): row["agreement"] for row in read(release).to_pylist()}
    # 40 in common ÷ (50 of one + 50 of the other - 40)
    assert found[str(compared.pk), GREY] == found[str(compared.pk), GREEN] == pytest.approx(0.6667)
    assert found[str(alone.pk), GREY] is None
