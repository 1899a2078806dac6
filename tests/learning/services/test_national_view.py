"""A themed campaign publishes both levels, and its national view beside them, each in a row of versions of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
from scenes import accepted, campaign, nomenclature, person, real_layer, square
from theme_rows import ORCHARD, PARENT, VINE, vines

from annotation.jobs.registry import run_job
from annotation.models import NomenclatureClass
from learning.errors import NoNationalView
from learning.models import Release
from learning.release.manifest import verify
from learning.services.published_features import published_features
from learning.services.release_changes import last_standing
from learning.services.release_freeze import frozen_inputs, nomenclature_info
from learning.services.release_proposals import propose_release
from learning.services.releases import start_release

pytestmark = pytest.mark.django_db(transaction=True)
NATIONAL = Release.View.NATIONAL
BUILT = "CS1.1.1.1"


def themed(tmp_path: Path) -> Any:
    """A campaign of vines and orchards with two tiles labelled, at either level."""
    layer, _truth = real_layer(tmp_path, "themed", size_px=768)
    camp = campaign("themed", layer=layer, tile_px=64, seed=3, first_round=3, nomenclature=vines(tmp_path))
    author, reviewer = person("author"), person("reviewer")
    tiles = [ticket.tile for ticket in camp.tickets.filter(kind="initial").order_by("rank")[:2]]
    accepted(camp, tiles[0], author, reviewer, [square(VINE, 0, 0, 24), square(BUILT, 40, 40, 8)])
    accepted(camp, tiles[1], author, reviewer, [square(ORCHARD, 0, 0, 16), square(PARENT, 32, 32, 8)])
    return camp


def released(camp: Any, **options: Any) -> Release:
    job = start_release(campaign=camp, actor=None, **options)
    run_job(str(job.id))
    job.refresh_from_db()
    return Release.objects.get(pk=job.result["release"])


def labelled_px(release: Release) -> dict[str, int]:
    """Pixels by class of all masks of the dataset, counted in the masks themselves."""
    tree = json.loads((release.path / "nomenclature.json").read_text())
    codes = {item["raster_value"]: item["code"] for item in tree["classes"]}
    found: dict[str, int] = {}
    for mask in release.path.glob("dataset/**/msk/*.tif"):
        with rasterio.open(mask) as source:
            values, counts = np.unique(source.read(1), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            if value:
                found[codes[value]] = found.get(codes[value], 0) + count
    return found


def test_both_levels_and_the_national_view_hold_the_same_ground_by_their_own_codes(tmp_path: Path) -> None:
    camp = themed(tmp_path)
    both, national = released(camp), released(camp, view=NATIONAL)
    assert (both.version, national.version, national.view) == ("0.1.0", "0.2.0", "national")
    assert not verify(both.path).faults and not verify(national.path).faults
    rows = pq.read_table(both.path / "annotations/annotations.parquet")
    pairs = sorted(zip(rows["class_code"].to_pylist(), rows["national_code"].to_pylist(), strict=True))
    assert pairs == [(BUILT, BUILT), (PARENT, PARENT), (ORCHARD, PARENT), (VINE, PARENT)]
    coarser = pq.read_table(national.path / "annotations/annotations.parquet")
    assert sorted(coarser["class_code"].to_pylist()) == [BUILT, PARENT, PARENT, PARENT]
    assert set(coarser["nomenclature"].to_pylist()) == {"ocsge_cover"}
    assert labelled_px(both) == {BUILT: 64, VINE: 576, ORCHARD: 256, PARENT: 64}
    assert labelled_px(national) == {BUILT: 64, PARENT: 576 + 256 + 64}
    assert frozen_inputs(national).nomenclature == nomenclature_info(campaign("national"))
    changes = frozen_inputs(national).changes
    assert changes is not None and changes.previous is None, "it follows no release of both levels"
    assert {code: counts.added for code, counts in changes.polygons.items()} == {BUILT: 1, PARENT: 3}
    assert changes.classes_added == changes.classes_retired == ()


def test_each_view_follows_its_own_and_the_latest_features_are_those_of_both_levels(tmp_path: Path) -> None:
    camp = themed(tmp_path)
    both, national = released(camp), released(camp, view=NATIONAL)
    assert last_standing(camp) == both and last_standing(camp, view=NATIONAL) == national
    [latest] = [one for one in published_features() if one.id == "themed.annotations"]
    assert latest.release == both and "national_code" in latest.source.columns
    proposal = propose_release(camp, model=None, view=NATIONAL)
    assert proposal.changes.previous == national.version and proposal.changes.labels.total == 0
    assert proposal.suggestion.version == "0.2.1"


def test_a_national_campaign_and_a_theme_with_a_class_that_refines_none_have_no_national_view(tmp_path: Path) -> None:
    camp = themed(tmp_path)
    NomenclatureClass.objects.filter(nomenclature=camp.nomenclature, code=VINE).update(code="CS9")
    with pytest.raises(NoNationalView, match="CS9 of vines_34 1 refines no class of ocsge_cover"):
        start_release(campaign=camp, actor=None, view=NATIONAL)
    layer, _truth = real_layer(tmp_path, "plain", size_px=768)
    plain = campaign("plain", layer=layer, tile_px=64, seed=3, first_round=3, nomenclature=nomenclature())
    tile = plain.tickets.filter(kind="initial").order_by("rank")[0].tile
    accepted(plain, tile, person("a"), person("b"), [square(BUILT, 0, 0, 8)])
    with pytest.raises(NoNationalView, match="which refines no national nomenclature: publish it as it is"):
        start_release(campaign=plain, actor=None, view=NATIONAL)
    assert not Release.objects.filter(view=NATIONAL).exists()
