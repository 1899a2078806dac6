"""The job that makes artificialised ground of a map and of usage, on a real database: areas worked out by hand."""

from __future__ import annotations

import io
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import rasterio
import shapely
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import CommandError, call_command
from learning_rows import labelled_campaign, model_row, ready_map
from sample_rows import interpreters, say
from scenes import LAMBERT_93, ORIGIN, accepted, campaign, nomenclature, person, square

from annotation.jobs.registry import run_job
from annotation.models import Territory
from annotation.services.usage import end_usage_source, import_usage
from learning.errors import InvalidArtificialisationRule, NoClassMap
from learning.jobs import artificialisation as the_job
from learning.models import ArtificialisationMap, Prediction, TrainingSet
from learning.release.formats import geoparquet_problems, gpkg_problems
from learning.services.artificialisation import artificialisation_figures
from learning.services.artificialised_maps import start_artificialisation
from learning.services.sample_draw import draw_area_sample
from learning.services.samples import close_sample

pytestmark = pytest.mark.django_db(transaction=True)  # the heartbeat has a connection of its own

X, Y = ORIGIN
PX = 0.2  # m; 25 pixels are 1 m²
HA = 10_000
TO_DEGREES = pyproj.Transformer.from_crs(LAMBERT_93, "EPSG:4326", always_xy=True)


def ground(left_m: float, top_m: float, width_m: float, height_m: float) -> Any:
    """A rectangle from the layer's upper left corner, in metres, in Lambert 93."""
    return shapely.box(X + left_m, Y - top_m - height_m, X + left_m + width_m, Y - top_m)


@pytest.fixture
def mapped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """204.8 × 204.8 m of grass; a house of 12 × 10 m (120 m²), a hut of 6 × 5 m (30 m²), a block of 80 × 40 m
    (3,200 m²), each away from the edges, on blocks of 400 px."""
    monkeypatch.setattr(the_job, "BLOCK_PX", 400)
    scene = labelled_campaign()
    prediction = ready_map(model_row(scene.campaign, state="promoted"), np.zeros((16, 16), np.float32))
    classes = np.full((1024, 1024), 2, np.uint8)
    for left, top, width, height in ((20, 20, 12, 10), (60, 20, 6, 5), (60, 60, 80, 40)):
        classes[top * 5 : (top + height) * 5, left * 5 : (left + width) * 5] = 1
    layer = scene.campaign.layer
    with rasterio.open(
        prediction.path("class.tif"), "w", driver="GTiff", width=1024, height=1024, count=1, dtype="uint8", nodata=0,
        crs=layer.crs, transform=rasterio.Affine(*layer.transform), tiled=True, blockxsize=512, blockysize=512,
    ) as out:  # fmt: skip
        out.write(classes, 1)
        out.update_tags(CLASS_CODES=json.dumps(["CS1.1.1.1", "CS2.2.1"]))
    Prediction.objects.filter(pk=prediction.pk).update(files={"class.tif": "0" * 64})
    nomenclature("ocsge_usage")
    return Prediction.objects.select_related("model__campaign__layer").get(pk=prediction.pk)


def made(prediction: Any) -> ArtificialisationMap:
    job = start_artificialisation(prediction=prediction)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return ArtificialisationMap.objects.get(pk=job.result["artificialisation"])


def use(prediction: Any, folder: Path, name: str, shapes: list[tuple[Any, str]], **more: Any) -> Any:
    path = folder / f"{name}.gpkg"
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array([shape for shape, _code in shapes])),
        [np.array([code for _shape, code in shapes], object)], fields=["code_us"], layer=name, driver="GPKG",
        geometry_type="Polygon", crs=LAMBERT_93,
    )  # fmt: skip
    asked = {"kind": "usage", "code_field": "code_us", "source": name, "licence": "etalab-2.0",
             "as_of": date(2022, 1, 1), **more}  # fmt: skip
    return import_usage(layer=prediction.model.campaign.layer, path=path, **asked)


def rows_of(found: ArtificialisationMap) -> list[dict[str, Any]]:
    return pq.read_table(found.path("artificialisation.parquet")).to_pylist()


ALL = ground(-5, -5, 215, 215)


