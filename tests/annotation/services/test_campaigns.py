"""Opening a campaign: hold-out first, the rest virtual."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scenes
from django.core.management import call_command
from django.db import IntegrityError

from annotation.errors import NameTaken, TooFewTiles, UnusableGrid, UserError
from annotation.models import Campaign, Tile
from annotation.services.tiles import pool_mask, role_of_tile


@pytest.mark.django_db
def test_the_hold_out_is_whole_blocks_with_a_buffer_and_stored_probability() -> None:
    campaign = scenes.campaign(tile_px=128, holdout_share=0.1, first_round=20)  # 32 × 32 tiles
    holdout = campaign.holdout
    assert holdout.n_tiles == 4 * len(holdout.blocks)  # blocks of 2 × 2 tiles
    assert holdout.inclusion_probability == pytest.approx(len(holdout.blocks) / 256)
    kept = {(tile.row, tile.col) for tile in campaign.tiles.filter(role="holdout")}
    assert len(kept) == holdout.n_tiles
    pool = {(ticket.tile.row, ticket.tile.col) for ticket in campaign.tickets.filter(kind="initial")}
    assert len(pool) == 20
    nearest = min(max(abs(r - hr), abs(c - hc)) for r, c in pool for hr, hc in kept)
    assert nearest >= 2  # at least one buffer tile between a tile that trains and one that judges


@pytest.mark.django_db
def test_the_pool_mask_agrees_with_the_role_of_every_single_tile() -> None:
    campaign = scenes.campaign(tile_px=128, holdout_share=0.1)
    mask = pool_mask(campaign)
    roles = np.array(
        [
            [role_of_tile(campaign, row, col) == "pool" for col in range(campaign.n_cols)]
            for row in range(campaign.n_rows)
        ]
    )
    assert np.array_equal(mask, roles)


@pytest.mark.django_db
def test_a_campaign_over_five_million_tiles_writes_rows_for_the_hold_out_and_the_first_round_only() -> None:
    layer = scenes.virtual_layer("country", width=2240 * 512, height=2240 * 512)
    campaign = scenes.campaign("country", layer=layer, tile_px=512, first_round=200)
    assert campaign.n_usable == 2240 * 2240 > 5_000_000
    assert 500 <= campaign.holdout.n_tiles <= 700
    assert Tile.objects.filter(campaign=campaign).count() <= campaign.holdout.n_tiles + 200
    assert campaign.tickets.filter(kind="initial").count() == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"tile_px": 32}, UserError, "between 64 and 2048"),
        ({"tile_px": 2048, "redundancy": 0}, UserError, "redundancy 0"),
        ({"tile_px": 2048}, TooFewTiles, "4 usable tiles"),
        ({"tile_px": 128, "control_share": 1.0}, UserError, "control share"),
        ({"tile_px": 128, "blind_share": 1.5}, UserError, "blind share 1.5"),
        ({"tile_px": 128, "gold_share": 0.6}, UserError, "gold share 0.6"),
        ({"tile_px": 128, "slug": "Not Good"}, UserError, "lower-case"),
    ],
)
def test_values_that_cannot_work_are_refused_with_the_value_met(
    options: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        scenes.campaign(**options)
    assert not Campaign.objects.exists()


@pytest.mark.django_db
def test_the_database_keeps_the_blind_share_a_share() -> None:
    campaign = scenes.campaign(tile_px=256)
    assert campaign.blind_share == 0.0
    with pytest.raises(IntegrityError, match="campaign_blind_share_is_a_share"):
        Campaign.objects.filter(pk=campaign.pk).update(blind_share=1.01)


@pytest.mark.django_db
def test_the_command_opens_a_campaign_with_a_tenth_of_blind_tiles_unless_told_otherwise() -> None:
    scenes.virtual_layer("ground")
    scenes.nomenclature()
    shared = {"layer": "ground", "nomenclature": "ocsge_cover", "json": True, "stdout": io.StringIO()}
    call_command("open_campaign", "usual", **shared)
    call_command("open_campaign", "helped", blind_share=0.0, **shared)
    assert Campaign.objects.get(slug="usual").blind_share == 0.1
    assert Campaign.objects.get(slug="helped").blind_share == 0.0


@pytest.mark.django_db
def test_a_layer_smaller_than_one_tile_is_refused() -> None:
    with pytest.raises(UnusableGrid, match="do not fit"):
        scenes.campaign(layer=scenes.virtual_layer(width=100, height=100), tile_px=128)


@pytest.mark.django_db
def test_a_campaigns_short_name_is_unique() -> None:
    scenes.campaign("one", tile_px=256)
    with pytest.raises(NameTaken):
        scenes.campaign("one", tile_px=256, layer=scenes.virtual_layer("other"))
