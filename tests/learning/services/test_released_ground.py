"""Artificialised ground in releases: what may be published of it, and that it stays what it was."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from django.test import Client
from map_models import mapped_layer
from scenes import TWO_CLASSES, accepted, nomenclature, person, square

from annotation.jobs.registry import run_job
from annotation.models import Campaign, UsageSource
from annotation.services.usage import import_usage
from learning.jobs.rebuilding import discard, rebuild_release
from learning.models import ArtificialisationMap, Prediction, Release
from learning.release.manifest import verify
from learning.services.artificialised_maps import start_artificialisation
from learning.services.predictions import start_prediction
from learning.services.released_ground import released_ground
from learning.services.releases import start_release

pytestmark = pytest.mark.django_db(transaction=True)


def done(job: Any) -> Any:
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


@pytest.fixture
def prediction(tmp_path: Path) -> Any:
    """A map made by a real model, of a campaign with labels."""
    model = mapped_layer(tmp_path)
    camp, author, reviewer = model.campaign, person("author"), person("reviewer")
    for ticket in camp.tickets.filter(kind="initial").select_related("tile__campaign__nomenclature"):
        squares = [square(code, 8 + 16 * n, 8, 16) for n, code in enumerate(TWO_CLASSES)]
        accepted(camp, ticket.tile, author, reviewer, squares)
    done(start_prediction(model=model))
    nomenclature("ocsge_usage")
    return Prediction.objects.get()


def use(layer: Any, folder: Path, name: str, code: str, **more: Any) -> UsageSource:
    """All of a layer has one usage."""
    a, _, c, _, e, f = layer.transform
    whole = shapely.box(c - 1, f + e * layer.height - 1, c + a * layer.width + 1, f + 1)
    path = folder / f"{name}.gpkg"
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array([whole])), [np.array([code], object)], fields=["code_us"], layer=name,
        driver="GPKG", geometry_type="Polygon", crs=layer.crs,
    )  # fmt: skip
    asked = {"kind": "usage", "code_field": "code_us", "source": name, "licence": "etalab-2.0",
             "as_of": date(2021, 1, 1), **more}  # fmt: skip
    return import_usage(layer=layer, path=path, **asked)


def computed(prediction: Any) -> ArtificialisationMap:
    done(start_artificialisation(prediction=prediction))
    return ArtificialisationMap.objects.get()


def test_a_release_names_its_sources_and_is_built_again_to_the_byte_though_the_ground_was_computed_again(
    prediction: Any, tmp_path: Path
) -> None:
    layer = prediction.layer
    use(layer, tmp_path, "Homes of 2021", "US5")
    made = computed(prediction)
    release = Release.objects.get(pk=done(start_release(campaign=Campaign.objects.get(), actor=None)).result["release"])
    assert not verify(release.path).faults
    told = json.loads((release.path / "artificialisation/figures.json").read_text())
    [source] = told["rests_on"]["usage"]
    assert (source["source"], source["licence"], source["as_of"]) == ("Homes of 2021", "etalab-2.0", "2021-01-01")
    assert "is_current" not in told["rests_on"]
    rows = pq.read_table(release.path / told["file"]).to_pylist()
    assert (
        rows
        and {row["code_us"] for row in rows} == {"US5"}
        and {row["artif"] for row in rows} <= {"artif", "non artif"}
    )
    assert "Homes of 2021, 2021-01-01" in (release.path / "LICENSE.txt").read_text()
    for language, said in (("en", "Artificialised ground"), ("fr", "Sol artificialisé")):
        page = Client(headers={"accept-language": language}).get(f"/releases/{release.folder}/").content.decode()
        assert said in page and "artificialisation/artificialisation.gpkg" in page
        assert "next computation" not in page and "prochain calcul" not in page
    use(layer, tmp_path, "Fields of 2022", "US1.1", as_of=date(2022, 1, 1))
    assert computed(prediction).files != made.files
    again = rebuild_release(release=release)
    assert again.identical and again.differences == ()
    discard(again)


def test_usage_under_another_licence_or_one_that_is_not_known_keeps_the_polygons_out(
    prediction: Any, tmp_path: Path
) -> None:
    model = prediction.model
    assert released_ground(model, licence="etalab-2.0") is None, "nothing is known of usage"
    source = use(prediction.layer, tmp_path, "Plan of a town", "US5", licence="ODbL-1.0")
    told = released_ground(model, licence="etalab-2.0")
    assert told is not None and told.reason == "not_computed"
    made = computed(prediction)
    for licence in ("ODbL-1.0", "terms of the town", ""):
        made.usage = [{**made.usage[0], "licence": licence}]
        made.save()
        told = released_ground(model, licence="etalab-2.0")
        assert told is not None and told.reason == "licence" and not told.digests
        assert told.about == f"{source.source} ({licence or 'no licence'})"
    made.usage = [{**made.usage[0], "licence": "CC0-1.0"}]
    made.save()
    told = released_ground(model, licence="etalab-2.0")
    assert told is not None and told.reason == "" and len(told.digests) == 3
    assert told.sources == ("Plan of a town, 2021-01-01",)


def test_files_that_are_being_made_again_are_not_taken_for_those_that_were_counted(
    prediction: Any, tmp_path: Path
) -> None:
    use(prediction.layer, tmp_path, "Homes of 2021", "US5")
    made = computed(prediction)
    made.path("artificialisation.gpkg").write_bytes(b"of another computation")
    told = released_ground(prediction.model, licence="etalab-2.0")
    assert told is not None and told.reason == "made_again"
    assert not list(made.path("").glob("released-*.gpkg"))