def test_cover_alone_gives_two_bounds_and_never_a_figure(mapped: Any) -> None:
    made(mapped)
    found = artificialisation_figures(campaign=mapped.model.campaign)
    assert found.kind == "bracket" and not hasattr(found, "artificialised_ha")
    # The house and the block are artificialised whatever lies around them. The hut is no patch of its own size, and
    # would be part of a garden: it is open like the grass.
    assert found.lower_ha == pytest.approx((120 + 3200) / HA)
    assert found.upper_ha == pytest.approx(204.8**2 / HA)
    assert found.rests_on.without_usage_ha == found.rests_on.mapped_ha == pytest.approx(204.8**2 / HA)
    assert found.rests_on.sealed_ha == pytest.approx((120 + 30 + 3200) / HA)
    assert found.rests_on.usage == [] and found.rests_on.is_current


def test_with_usage_everywhere_there_is_a_figure_by_criterion(mapped: Any, tmp_path: Path) -> None:
    use(mapped, tmp_path, "ocsge", [(ALL, "US1.1")])
    found = made(mapped)
    figures = artificialisation_figures(campaign=mapped.model.campaign)
    assert figures.kind == "figure" and figures.artificialised_ha == pytest.approx(3320 / HA)
    assert (figures.estimate_ha, figures.half_width_ha, figures.not_assessed) == (None, None, "no_sample")
    by = {each.criterion: each for each in figures.rests_on.by_criterion}
    assert set(by) == {"bati_50", "artif_inf_2500"}
    assert by["bati_50"].artificialised_ha == pytest.approx(120 / HA)
    assert by["artif_inf_2500"].not_artificialised_ha == pytest.approx(30 / HA)
    assert figures.rests_on.without_usage_ha == 0
    [told] = figures.rests_on.usage
    assert (told["kind"], told["source"], told["as_of"]) == ("usage", "ocsge", "2022-01-01")

    rows = rows_of(found)
    kinds = {(row["code_cs"], row["code_us"], row["artif"], row["crit_seuil"]) for row in rows}
    # The hut of 30 m² is below what polygons are drawn of: it goes to the field, which has its state.
    assert kinds == {
        ("CS2.2.1", "US1.1", "non artif", ""),
        ("CS1.1.1.1", "US1.1", "artif", "bati_50"),
        ("CS1.1.1.1", "US1.1", "artif", ""),
    }
    assert sum(row["area_m2"] for row in rows if row["artif"] == "artif") == pytest.approx(3320)
    assert {row["millesime"] for row in rows} == {2022} and all("usage: ocsge, 2022" in row["source"] for row in rows)
    assert all(bool(row["motif"]) is bool(row["reason"]) is bool(row["crit_seuil"]) for row in rows)
    assert list(geoparquet_problems(found.path("artificialisation.parquet"))) == []
    assert list(gpkg_problems(found.path("artificialisation.gpkg"))) == []
    shapes = shapely.from_wkb([row["geometry"] for row in rows])
    assert shapely.coverage_is_valid(shapes) and shapely.area(shapes).sum() == pytest.approx(204.8**2)
    assert json.loads(found.path("artificialisation.rule.json").read_text())["code"] == found.rule


def test_a_garden_of_houses_is_artificialised_and_a_source_imported_since_is_told(mapped: Any, tmp_path: Path) -> None:
    old = use(mapped, tmp_path, "old", [(ALL, "US1.1"), (ground(10, 10, 100, 40), "US2")], as_of=date(2019, 1, 1))
    use(mapped, tmp_path, "new", [(ground(10, 10, 100, 40), "US5")])
    made(mapped)
    figures = artificialisation_figures(campaign=mapped.model.campaign)
    # A garden of 4,000 m² with house and hut in it, and the block, which it does not touch.
    assert figures.kind == "figure" and figures.artificialised_ha == pytest.approx((4000 + 3200) / HA)
    assert [each["source"] for each in figures.rests_on.usage] == ["new", "old"]
    assert figures.rests_on.is_current
    end_usage_source(source=old)
    assert not artificialisation_figures(campaign=mapped.model.campaign).rests_on.is_current


