"""Imports of many files as jobs: rows of files, dates, resumption, and ground that is replaced while it is read."""

from __future__ import annotations

import hashlib
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import scenes
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from annotation.core.grid import PixelWindow
from annotation.errors import ImageryChanged, UserError
from annotation.jobs.registry import run_job
from annotation.models import ImageryLayer, Job, MosaicPiece, SourceFile
from annotation.raster.layer_files import LayerFiles
from annotation.raster.reader import open_layer, read_window
from annotation.services.ground_dates import ground_acquired_on, tile_acquired_on
from annotation.services.imagery import start_import, start_replacement
from annotation.services.imagery_sources import footprint_of, replace_ground, set_mosaic_graph
from tests.annotation.raster.cell_scene import grid_of_files, smooth, write_file
from tests.annotation.raster.test_mosaic_graph import SQUARE, write_graph

pytestmark = pytest.mark.django_db

ABOUT = {"title": "Scene", "vintage": 2022, "licence": "etalab-2.0", "attribution": "Generated for tests"}


@pytest.fixture(autouse=True)
def small_cells(settings, tmp_path):
    settings.IMAGERY_CELL_PX = 512
    settings.IMPORT_PROCESSES = 2
    settings.REQUIRE_SANDBOX = False
    settings.IMAGERY_DIR = tmp_path / "imagery"


def done(job: Job) -> Job:
    run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def imported(paths: list[Path], slug: str = "scene", **options) -> ImageryLayer:
    done(start_import(paths=[str(path) for path in paths], slug=slug, **{**ABOUT, **options}))
    return ImageryLayer.objects.get(slug=slug)


def pixels_of(layer: ImageryLayer) -> np.ndarray:
    return read_window(layer.analysis_path, PixelWindow(0, 0, layer.width, layer.height))[0]


def test_a_folder_of_files_becomes_a_layer_of_cells_with_a_row_for_each_file(tmp_path):
    paths = grid_of_files(tmp_path)
    layer = imported(paths, acquired_on=date(2022, 6, 14))
    assert layer.files.keys() == {"cells.json", "coarse.tif", "display.tif", "valid.npy"}
    assert layer.analysis_sha256 == layer.files["cells.json"]
    rows = list(layer.sources.all())
    assert [row.name for row in rows] == [path.name for path in paths]
    assert [row.number for row in rows] == list(range(1, 9))
    assert rows[0].sha256 == hashlib.sha256(paths[0].read_bytes()).hexdigest()
    assert rows[0].size_bytes == paths[0].stat().st_size
    assert {row.acquired_on for row in rows} == {date(2022, 6, 14)}
    # The first file shows all of its 400 x 400 pixels but 30 rows of 40 that are nodata.
    assert rows[0].shown_px == 400 * 400 - 30 * 40
    with open_layer(layer.analysis_path) as raster:
        assert sum(row.shown_px for row in rows) == int((raster.dataset_mask() > 0).sum())
    west, south, east, north = rows[0].footprint.extent
    assert (east - west, north - south) == (pytest.approx(80 / 74_070, rel=0.03), pytest.approx(80 / 111_200, rel=0.03))
    assert not layer.dated_by_ground


def test_a_small_layer_stays_one_file_and_has_its_rows_too(tmp_path):
    layer = imported([write_file(tmp_path / "one.tif", smooth(300, 300), col=0, row=0)])
    assert layer.analysis_path.name == "analysis.tif"
    assert list(layer.sources.values_list("name", "state", "shown_px")) == [("one.tif", "shown", None)]


