from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pystac
import pytest
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.label import LabelExtension
from pystac.extensions.mlm import MLMExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from learning.release.stac import relative
from learning.release.stac_check import check_stac

TILE, MODEL = "stac/dataset/IMG_000002.json", "stac/models/gers-unet-3.json"
MAP, LABELS = "stac/predictions/gers-2019-0420-6440.json", "stac/annotations/gers-annotations.json"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def load(root: Path, path: str) -> dict[str, Any]:
    return json.loads((root / path).read_text())


def documents(root: Path) -> list[Path]:
    return [root / "catalog.json", *sorted((root / "stac").rglob("*.json"))]


def test_every_document_passes_the_core_schemas_of_stac_1_1(pristine: Path) -> None:
    kinds = {"Catalog": "CATALOG", "Collection": "COLLECTION", "Feature": "ITEM"}
    validator = JsonSchemaSTACValidator()
    for path in documents(pristine):
        thing = json.loads(path.read_text())
        kind = pystac.STACObjectType[kinds[thing["type"]]]
        assert validator.validate_core(thing, kind, "1.1.0", href=str(path)) is not None


def test_the_whole_catalogue_is_reached_by_its_own_relative_links(pristine: Path) -> None:
    catalog = pystac.Catalog.from_file(str(pristine / "catalog.json"))
    assert [c.id for c in catalog.get_children()] == [
        "gers-imagery", "gers-annotations", "gers-dataset", "gers-models", "gers-predictions",
    ]  # fmt: skip
    assert {item.id for item in catalog.get_items(recursive=True)} == {
        "gers-2019", "gers-annotations", "IMG_000001", "IMG_000002", "IMG_000006", "gers-unet-3",
        "gers-2019-0420-6440",
    }  # fmt: skip
    hrefs = [link["href"] for path in documents(pristine) for link in json.loads(path.read_text())["links"]]
    assert all(href.startswith(("./", "../")) for href in hrefs)


def test_a_sound_catalogue_has_no_fault(pristine: Path) -> None:
    assert check_stac(pristine) == []


def test_pystac_reads_the_extensions(pristine: Path) -> None:
    model = pystac.Item.from_file(str(pristine / MODEL))
    mlm = MLMExtension.ext(model)
    assert (mlm.mlm_name, mlm.tasks, mlm.framework) == ("gers-unet", ["semantic-segmentation"], "PyTorch")
    assert mlm.input[0].input.shape == [-1, 4, 32, 32]
    assert model.assets["weights"].roles == ["mlm:model", "mlm:weights"]
    tile = pystac.Item.from_file(str(pristine / TILE))
    assert ProjectionExtension.ext(tile).code == "EPSG:2154"
    assert LabelExtension.ext(tile).label_type == "raster"
    assert FileExtension.ext(tile.assets["labels"]).size == 2460
    chart = pystac.Item.from_file(str(pristine / MAP))
    classes = ClassificationExtension.ext(chart.assets["classes"]).classes
    assert classes is not None
    assert [(c.value, c.name, c.color_hint) for c in classes] == [
        (0, "no-data", None),
        (1, "CS1-1-1-1", "FF377A"),
        (2, "CS1-2-2", "00CCF2"),
        (3, "CS2-2-1", "CCF24D"),
    ]


def test_a_tile_s_footprint_and_pixels_are_its_own(pristine: Path) -> None:
    properties = load(pristine, TILE)["properties"]
    assert properties["proj:shape"] == [32, 32]
    assert properties["proj:transform"] == pytest.approx([0.2, 0, 426006.4, 0, -0.2, 6435000])
    assert properties["proj:bbox"] == pytest.approx([426006.4, 6434993.6, 426012.8, 6435000])
    assert properties["datetime"] == "2019-07-14T00:00:00Z"
    west, south, east, north = load(pristine, TILE)["bbox"]
    # 274 km west and 165 km south of Lambert-93's origin (3° E, 46.5° N): about 3.47° and 1.54°
    assert -0.49 < west < east < -0.46
    assert 44.95 < south < north < 44.97


def test_a_map_says_what_it_is_derived_from(pristine: Path) -> None:
    chart = load(pristine, MAP)
    targets = {link["href"] for link in chart["links"] if link["rel"] == "derived_from"}
    assert targets == {"../imagery/gers-2019.json", "../models/gers-unet-3.json", "../dataset/collection.json"}
    assert chart["properties"]["processing:level"] == "L4"
    entropy = chart["assets"]["entropy"]
    # a stored 255 is the entropy of three equal classes, ln 3 = 1.0986 nats
    assert 255 * entropy["raster:scale"] + entropy["raster:offset"] == pytest.approx(1.0986)


def test_the_previous_release_is_linked_from_the_collections_it_had(pristine: Path) -> None:
    def predecessors(name: str) -> list[str]:
        links = load(pristine, f"stac/{name}/collection.json")["links"]
        return [link["href"] for link in links if link["rel"] == "predecessor-version"]

    assert predecessors("annotations") == ["../../../0.9.0/stac/annotations/collection.json"]
    assert predecessors("models") == []


