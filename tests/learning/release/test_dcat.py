"""Releases as DCAT-AP: what is named, how it is reached, and what holds for one that says less."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from learning.release import dcat
from learning.release.bundle import stage_release
from learning.release.contents import ReleaseContents
from learning.release.manifest import FileEntry, read_manifest

Json = dict[str, Any]


def nodes(root: Path) -> dict[str, Json]:
    return {node["@id"]: node for node in json.loads((root / "dcat.jsonld").read_text())["@graph"]}


def described(root: Path, **told: Any) -> dcat.Described:
    release = json.loads((root / "release.json").read_text()) | told
    listed = {entry.path: entry for entry in read_manifest(root).files}
    return dcat.Described(release, [listed[path] for path in dcat.named_files(listed)])


def test_each_kind_of_artefact_is_a_dataset_of_a_series_and_all_are_in_the_catalogue(pristine: Path) -> None:
    found = nodes(pristine)
    kinds = {iri: node["@type"] for iri, node in found.items()}
    groups = ["annotations", "dataset", "maps", "models"]
    assert kinds == {
        "dcat.jsonld#catalogue": "dcat:Catalog",
        **{f"dcat.jsonld#{group}": "dcat:Dataset" for group in groups},
        **{f"../../dcat.jsonld#gers-{group}": "dcat:DatasetSeries" for group in groups},
    }
    listed = {ref["@id"] for ref in found["dcat.jsonld#catalogue"]["dcat:dataset"]}
    assert listed == {f"dcat.jsonld#{group}" for group in groups}
    assert found["dcat.jsonld#maps"]["dcat:inSeries"] == {"@id": "../../dcat.jsonld#gers-maps"}


def test_a_file_is_named_with_its_address_size_digest_type_and_licence(pristine: Path) -> None:
    files = {
        file["dcat:downloadURL"]["@id"]: file
        for file in nodes(pristine)["dcat.jsonld#annotations"]["dcat:distribution"]
    }
    table = files["annotations/annotations.parquet"]
    content = (pristine / "annotations/annotations.parquet").read_bytes()
    assert table["spdx:checksum"]["spdx:checksumValue"]["@value"] == hashlib.sha256(content).hexdigest()
    assert table["dcat:byteSize"]["@value"] == str(len(content))
    assert table["dcat:mediaType"]["@id"].endswith("/application/vnd.apache.parquet")
    assert table["dct:license"]["rdfs:label"] == "Licence Ouverte / Open Licence 2.0"
    assert set(files) == {
        "annotations/annotations.geojson", "annotations/annotations.gpkg", "annotations/annotations.parquet",
        "annotations/annotations.sld", "annotations/history.parquet", "stac/annotations/collection.json",
    }  # fmt: skip


def test_a_dataset_says_where_when_in_what_version_and_what_came_before(pristine: Path) -> None:
    found = nodes(pristine)
    dataset = found["dcat.jsonld#dataset"]
    # 100 x 70 px of 0.2 m at (426000, 6435000) in Lambert-93: 20 m by 14 m near 0.4757 W, 44.9599 N.
    box = dataset["dct:spatial"]["dcat:bbox"]["@value"]
    assert box.startswith("POLYGON((-0.475") and box.count(",") == 4
    assert dataset["dct:temporal"]["dcat:startDate"]["@value"] == "2019-07-14"
    assert (dataset["dcat:version"], dataset["dct:issued"]["@value"]) == ("1.0.0", "2026-11-22")
    assert dataset["dcat:previousVersion"] == {"@id": "../0.9.0/dcat.jsonld#dataset"}
    assert "dcat:previousVersion" not in found["dcat.jsonld#maps"], "the release before had no map"
    assert {text["@language"] for text in dataset["dct:title"]} == {"fr", "en"}


def test_images_and_masks_of_tiles_are_left_to_their_index() -> None:
    assert dcat.named_files(
        [
            "README.md", "dataset/tiles.parquet", "dataset/train.csv", "dataset/shards/train-000000.tar",
            "dataset/gers_aerial_train/gers_2019/Z0000_0000/img/IMG_000001.tif", "stac/dataset/collection.json",
            "stac/dataset/IMG_000001.json", "models/unet-1/model.onnx", "maps/vectors/a.gpkg", "maps/a.tif",
        ]
    ) == [
        "dataset/shards/train-000000.tar", "dataset/tiles.parquet", "dataset/train.csv", "maps/a.tif",
        "maps/vectors/a.gpkg", "models/unet-1/model.onnx", "stac/dataset/collection.json",
    ]  # fmt: skip


def test_a_map_in_very_many_pieces_is_left_to_its_stac_collection() -> None:
    pieces = [f"maps/{number}.tif" for number in range(dcat.MOST_FILES + 1)]
    rest = ["maps/accuracy.json", "stac/predictions/collection.json"]
    assert dcat.named_files([*pieces, *rest]) == rest
    assert len(dcat.named_files([*pieces[1:], *rest])) == dcat.MOST_FILES + 2


def test_files_under_two_licences_have_none_of_their_own_and_say_both(pristine: Path) -> None:
    told = described(pristine, dataset_licence="etalab-2.0 AND CC-BY-4.0")
    by_group = {dcat.group_of(node): node for node in dcat.dataset_nodes(told)}
    mixed, single = by_group["dataset"]["dcat:distribution"][0], by_group["maps"]["dcat:distribution"][0]
    assert "dct:license" not in mixed and "etalab-2.0 AND CC-BY-4.0 (LICENSE.txt)" in mixed["dct:rights"]["rdfs:label"]
    assert single["dct:license"]["@type"] == "dct:LicenseDocument"


def test_imagery_of_no_known_day_covers_its_year_and_a_system_without_code_is_not_named(pristine: Path) -> None:
    told = described(pristine)
    layer = told.told["layer"] | {"acquired_on": None, "crs": "+proj=laea +lat_0=45 +lon_0=0 +units=m"}
    dataset = dcat.dataset_nodes(replace(told, told={**told.told, "layer": layer}))[0]
    assert dataset["dct:temporal"]["dcat:startDate"]["@value"] == "2019-01-01"
    assert dataset["dct:temporal"]["dcat:endDate"]["@value"] == "2019-12-31"
    assert dataset["dct:conformsTo"] == []


def test_addresses_become_those_that_the_site_serves() -> None:
    base = "https://maps.example.org/releases/gers-1.0.0/files/dcat.jsonld"
    node = {"@id": "dcat.jsonld#maps", "dcat:inSeries": {"@id": "../../dcat.jsonld#gers-maps"}, "x": [{"@id": "../"}]}
    assert dcat.resolved(node, base) == {
        "@id": "https://maps.example.org/releases/gers-1.0.0/files/dcat.jsonld#maps",
        "dcat:inSeries": {"@id": "https://maps.example.org/releases/dcat.jsonld#gers-maps"},
        "x": [{"@id": "https://maps.example.org/releases/gers-1.0.0/"}],
    }


def test_a_release_without_model_and_map_has_two_datasets(
    changed: Callable[..., ReleaseContents], tmp_path: Path
) -> None:
    stage_release(changed(model=None, maps=None), tmp_path / "r.staging")
    groups = [iri for iri, node in nodes(tmp_path / "r.staging").items() if node["@type"] == "dcat:Dataset"]
    assert groups == ["dcat.jsonld#annotations", "dcat.jsonld#dataset"]


def test_a_collection_alone_makes_no_dataset(pristine: Path) -> None:
    told = described(pristine)
    only = [FileEntry("stac/predictions/collection.json", 1, "0" * 64)]
    assert dcat.dataset_nodes(replace(told, files=only)) == []
