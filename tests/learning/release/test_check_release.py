"""The validators of `make check-release`: each is content with a sound release, and each can find a fault."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from ground_rows import ASSESSED, made_ground

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.append(str(REPOSITORY / "bench"))
for package in ("geoparquet_validator", "mlcroissant", "pmtiles", "pyshacl", "stac_model"):
    pytest.importorskip(
        package, reason="the validators of requirements/check.txt are not installed: make check-release"
    )

import _check_validators as validators  # noqa: E402 (what it imports is looked for first)
import check_release  # noqa: E402
from _check_published import DCAT_AP, GEOPARQUET, SHA256, NotPublished, Published  # noqa: E402

PUBLISHED = Published(REPOSITORY / "var" / "check", may_fetch=False)
MODEL = "models/gers-unet-3"


# Rows that look with a document of their own; the others need none.
NEEDED = {
    "pystac file 2.1.0": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "pystac mlm 1.4.0": "https://stac-extensions.github.io/mlm/v1.4.0/schema.json",
    "GeoParquet 1.1 schema": GEOPARQUET,
    "pyshacl DCAT-AP 3": DCAT_AP,
}


def need(*addresses: str) -> None:
    """Skip, with the reason, where published documents are not at hand."""
    for address in addresses:
        try:
            PUBLISHED.raw(address)
        except NotPublished as why:
            pytest.skip(str(why))


def errors_of(validator: Callable[..., Any], release: Path) -> dict[str, list[str]]:
    """What a validator finds, by its row in the table."""
    found: dict[str, list[str]] = {}
    for seen in validator(release, PUBLISHED):
        if seen.thing is not None:
            found.setdefault(seen.validator, []).extend(seen.errors)
    return found


def change(path: Path, edit: Callable[[Any], object]) -> None:
    thing = json.loads(path.read_text())
    edit(thing)
    path.write_text(json.dumps(thing))


def write_croissant(release: Path, **more: Any) -> None:
    file = {"@type": "cr:FileObject", "@id": "t", "name": "t", "contentUrl": "tiles.parquet",
            "encodingFormat": "application/vnd.apache.parquet", "sha256": "0" * 64}  # fmt: skip
    context = {"@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
               "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo",
               **{name: f"cr:{name}" for name in ("recordSet", "field", "source", "extract", "column", "fileObject")},
               "dataType": {"@id": "cr:dataType", "@type": "@vocab"}}  # fmt: skip
    head = {"@context": context, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.1"}
    body = {"name": "gers", "description": "d", "license": "etalab-2.0", "url": "https://example.org/",
            "version": "1.0.0", "datePublished": "2026-11-22", "distribution": [file]}  # fmt: skip
    (release / "dataset" / "croissant.json").write_text(json.dumps({**head, **body, **more}))


def write_onnx(release: Path) -> Path:
    from onnx import TensorProto, helper, save

    shape = [1, 3, 32, 32]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("image", "scores")]
    graph = helper.make_graph([helper.make_node("Relu", ["image"], ["scores"])], "g", ends[:1], ends[1:])
    path = release / MODEL / "model.onnx"
    save(helper.make_model(graph), str(path))
    return path


def write_pmtiles(release: Path) -> Path:
    from pmtiles.tile import Compression, TileType
    from pmtiles.writer import Writer

    path = release / "maps" / "vectors" / "a.pmtiles"
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as handle:
        writer = Writer(handle)
        for number in range(5):
            writer.write_tile(number, bytes([number]) * 9)
        writer.finalize({"tile_type": TileType.MVT, "tile_compression": Compression.NONE}, {})
    return path


def with_ground(folder: Path, changed: Callable[..., Any]) -> Path:
    """A release with change of two places of four lost, on 1 ha, and polygons of artificialised ground."""
    from learning.release.bundle import stage_release
    from learning.release.ground import ChangePlace, ChangeStatistics

    said = [("built", "grass")] * 2 + [("built", "built"), ("", "")]
    places = tuple(
        ChangePlace(number, "loss", 4 * number, 0, 0.1, "built", "grass", *codes, None, None)
        for number, codes in enumerate(said, start=1)
    )
    value = {"ha": {"lower": {"value": 2 / 3}, "upper": {"value": 2 / 3}}}
    figures = {
        **ASSESSED.figures, "strata": ["loss"], "codes": [["built", "built"], ["built", "grass"]], "n": [[1, 2]],
        "weights": [1.0], "ground_ha": 1.0, "counted": {"built": True, "grass": False},
        "found": {"loss": value, "gain": {"ha": {"lower": {"value": 0.0}}}},
    }  # fmt: skip
    since = ChangeStatistics(first="gers-2016", figures=figures, places=places, unit_px=4)
    root = folder / "ground.staging"
    stage_release(changed(change=(since,), ground=made_ground(folder)), root)
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return root


def test_every_validator_is_content_with_change_and_artificialised_ground(
    changed: Callable[..., Any], tmp_path: Path
) -> None:
    need(*SHA256)
    found = validators.validate(with_ground(tmp_path, changed), PUBLISHED)
    assert [seen for seen in found if seen.errors] == []
    looked_at = {seen.thing for seen in found}
    assert {"artificialisation/artificialisation.gpkg", "change/gers-2016/places.parquet"} <= looked_at


def test_change_that_its_places_do_not_give_is_found(changed: Callable[..., Any], tmp_path: Path) -> None:
    release = with_ground(tmp_path, changed)
    row = "change (worked out again)"
    assert errors_of(validators.change, release) == {row: []}
    path = release / "change/gers-2016/accuracy.json"
    change(path, lambda told: told["found"]["loss"]["ha"]["lower"].update(value=0.5))
    [said] = errors_of(validators.change, release)[row]
    assert said.startswith("loss is 0.5 ha, the places give 0.66")
    change(path, lambda told: told.update(n=[[2, 1]]))
    assert len(errors_of(validators.change, release)[row]) == 2


def test_every_validator_is_content_with_a_sound_release_and_looks_at_something(release: Path) -> None:
    need(*SHA256)
    write_onnx(release)
    write_pmtiles(release)
    found = validators.validate(release, PUBLISHED)
    assert [seen for seen in found if seen.errors] == []
    table = validators.figures(found)
    assert all(checked > 0 for checked, _ in table.values()), table
    assert {"pystac core", "pystac mlm 1.4.0", "pystac label 1.0.1", "stac-model", "mlcroissant", "rio-cogeo (strict)",
            "geoparquet-validator", "GeoParquet 1.1 schema", "GDAL (GeoPackage)", "SQLite (GeoPackage)",
            "onnx.checker", "safetensors", "pmtiles", "pyshacl DCAT-AP 3", "sha256sum"} <= set(table)  # fmt: skip


def drop_extent(release: Path) -> None:
    change(release / "stac/dataset/collection.json", lambda thing: thing.pop("extent"))


def put_checksum(release: Path) -> None:
    def edit(thing: Any) -> None:
        thing["assets"]["image"]["file:checksum"] = "not a multihash"

    change(release / "stac/dataset/IMG_000001.json", edit)


def drop_architecture(release: Path) -> None:
    change(release / "stac/models/gers-unet-3.json", lambda thing: thing["properties"].pop("mlm:architecture"))


def drop_dimensions(release: Path) -> None:
    def edit(thing: Any) -> None:
        thing["properties"]["mlm:input"][0]["input"].pop("dim_order")

    change(release / "stac/models/gers-unet-3.json", edit)


def unknown_record_source(release: Path) -> None:
    field = {"@type": "cr:Field", "@id": "r/f", "name": "f", "dataType": "sc:Text",
             "source": {"fileObject": {"@id": "nothing"}, "extract": {"column": "id"}}}  # fmt: skip
    write_croissant(release, recordSet=[{"@type": "cr:RecordSet", "@id": "r", "name": "r", "field": [field]}])


def written_again(path: Path, table: pa.Table, geo: dict[str, Any]) -> None:
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), path)


def crooked_geo(release: Path) -> None:
    path = release / "annotations/annotations.parquet"
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    geo["columns"]["geometry"]["encoding"] = "WKT"
    written_again(path, pq.read_table(path), geo)


def crossed_geometry(release: Path) -> None:
    path = release / "annotations/annotations.parquet"
    geo, table = json.loads(pq.read_metadata(path).metadata[b"geo"]), pq.read_table(path)
    bow = shapely.to_wkb(shapely.from_wkt("POLYGON((0 0, 1 1, 1 0, 0 1, 0 0))"))
    place, field = table.schema.get_field_index("geometry"), table.schema.field("geometry")
    values = pa.array([bow, *table.column("geometry").to_pylist()[1:]], field.type)
    written_again(path, table.set_column(place, field, values), geo)


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def striped_map(release: Path) -> None:
    (path,) = release.glob("maps/*CLASS*.tif")
    path.unlink()
    with rasterio.open(path, "w", driver="GTiff", width=700, height=700, count=1, dtype="uint8", crs="EPSG:2154",
                       transform=rasterio.Affine(0.2, 0, 426000, 0, -0.2, 6435000)) as target:  # fmt: skip
        target.write(np.zeros((700, 700), np.uint8), 1)


def no_gpkg_id(release: Path) -> None:
    import sqlite3

    with sqlite3.connect(release / "annotations/annotations.gpkg") as database:
        database.execute("PRAGMA application_id = 1")


def untyped_output(release: Path) -> None:
    import onnx

    path = write_onnx(release)
    model = onnx.load(str(path))
    model.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(model, str(path))


def half_pmtiles(release: Path) -> None:
    half(write_pmtiles(release))


def no_publisher(release: Path) -> None:
    change(release / "dcat.jsonld", lambda thing: thing["@graph"][0].pop("dct:publisher"))


def flip_a_byte(release: Path) -> None:
    path = release / "dataset/train.csv"
    path.write_bytes(b"x" + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("validator", "fault", "row"),
    [
        (validators.sha256sum, flip_a_byte, "sha256sum"),
        (validators.stac, drop_extent, "pystac core"),
        (validators.stac, put_checksum, "pystac file 2.1.0"),
        (validators.stac, drop_architecture, "pystac mlm 1.4.0"),
        (validators.mlm, drop_dimensions, "stac-model"),
        (validators.croissant, unknown_record_source, "mlcroissant"),
        (validators.geoparquet, crooked_geo, "GeoParquet 1.1 schema"),
        (validators.geoparquet, crooked_geo, "geoparquet-validator"),
        (validators.geoparquet, crossed_geometry, "shapely (GeoParquet rows)"),
        (validators.geoparquet, lambda release: half(release / "dataset/tiles.parquet"), "pyarrow (Parquet)"),
        (validators.cog, striped_map, "rio-cogeo (strict)"),
        (validators.geopackage, lambda release: half(release / "annotations/annotations.gpkg"), "GDAL (GeoPackage)"),
        (validators.geopackage, no_gpkg_id, "SQLite (GeoPackage)"),
        (validators.geojson, lambda release: half(release / "annotations/annotations.geojson"), "GDAL (GeoJSON)"),
        (validators.onnx_checker, untyped_output, "onnx.checker"),
        (validators.safetensors, lambda release: half(release / MODEL / "weights.safetensors"), "safetensors"),
        (validators.pmtiles, half_pmtiles, "pmtiles"),
        (validators.dcat, no_publisher, "pyshacl DCAT-AP 3"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(
    release: Path, validator: Callable[..., Any], fault: Callable[[Path], object], row: str
) -> None:
    need(*([NEEDED[row]] if row in NEEDED else []))
    before = errors_of(validator, release).get(row, [])
    assert before == []
    fault(release)
    assert errors_of(validator, release)[row]


def test_a_schema_that_is_not_to_be_had_is_a_row_without_a_thing(release: Path, tmp_path: Path) -> None:
    found = list(validators.geoparquet(release, Published(tmp_path, may_fetch=False)))
    assert validators.figures(found)["GeoParquet 1.1 schema"] == [0, 0]
    (told,) = [seen for seen in found if seen.validator == "GeoParquet 1.1 schema"]
    assert told.thing is None and "make check-release" in told.errors[0]


def test_without_the_schema_of_its_classes_the_rest_of_a_model_is_looked_at(release: Path, tmp_path: Path) -> None:
    need(NEEDED["pystac mlm 1.4.0"])
    shutil.copytree(PUBLISHED.folder / "published", tmp_path / "published")
    classes = SHA256["https://stac-extensions.github.io/classification/v1.1.0/schema.json"]
    (tmp_path / "published" / classes).unlink(missing_ok=True)
    published = Published(tmp_path, may_fetch=False)
    table = validators.figures(validators.stac(release, published))
    assert table["pystac mlm 1.4.0"] == [1, 0]
    assert table["pystac mlm 1.4.0 (its classes)"] == [0, 0]
    drop_architecture(release)
    assert validators.figures(validators.stac(release, published))["pystac mlm 1.4.0"] == [1, 1]


def test_the_exit_status_tells_faults_from_what_could_not_be_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    sound = validators.Seen("rio-cogeo", "a.tif")
    wrong = validators.Seen("rio-cogeo", "a.tif", ("no overviews",))
    blind = validators.Seen("schema", None, ("it could not be had",))

    def status(*found: validators.Seen, identical: bool | None = True) -> int:
        return check_release.report(list(found), identical=identical, n_files=1)

    assert status(sound) == status(sound, identical=None) == 0
    assert status(sound, wrong) == status(sound, blind, wrong) == status(sound, identical=False) == 1
    capsys.readouterr()
    assert status(sound, blind, blind) == 3
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:4]] == [["rio-cogeo", "1", "0"], ["schema", "not", "run"]]
    assert lines[4:6] == ["schema: not run: it could not be had", "NOT CHECKED: schema"]
    assert lines[6].startswith("FIGURES {")


def test_a_copy_that_says_the_same_is_known_by_what_it_says(tmp_path: Path) -> None:
    address = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
    need(address)
    said = PUBLISHED.json(address)
    kept = tmp_path / "published" / SHA256[address]
    kept.parent.mkdir()
    kept.write_text(json.dumps(said, indent=7))
    assert Published(tmp_path, may_fetch=False).json(address) == said
    kept.write_text(json.dumps({**said, "title": "Another"}))
    with pytest.raises(NotPublished, match="remove it"):
        Published(tmp_path, may_fetch=False).raw(address)


def test_a_document_with_another_digest_than_the_one_known_is_refused(tmp_path: Path) -> None:
    address, digest = next(iter(SHA256.items()))
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / digest).write_text("{}")
    with pytest.raises(NotPublished, match=r"not .* as published: remove it"):
        Published(tmp_path, may_fetch=False).raw(address)


SOUND = {"release": "gers-1.0.0", "platform_packages": [], "files": 90, "assets": 40, "losses": [2.0, 1.5],
         "golden_px_that_differ": 0, "map_agreement": 0.999}  # fmt: skip


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, []),
        ({"platform_packages": ["learning"]}, ["outsider: nothing of the platform"]),
        ({"release": "gers-0.9.0"}, ["outsider: download"]),
        ({"assets": 0}, ["outsider: checksums of STAC"]),
        ({"losses": [2.0, 2.5]}, ["outsider: two epochs"]),
        ({"losses": [2.0]}, ["outsider: two epochs"]),
        ({"golden_px_that_differ": 3}, ["outsider: golden tile"]),
        ({"golden_px_that_differ": None}, ["outsider: golden tile"]),
        ({"map_agreement": 0.5}, ["outsider: classes of the map"]),
    ],
)
def test_each_step_of_the_outsider_can_fail(tmp_path: Path, said: dict[str, Any], wrong: list[str]) -> None:
    (tmp_path / "gers-1.0.0" / "models" / "m").mkdir(parents=True)
    (tmp_path / "gers-1.0.0" / "models" / "m" / "predict.py").write_text("")
    release = check_release.Made("gers", "1.0.0", tmp_path / "gers-1.0.0", "http://127.0.0.1:1")
    found = list(check_release.judged(SOUND | said, release))
    assert [seen.validator for seen in found if seen.errors] == wrong
    assert len(found) == 6


def test_a_release_without_runnable_code_says_so_instead_of_passing(tmp_path: Path) -> None:
    release = check_release.Made("gers", "1.0.0", tmp_path / "gers-1.0.0", "http://127.0.0.1:1")
    table = validators.figures(check_release.judged(SOUND, release))
    assert table["outsider: golden tile"] == table["outsider: classes of the map"] == [0, 0]
    assert table["outsider: two epochs"] == [1, 0]