def test_accepted_labels_of_a_usage_campaign_win_over_imports_but_for_those_of_control_tiles(
    mapped: Any, tmp_path: Path
) -> None:
    use(mapped, tmp_path, "ocsge", [(ALL, "US1.1")])
    cover = mapped.model.campaign
    usage = campaign(
        "usage", layer=cover.layer, tile_px=64, seed=5, first_round=40, nomenclature=nomenclature("ocsge_usage")
    )
    author, reviewer = person("labels"), person("reviews")
    pool = usage.tickets.order_by("rank").first().tile
    control = usage.tiles.filter(role="holdout").first()
    for tile, code in ((pool, "US3"), (control, "US4.2")):
        accepted(usage, tile, author, reviewer, [square(code, 0, 0, 40)])
    made(mapped)
    figures = artificialisation_figures(campaign=cover)
    assert figures.kind == "figure"
    assert [each["kind"] for each in figures.rests_on.usage] == ["labels", "usage"]
    by_usage = {row[1]: 0 for row in ArtificialisationMap.objects.get().counts}
    for _cover, code, _state, _criterion, pixels in ArtificialisationMap.objects.get().counts:
        by_usage[code] += pixels
    assert by_usage == {"US3": 40 * 40, "US1.1": 1024 * 1024 - 40 * 40}


def test_exempt_panels_are_counted_out_by_their_criterion(mapped: Any, tmp_path: Path) -> None:
    use(mapped, tmp_path, "ocsge", [(ALL, "US2")])
    use(mapped, tmp_path, "pv", [(ground(100, 120, 50, 60), "")], kind="ground_pv", code_field=None)
    parks = [(ground(10, 110, 40, 70), ""), (ground(60, 120, 20, 20), "")]
    use(mapped, tmp_path, "parks", parks, kind="public_park", code_field=None)
    found = made(mapped)
    figures = artificialisation_figures(campaign=mapped.model.campaign)
    # The smaller park has 400 m², below the 2,500 that a park must have to be exempt.
    assert figures.kind == "figure"
    assert figures.artificialised_ha == pytest.approx((204.8**2 - 3000 - 2800) / HA)
    by = {each.criterion: each.not_artificialised_ha for each in figures.rests_on.by_criterion}
    assert by == {"exempt_pv": pytest.approx(3000 / HA), "exempt_parc": pytest.approx(2800 / HA)}
    assert {row["crit_seuil"] for row in rows_of(found)} == {"", "exempt_pv", "exempt_parc"}


def test_where_all_quarries_are_known_mineral_ground_outside_of_them_is_in_the_lower_bound(
    mapped: Any, tmp_path: Path
) -> None:
    """The block of 3,200 m² is mineral ground here, and so are house and hut; of nothing else the usage is known."""
    TrainingSet.objects.update(class_codes=["CS1.1.2.1", "CS2.2.1"])
    prediction = Prediction.objects.select_related("model__campaign__layer").get(pk=mapped.pk)
    made(prediction)
    figures = artificialisation_figures(campaign=prediction.model.campaign)
    assert figures.kind == "bracket" and figures.lower_ha == 0
    use(prediction, tmp_path, "quarries", [(ground(0, 0, 60, 40), "")], kind="quarries", code_field=None)
    made(prediction)
    figures = artificialisation_figures(campaign=prediction.model.campaign)
    assert figures.kind == "bracket" and figures.lower_ha == pytest.approx(3200 / HA)
    assert figures.upper_ha == pytest.approx((204.8**2 - 60 * 40) / HA)


def test_territories_have_their_own_figures_and_say_how_much_of_them_is_mapped(mapped: Any, tmp_path: Path) -> None:
    def territory(code: str, shape: Any) -> Territory:
        degrees = shapely.transform(shape, TO_DEGREES.transform, interleaved=False)
        return Territory.objects.create(
            kind="commune", code=code, name=f"Commune {code}", source="drawn", as_of=date(2026, 1, 1),
            boundary=MultiPolygon(Polygon(list(degrees.exterior.coords)), srid=4326),
        )  # fmt: skip

    use(mapped, tmp_path, "ocsge", [(ALL, "US1.1")])
    inside = territory("32001", ground(10, 10, 60, 40))  # 2,400 m² with the house and the hut
    half = territory("32002", ground(-100, 50, 200, 60))  # half of it beside the layer
    made(mapped)
    late = territory("32003", ground(100, 100, 20, 20))
    found = artificialisation_figures(campaign=mapped.model.campaign, territory=inside)
    assert found.kind == "figure" and found.artificialised_ha == pytest.approx(120 / HA, rel=1e-3)
    assert found.rests_on.mapped_ha == pytest.approx(2400 / HA, rel=2e-3)
    found = artificialisation_figures(campaign=mapped.model.campaign, territory=half)
    assert found.kind == "figure" and found.artificialised_ha == pytest.approx(40 * 40 / HA, rel=1e-3)
    assert found.rests_on.mapped_ha == pytest.approx(found.rests_on.ground_ha / 2, rel=2e-3)
    none = artificialisation_figures(campaign=mapped.model.campaign, territory=late)
    assert (none.kind, getattr(none, "reason", "")) == ("none", "territory_unknown")