def test_an_import_that_was_cancelled_goes_on_under_the_next_job(tmp_path, monkeypatch):
    from annotation.raster import cell_import
    from annotation.services.jobs import JobContext, cancel_job

    paths = [str(path) for path in grid_of_files(tmp_path)]
    first = start_import(paths=paths, slug="scene", **ABOUT)
    report = JobContext.progress

    def cancelling(context: JobContext, fraction: float, message: str = "") -> None:
        if fraction > 0.3:
            cancel_job(job=Job.objects.get(pk=context.job.pk))
            context.renew()
        report(context, fraction, message)

    with monkeypatch.context() as patch:
        patch.setattr(JobContext, "progress", cancelling)
        run_job(str(first.id))
    first.refresh_from_db()
    assert (first.state, ImageryLayer.objects.count()) == ("cancelled", 0)
    (left,) = (tmp_path / "imagery").iterdir()
    finished = {path.name for path in (left / "work").glob("r*c*.tif.json")}
    assert finished
    written: list[str] = []
    run_in_sandbox = cell_import.run_in_sandbox

    def counted(function: str, kwargs: dict, **options):
        if function.endswith("write_analysis_cell"):
            written.append(f"r{kwargs['row']:04d}c{kwargs['col']:04d}.tif.json")
        return run_in_sandbox(function, kwargs, **options)

    monkeypatch.setattr(cell_import, "run_in_sandbox", counted)
    layer = imported(grid_paths(tmp_path))
    assert not finished & set(written)
    assert len(finished) + len(written) == 8
    assert [path.name for path in (tmp_path / "imagery").iterdir()] == [layer.folder]


def grid_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("file-*.tif"))


def test_ground_is_replaced_in_one_step_and_the_version_grows(tmp_path):
    base = smooth(700, 700)
    layer = imported([write_file(tmp_path / "base.tif", base, col=0, row=0)], acquired_on=date(2020, 1, 1))
    old_folder, old_path = layer.folder, layer.analysis_path
    newer = write_file(tmp_path / "newer.tif", smooth(100, 100, seed=5), col=50, row=60)
    result = done(start_replacement(paths=[str(newer)], layer=layer, acquired_on=date(2023, 5, 6))).result
    assert (result["version"], result["notes"]) == (2, [])
    layer.refresh_from_db()
    after = base.copy()
    after[:, 60:160, 50:150] = smooth(100, 100, seed=5)
    assert np.array_equal(pixels_of(layer), after)
    assert (layer.version, layer.earlier_folder, layer.dated_by_ground) == (2, old_folder, True)
    assert list(layer.sources.values_list("number", "name", "shown_px", "layer_version")) == [
        (1, "base.tif", 490_000 - 10_000, 1),
        (2, "newer.tif", 10_000, 2),
    ]
    # Who opened the version before goes on reading it.
    assert np.array_equal(read_window(old_path, PixelWindow(0, 0, 700, 700))[0], base)


def test_an_older_file_shows_nothing_and_says_so(tmp_path):
    base = smooth(700, 700)
    layer = imported([write_file(tmp_path / "base.tif", base, col=0, row=0)], acquired_on=date(2022, 1, 1))
    older = write_file(tmp_path / "older.tif", smooth(100, 100, seed=5), col=50, row=60)
    result = done(start_replacement(paths=[str(older)], layer=layer, acquired_on=date(2019, 5, 6))).result
    assert result["notes"] == ["older.tif shows nothing: what lies on its ground is newer."]
    layer.refresh_from_db()
    assert np.array_equal(pixels_of(layer), base)
    assert layer.sources.get(number=2).state == SourceFile.State.HIDDEN


def test_the_version_before_the_last_is_removed_and_the_last_is_kept(tmp_path, django_capture_on_commit_callbacks):
    layer = imported([write_file(tmp_path / "base.tif", smooth(600, 600), col=0, row=0)])
    folders = [layer.folder]
    for number in (1, 2):
        newer = write_file(tmp_path / f"newer{number}.tif", smooth(50, 50, seed=number), col=0, row=0)
        job = start_replacement(paths=[str(newer)], layer=layer)
        with django_capture_on_commit_callbacks(execute=True):
            done(job)
        layer.refresh_from_db()
        folders.append(layer.folder)
    kept = {path.name for path in (tmp_path / "imagery").iterdir()}
    assert kept == set(folders[1:])
    assert (layer.version, layer.earlier_folder) == (3, folders[1])


def test_a_replacement_made_on_a_version_that_is_gone_is_refused_and_leaves_the_layer(tmp_path):
    layer = imported([write_file(tmp_path / "base.tif", smooth(600, 600), col=0, row=0)])
    newer = write_file(tmp_path / "newer.tif", smooth(50, 50, seed=1), col=0, row=0)
    job = start_replacement(paths=[str(newer)], layer=layer)
    ImageryLayer.objects.filter(pk=layer.pk).update(version=4)
    run_job(str(job.id))
    job.refresh_from_db()
    assert (job.state, "it has version 4, this import was made on version 1" in job.error) == ("failed", True)
    layer.refresh_from_db()
    assert (layer.version, layer.sources.count()) == (4, 1)
    assert [path.name for path in (tmp_path / "imagery").iterdir()] == [layer.folder]
    files = LayerFiles.load(layer.path("").resolve())
    with pytest.raises(ImageryChanged):
        replace_ground(
            layer=layer,
            base_version=1,
            files=LayerFiles(**{**{name: getattr(files, name) for name in files.__slots__}, "folder": tmp_path / "x"}),
            sources=[],
            shown_px={},
        )


