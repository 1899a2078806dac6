"""Questions about change from the published maps of two vintages."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from sample_rows import BUILT, GRASS, two_vintages

from annotation.models import Campaign, ChangeCell, ChangeRound, ChangeTicket, VintagePair
from annotation.services.pairs import layers_as_they_are
from learning.models import Prediction, TrainedModel
from learning.services.map_pairs import shift_px

pytestmark = pytest.mark.django_db


def test_people_are_asked_where_the_maps_differ_and_on_some_tiles_where_they_agree(capsys: Any) -> None:
    pair = two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    call_command("ask_about_change", campaign.slug, "--first", pair.first.slug, "--control-share", "0.2", "--seed", "3")
    opened = ChangeRound.objects.get(campaign=campaign)
    assert opened.source == "maps" and f"Round 1: {opened.cells.count()} places" in capsys.readouterr().out
    assert {opened.first_map, opened.second_map} == {model.version for model in TrainedModel.objects.all()}
    middle = 512 // campaign.tile_px
    differing = ChangeCell.objects.filter(round=opened, is_control=False).select_related("tile")
    assert differing and all(cell.tile.col >= middle for cell in differing)
    assert {(cell.first_code, cell.second_code) for cell in differing} == {(BUILT, GRASS)}
    whole = campaign.tile_px**2 * campaign.layer.gsd_m**2
    assert all(cell.area_m2 == pytest.approx(whole) and 0.5 <= cell.score <= 1 for cell in differing)
    controls = ChangeCell.objects.filter(round=opened, is_control=True).select_related("tile")
    assert controls and all(cell.tile.col < middle and cell.first_code == cell.second_code for cell in controls)
    assert len({cell.probability for cell in controls}) == 1 and 0 < controls[0].probability < 1
    tickets = ChangeTicket.objects.filter(round=opened)
    assert tickets.filter(is_control=True).count() == controls.values("tile").distinct().count()


def test_without_a_pair_or_a_map_the_command_says_what_to_do() -> None:
    pair = two_vintages()
    campaign = Campaign.objects.get(layer=pair.second)
    Prediction.objects.filter(layer=pair.first).delete()
    with pytest.raises(CommandError, match="publish a model there"):
        call_command("ask_about_change", campaign.slug, "--first", pair.first.slug)
    VintagePair.objects.all().delete()
    with pytest.raises(CommandError, match=f"pair_layers {pair.first.slug} {pair.second.slug}"):
        call_command("ask_about_change", campaign.slug, "--first", pair.first.slug)
    assert not ChangeRound.objects.exists()


def test_the_measured_shift_counts_with_its_spread_and_one_pixel_where_it_is_not_measured() -> None:
    pair = two_vintages()
    assert shift_px(pair) == 1.0
    pair.shift_east_m, pair.shift_south_m, pair.shift_spread_m = 0.6, -0.8, 0.2
    pair.measured_at, pair.measured_from = pair.created_at, layers_as_they_are(pair)
    assert shift_px(pair) == pytest.approx(1.2 / pair.second.gsd_m)
    pair.measured_from = ["another", "pair of pixels"]
    assert shift_px(pair) == 1.0