def test_a_sample_of_places_puts_an_interval_to_what_cover_and_usage_count(mapped: Any, tmp_path: Path) -> None:
    """Three places in grass were seen built on, one on the buildings as grass; a strip has no usage, and grass there is
    undecided."""
    camp = mapped.model.campaign
    use(mapped, tmp_path, "ocsge", [(ground(-5, -5, 215, 200), "US1.1")])
    sample = draw_area_sample(campaign=camp, drawn_by=None, total=60, fewest=20, answers_wanted=1, seed=3)
    places = list(sample.units.all())
    built = [unit for unit in places if unit.second_mapped == "CS1.1.1.1"]
    grass = [unit for unit in places if unit.second_mapped == "CS2.2.1"]
    [viewer] = interpreters(camp, count=1)
    wrong = {built[0].pk: "CS2.2.1", **{unit.pk: "CS1.1.1.1" for unit in grass[:3]}}
    for unit in places:
        say(unit, viewer, "", wrong.get(unit.pk, unit.second_mapped))
    made(mapped)
    before = artificialisation_figures(campaign=camp).rests_on.before_thresholds
    assert before.lower_estimate_ha is None  # an open sample says nothing yet
    close_sample(sample=sample, closed_by=None)
    made(mapped)
    figures = artificialisation_figures(campaign=camp)
    assert figures.kind == "bracket"
    before = figures.rests_on.before_thresholds
    assert before.lower_ha == pytest.approx(3350 / HA) and before.places == len(places)
    areas = {stratum["name"]: stratum["area_m2"] / HA for stratum in sample.strata}
    lower = areas["CS1.1.1.1"] * (len(built) - 1) / len(built) + areas["CS2.2.1"] * 3 / len(grass)
    assert before.lower_estimate_ha is not None and before.upper_estimate_ha is not None
    value, low, high = before.lower_estimate_ha
    assert value == pytest.approx(lower) and low < value < high
    unknown = [unit for unit in grass[3:] if unit.row + sample.unit_px // 2 >= 975]  # below 195 m
    assert unknown and before.upper_estimate_ha[0] == pytest.approx(
        lower + areas["CS2.2.1"] * len(unknown) / len(grass)
    )


def test_before_anything_is_made_the_reason_is_told(mapped: Any) -> None:
    assert artificialisation_figures(campaign=mapped.model.campaign).kind == "none"
    with pytest.raises(InvalidArtificialisationRule, match="there are: decree_2023_1096"):
        start_artificialisation(prediction=mapped, rule="other")
    Prediction.objects.update(state="running")
    with pytest.raises(NoClassMap, match="wait for it"):
        start_artificialisation(prediction=Prediction.objects.select_related("model__campaign").get())


def test_made_again_the_files_are_the_same_to_the_byte(mapped: Any, tmp_path: Path) -> None:
    use(mapped, tmp_path, "ocsge", [(ALL, "US1.1"), (ground(10, 10, 100, 40), "US5")])
    found = made(mapped)
    before = {name: found.path(name).read_bytes() for name in found.files}
    again = made(mapped)
    assert {name: again.path(name).read_bytes() for name in again.files} == before
    assert not list(again.path("class.tif").parent.glob("artificialisation.*.gone")) and len(before) == 3


def test_the_command_copies_the_files_and_words_the_bounds(mapped: Any, tmp_path: Path) -> None:
    told = io.StringIO()
    call_command("artificialise", campaign="camp", out=tmp_path, stdout=told)
    assert "Between 0.33 and 4.19 ha are artificialised, of 4.19 ha mapped." in told.getvalue()
    assert "no single figure" in told.getvalue()
    assert {path.name for path in tmp_path.iterdir()} == {
        "artificialisation.parquet", "artificialisation.gpkg", "artificialisation.rule.json"
    }  # fmt: skip
    with pytest.raises(CommandError, match="no folder"):
        call_command("artificialise", campaign="camp", out=tmp_path / "missing")