def test_a_replacement_delivered_twice_has_one_effect(tmp_path):
    layer = imported([write_file(tmp_path / "base.tif", smooth(600, 600), col=0, row=0)])
    newer = write_file(tmp_path / "newer.tif", smooth(50, 50, seed=1), col=0, row=0)
    job = done(start_replacement(paths=[str(newer)], layer=layer))
    Job.objects.filter(pk=job.pk).update(state="queued")
    done(job)
    layer.refresh_from_db()
    assert (layer.version, layer.sources.count()) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_a_reader_sees_the_old_ground_or_the_new_never_half(tmp_path):
    base = smooth(600, 600)
    layer = imported([write_file(tmp_path / "base.tif", base, col=0, row=0)])
    newer = smooth(600, 600, seed=9)
    job = start_replacement(paths=[str(write_file(tmp_path / "newer.tif", newer, col=0, row=0))], layer=layer)
    seen: list[str] = []
    ended = threading.Event()

    def look() -> None:
        try:
            while True:
                last = ended.is_set()
                found = pixels_of(ImageryLayer.objects.get(pk=layer.pk))
                old, new = np.array_equal(found, base), np.array_equal(found, newer)
                seen.append("old" if old else "new" if new else "half")
                if last:
                    return
        finally:
            connection.close()

    reader = threading.Thread(target=look)
    reader.start()
    try:
        done(job)
    finally:
        ended.set()
        reader.join()
    assert set(seen) == {"old", "new"}
    assert seen == sorted(seen, reverse=True)  # old, then new, and never back


def graph_piece(layer: ImageryLayer, col: int, row: int, width: int, height: int) -> MultiPolygon:
    return MultiPolygon(footprint_of(layer.pixel_grid, col, row, width, height), srid=4326)


def test_a_tile_has_the_day_of_most_of_its_ground_by_the_mosaic_graph():
    layer = scenes.virtual_layer(width=512, height=512)
    layer.footprint = footprint_of(layer.pixel_grid, 0, 0, 512, 512)
    layer.acquired_on = date(2000, 1, 1)
    layer.save()
    pieces = [
        (date(2022, 6, 14), graph_piece(layer, 0, 0, 200, 256)),
        (date(2022, 7, 1), graph_piece(layer, 200, 0, 312, 256)),
        (date(1999, 1, 1), graph_piece(layer, 5000, 0, 100, 100)),
    ]
    assert set_mosaic_graph(layer=layer, pieces=pieces) == 2
    assert MosaicPiece.objects.filter(layer=layer).count() == 2
    layer.refresh_from_db()

    def day(col: int, row: int) -> date | None:
        return ground_acquired_on(layer, footprint_of(layer.pixel_grid, col, row, 128, 128))

    assert day(0, 0) == date(2022, 6, 14)
    assert day(128, 0) == date(2022, 6, 14)  # 72 of its 128 columns
    assert day(256, 128) == date(2022, 7, 1)
    assert day(0, 384) == date(2000, 1, 1)  # no piece lies there: the layer's own day
    assert set_mosaic_graph(layer=layer, pieces=pieces[1:2]) == 1
    assert day(0, 0) == date(2000, 1, 1)
    with pytest.raises(UserError, match="None of the 1 pieces touches"):
        set_mosaic_graph(layer=layer, pieces=pieces[2:])