@pytest.mark.parametrize(
    ("target", "seen_from", "href"),
    [
        ("catalog.json", "stac/x/collection.json", "../../catalog.json"),
        ("stac/x/a.json", "stac/x/collection.json", "./a.json"),
        ("stac/x/a.json", "catalog.json", "./stac/x/a.json"),
        ("LICENSE.txt", "stac/x/a.json", "../../LICENSE.txt"),
    ],
)
def test_addresses_are_relative(target: str, seen_from: str, href: str) -> None:
    assert relative(target, seen_from=seen_from) == href


def drop(*keys: str) -> Callable[[dict[str, Any]], None]:
    def alter(thing: dict[str, Any]) -> None:
        place: Any = thing
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return alter


def without_classes(thing: dict[str, Any]) -> None:
    for asset in thing["assets"].values():
        asset.pop("classification:classes", None)


def put(value: object, *keys: str) -> Callable[[dict[str, Any]], None]:
    def alter(thing: dict[str, Any]) -> None:
        place: Any = thing
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return alter


def without_link(rel: str) -> Callable[[dict[str, Any]], None]:
    def alter(thing: dict[str, Any]) -> None:
        thing["links"] = [link for link in thing["links"] if link["rel"] != rel]

    return alter


@pytest.mark.parametrize(
    ("path", "alter", "problem"),
    [
        ("catalog.json", drop("description"), "required fields are missing: description"),
        ("catalog.json", put("1.0.0", "stac_version"), "stac_version"),
        ("stac/models/collection.json", drop("license"), "license"),
        ("stac/models/collection.json", drop("extent", "spatial"), "extent lacks"),
        ("stac/models/collection.json", drop("version"), "version: version is required"),
        (TILE, drop("geometry"), "geometry"),
        (TILE, drop("properties", "datetime"), "datetime is missing"),
        (TILE, put(None, "properties", "datetime"), "start_datetime"),
        (TILE, put([0, 0, 200, 1], "bbox"), "bbox"),
        (TILE, without_link("root"), "no root link"),
        (TILE, without_link("collection"), "no collection link"),
        (TILE, put("./nothing.tif", "assets", "image", "href"), "not a file of the release"),
        (TILE, put("../../../../etc/passwd", "assets", "image", "href"), "not a file of the release"),
        (TILE, put(1, "assets", "image", "file:size"), "file:size is 1"),
        (TILE, put("1220" + "0" * 64, "assets", "image", "file:checksum"), "is not that of"),
        (TILE, put("0" * 64, "assets", "image", "file:checksum"), "expected 1220"),
        (TILE, put(["x"], "properties", "label:properties"), "null is for rasters"),
        (TILE, put("lines", "properties", "label:type"), "label:type is 'lines'"),
        (TILE, put([], "stac_extensions"), "fields of the extension label are used"),
        (TILE, put("2154", "properties", "proj:code"), "AUTHORITY:CODE"),
        (LABELS, drop("properties", "label:description"), "label:description is required"),
        (LABELS, put("application/json", "assets", "labels", "type"), "GeoJSON asset"),
        (LABELS, drop("properties", "table:columns"), "table:columns is required"),
        (MODEL, drop("properties", "mlm:architecture"), "mlm:architecture is required"),
        (MODEL, put(["data"], "assets", "weights", "roles"), "no asset has the role mlm:model"),
        (MODEL, drop("assets", "weights", "mlm:artifact_type"), "mlm:artifact_type is required"),
        (MODEL, put([{"name": "R"}], "assets", "weights", "bands"), "are not described"),
        (MODEL, put([{"name": "x"}], "properties", "mlm:output"), "lacks name or result"),
        (MAP, put("#00ccf2", "assets", "classes", "classification:classes"), "color_hint"),
        (MAP, without_classes, "no classification:classes"),
        (MAP, put({"format": "x"}, "properties", "processing:expression"), "format and expression"),
    ],
)
def test_a_broken_document_is_named_with_its_problem(
    release: Path, path: str, alter: Callable[[dict[str, Any]], None], problem: str
) -> None:
    thing = load(release, path)
    if problem == "color_hint":
        thing["assets"]["classes"]["classification:classes"][1]["color_hint"] = "#00ccf2"
    else:
        alter(thing)
    (release / path).write_text(json.dumps(thing))
    assert any(fault.path == path and problem in fault.problem for fault in check_stac(release))


def test_an_item_that_nothing_links_to_is_named(release: Path) -> None:
    (release / "stac/dataset/orphan.json").write_text("{}")
    assert [fault.path for fault in check_stac(release)] == ["stac/dataset/orphan.json"]


def test_a_link_to_a_missing_item_names_the_document_that_holds_it(release: Path) -> None:
    (release / TILE).unlink()
    faults = {fault.path for fault in check_stac(release)}
    assert "stac/dataset/collection.json" in faults
