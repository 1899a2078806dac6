"""What else than the ground makes two maps differ: complete, and in the same words everywhere."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from django.contrib.gis.geos import Polygon
from django.utils import translation
from sample_rows import two_vintages

from annotation.models import Campaign, SourceFile
from learning.core.dataset import Normalisation
from learning.core.model_file import ModelMetadata, save_model
from learning.core.network import NetworkSpec, build_network
from learning.difference_words import differences_told, said
from learning.services.map_differences import Difference, differences_of, nodata_share
from learning.services.map_pairs import maps_of_pair

pytestmark = pytest.mark.django_db


def two_maps() -> Any:
    pair = two_vintages()
    return maps_of_pair(campaign=Campaign.objects.get(layer=pair.second), pair=pair)


def found(maps: Any) -> dict[str, tuple[str, str]]:
    return {one.code: (one.first, one.second) for one in differences_of(maps.first, maps.second)}


def test_two_maps_of_two_trainings_differ_by_model_and_run_and_a_map_by_nothing_from_itself() -> None:
    maps = two_maps()
    models = [one.model for one in (maps.first, maps.second)]
    assert differences_of(maps.first, maps.second) == [
        Difference("model", models[0].version, models[1].version),
        Difference("training_run", str(models[0].run_id), str(models[1].run_id)),
    ]
    assert differences_of(maps.first, maps.first) == []


def test_pixels_bands_classes_nomenclature_and_labels_learnt_from_are_told() -> None:
    maps = two_maps()
    later = maps.second
    later.layer.bands, later.layer.gsd_m = ["R", "G", "B"], 0.5
    later.model.run.training_set.n_tiles, later.model.run.training_set.class_codes = 40, ["1"]
    later.model.campaign.nomenclature.version = "2099"
    told = found(maps)
    assert told["bands"][1] == "R, G, B" and told["gsd_m"] == ("0.2", "0.5")
    assert told["training_tiles"] == ("8", "40") and told["classes"][1] == "1"
    assert told["nomenclature"][1].endswith(" 2099")


def test_the_days_are_those_of_the_files_where_these_are_dated_else_of_the_layer() -> None:
    maps = two_maps()
    first, second = maps.first.layer, maps.second.layer
    first.acquired_on, second.dated_by_ground = date(2019, 7, 1), True
    for number, day in ((1, 3), (2, 9)):
        SourceFile.objects.create(
            layer=second, number=number, name=f"{number}.tif", size_bytes=1, sha256="0" * 64,
            acquired_on=date(2022, 8, day), footprint=Polygon.from_bbox((0, 0, 1, 1)),
        )  # fmt: skip
    assert found(maps)["days"] == ("2019-07-01/2019-07-01", "2022-08-03/2022-08-09")
    first.acquired_on = None
    assert found(maps)["days"] == ("", "2022-08-03/2022-08-09")


def test_ground_without_imagery_is_told_as_a_share_of_the_layer() -> None:
    maps = two_maps()
    assert nodata_share(maps.first.layer) is None
    for layer, shown in ((maps.first.layer, 255), (maps.second.layer, 204)):
        layer.path("").mkdir(parents=True, exist_ok=True)
        np.save(layer.path("valid.npy"), np.full((16, 16), shown, np.uint8))
    assert nodata_share(maps.second.layer) == pytest.approx(0.2)
    assert found(maps)["nodata"] == ("0.000", "0.200")
    with translation.override("fr"):
        assert "20,0 %" in said({"code": "nodata", "first": "0.000", "second": "0.200"}).replace("\xa0", " ")


def test_the_scaling_of_values_is_read_from_the_models_files_and_unknown_without_one() -> None:
    maps = two_maps()
    assert "normalisation" not in found(maps), "neither file is there: nothing is known to differ"
    spec = NetworkSpec(
        architecture="unet",
        encoder="resnet18",
        bands=("R",),
        class_codes=("a", "b"),
        decoder_channels=(16,) * 5,
        pretrained=False,
    )
    metadata = ModelMetadata(
        spec=spec, normalisation=Normalisation("uint8", (104.25,), (31.0,)), nomenclature_code="n",
        nomenclature_version="1", gsd_m=0.2, training_set_sha256="0" * 64,
    )  # fmt: skip
    save_model(maps.first.model.path, build_network(spec), metadata)
    assert found(maps)["normalisation"] == ("R 104.2±31.0", "")
    told = {one["code"]: one["says"] for one in differences_told(maps.first, maps.second)}
    assert "R 104.2±31.0; unknown" in told["normalisation"]
    assert "run " in told["training_run"] and len(told) == 3