def test_without_a_graph_the_newest_file_that_is_seen_gives_a_tile_its_day():
    layer = scenes.virtual_layer(width=512, height=512)
    layer.dated_by_ground = True
    layer.save()
    files = [(2020, "shown", 512), (2022, "shown", 80), (2024, "hidden", 512)]
    for number, (year, state, width) in enumerate(files, start=1):
        SourceFile.objects.create(
            layer=layer, number=number, name="x", size_bytes=1, sha256="0" * 64, acquired_on=date(year, 1, 1),
            state=state, footprint=footprint_of(layer.pixel_grid, 0, 0, width, 512),
        )  # fmt: skip
    campaign = scenes.campaign(layer=layer, tile_px=128)
    bounds = campaign.tile_grid.bounds_wgs84
    tiles = [
        campaign.tiles.get_or_create(row=0, col=col, defaults={"footprint": Polygon.from_bbox(bounds(0, col))})[0]
        for col in (0, 1)
    ]
    # The file of 2022 lies over 80 of the first tile's 128 columns and none of the second's.
    assert [tile_acquired_on(tile) for tile in tiles] == [date(2022, 1, 1), date(2020, 1, 1)]


def test_the_day_costs_no_question_where_the_layer_has_one_day(django_assert_num_queries):
    layer = scenes.virtual_layer()
    with django_assert_num_queries(0):
        assert ground_acquired_on(layer, Polygon.from_bbox((0, 0, 1, 1))) is None


def test_the_command_imports_a_folder_dates_it_and_replaces_ground(tmp_path, capsys):
    folder = tmp_path / "ortho"
    folder.mkdir()
    write_file(folder / "a.tif", smooth(500, 500), col=0, row=0)
    write_file(folder / "b.tif", smooth(500, 500, seed=1), col=500, row=0)
    graph = write_graph(tmp_path / "graph.gpkg", [SQUARE], {"date": ["2022-06-14"]})
    options = {**ABOUT, "layer": "gers", "mosaic_graph": str(graph)}
    call_command("import_imagery", str(folder), **options)
    told = capsys.readouterr().out
    assert "Layer gers (version 1): 1000 × 500 px at 0.2 m, bands R, G, B." in told
    assert "1 pieces of the mosaic graph date its ground." in told
    layer = ImageryLayer.objects.get(slug="gers")
    assert ground_acquired_on(layer, footprint_of(layer.pixel_grid, 0, 0, 100, 100)) == date(2022, 6, 14)
    newer = write_file(tmp_path / "newer.tif", smooth(60, 60, seed=2), col=10, row=10)
    call_command("import_imagery", str(newer), into="gers")
    assert "Layer gers (version 2)" in capsys.readouterr().out
    layer.refresh_from_db()
    assert np.array_equal(pixels_of(layer)[:, 10:70, 10:70], smooth(60, 60, seed=2))
    for wrong, met in (
        ({"into": "gars"}, "There is no layer 'gars': there are gers"),
        ({"layer": "x"}, "needs --vintage, --licence, --attribution"),
    ):
        with pytest.raises(CommandError, match=met):
            call_command("import_imagery", str(newer), **wrong)


def test_stacked_files_have_rows_on_the_ground_they_lie_on_and_stay_shown(tmp_path):
    colours = write_file(tmp_path / "rgb.tif", smooth(300, 300), col=0, row=0)
    heights = write_file(tmp_path / "h.tif", smooth(60, 60, bands=1), col=0, row=0, gsd_m=1.0)
    call_command("import_imagery", str(colours), layer="gers", stack=[(["height"], str(heights))], **ABOUT)
    layer = ImageryLayer.objects.get(slug="gers")
    assert layer.bands == ["R", "G", "B", "height"]
    rows = list(layer.sources.values_list("name", "adds_bands", "state", "shown_px"))
    assert rows == [("rgb.tif", False, "shown", 90_000), ("h.tif", True, "shown", None)]
    first, second = (source.footprint.extent for source in layer.sources.all())
    assert first == pytest.approx(second, abs=1e-9)
    newer = [write_file(tmp_path / "rgb2.tif", smooth(50, 50, seed=2), col=0, row=0)]
    newer.append(write_file(tmp_path / "h2.tif", smooth(10, 10, bands=1, seed=2), col=0, row=0, gsd_m=1.0))
    call_command("import_imagery", str(newer[0]), into="gers", stack=[(["height"], str(newer[1]))])
    layer.refresh_from_db()
    assert np.array_equal(pixels_of(layer)[:3, :50, :50], smooth(50, 50, seed=2))
    assert np.array_equal(pixels_of(layer)[3, :50, :50], np.kron(smooth(10, 10, bands=1, seed=2)[0], np.ones((5, 5))))
    assert [row[2] for row in layer.sources.values_list("name", "adds_bands", "state")] == ["shown"] * 4
