from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely

from learning.release.contents import ReleaseContents
from learning.release.dataset import write_dataset, write_image, write_mask
from learning.release.errors import InvalidContents
from learning.release.formats import geoparquet_problems
from learning.release.layout import subset_of

TRAIN = "gers_aerial_train/gers_2019/Z0000_0000/img/IMG_000002.tif"
TRAIN_MASK = "gers_labels_train/gers_2019/Z0000_0000/msk/MSK_000002.tif"


def test_validation_takes_whole_blocks_of_the_pool_the_same_in_every_release() -> None:
    blocks = [(row, col) for row in range(40) for col in range(40)]
    drawn = {block for block in blocks if subset_of("train", "gers", *block) == "val"}
    assert 0.17 < len(drawn) / len(blocks) < 0.23, "about a fifth"
    assert drawn != {block for block in blocks if subset_of("train", "tarn", *block) == "val"}
    assert subset_of("test", "gers", *next(iter(drawn))) == "test", "the hold-out stays what it is"


def test_tiles_of_a_validating_block_are_in_its_list_and_not_in_the_other(
    contents: ReleaseContents, tmp_path: Path
) -> None:
    validating = next((0, col) for col in range(50) if subset_of("train", "gers", 0, col) == "val")
    first, *others = contents.tiles
    tiles = [replace(first, block=validating), *others]
    summary = write_dataset(
        tmp_path, tiles, campaign=contents.campaign, layer=contents.layer, nomenclature=contents.nomenclature
    )
    assert summary.tiles == {"test": 1, "train": 2} and summary.subsets == {"train": 1, "val": 1, "test": 1}
    folder = tmp_path / "dataset"
    [[image, _]] = read_csv(folder / "val.csv")
    assert image.startswith("gers_aerial_train/") and image not in [row[0] for row in read_csv(folder / "train.csv")]
    assert pq.read_table(folder / "tiles.parquet").column("subset").to_pylist() == ["val", "train", "test"]


def test_the_index_is_geoparquet_with_the_outline_of_each_tile(pristine: Path) -> None:
    path = pristine / "dataset/tiles.parquet"
    assert not list(geoparquet_problems(path))
    outlines = pq.read_table(path)
    [first, *_] = shapely.from_wkb(outlines.column("geometry").to_pylist())
    # 32 px of 0.2 m from the upper left corner.
    assert first.bounds == pytest.approx((426000, 6434993.6, 426006.4, 6435000))
    assert outlines.column("bbox").to_pylist()[0]["xmax"] == pytest.approx(426006.4)
    with rasterio.open(pristine / "dataset" / outlines.column("image").to_pylist()[0]) as image:
        assert tuple(image.bounds) == pytest.approx(first.bounds)


def read_csv(path: Path) -> list[list[str]]:
    with path.open(newline="") as handle:
        return list(csv.reader(handle))


def test_the_lists_pair_images_and_masks_and_the_holdout_is_the_test_split(pristine: Path) -> None:
    folder = pristine / "dataset"
    train, test = read_csv(folder / "train.csv"), read_csv(folder / "test.csv")
    assert train[1] == [TRAIN, TRAIN_MASK]
    assert len(train) == 2
    assert test == [
        [
            # row 1, column 2 of a grid of 3 columns: 1*3 + 2 + 1 = 6
            "gers_aerial_test/gers_2019/Z0000_0001/img/IMG_000006.tif",
            "gers_labels_test/gers_2019/Z0000_0001/msk/MSK_000006.tif",
        ]
    ]
    assert all((folder / path).is_file() for row in train + test for path in row)


def test_an_image_is_the_layer_s_own_pixels_at_its_own_place(contents: ReleaseContents, pristine: Path) -> None:
    with rasterio.open(contents.layer.analysis_path, driver="GTiff") as source:
        expected = source.read()[:, :32, 32:64]
    with rasterio.open(pristine / "dataset" / TRAIN, driver="GTiff") as image:
        assert np.array_equal(image.read(), expected)
        assert image.descriptions == ("R", "G", "B", "NIR")
        assert image.crs.to_epsg() == 2154
        assert tuple(image.transform)[:6] == pytest.approx((0.2, 0, 426006.4, 0, -0.2, 6435000.0))


def test_a_mask_is_uint8_with_the_nomenclature_s_colours_and_zero_for_unlabelled(
    contents: ReleaseContents, pristine: Path
) -> None:
    with rasterio.open(pristine / "dataset" / TRAIN_MASK, driver="GTiff") as mask:
        assert mask.dtypes == ("uint8",)
        assert mask.nodata == 0
        assert np.array_equal(mask.read(1), list(contents.tiles)[1].mask)
        table = mask.colormap(1)
    assert table[3] == (204, 242, 77, 255)
    assert table[0][3] == 0


def test_the_index_has_one_row_a_tile_with_counts_and_digests(pristine: Path) -> None:
    rows = pq.read_table(pristine / "dataset/tiles.parquet").to_pylist()
    assert [row["id"] for row in rows] == ["IMG_000001", "IMG_000002", "IMG_000006"]
    assert [row["split"] for row in rows] == ["train", "train", "test"]
    assert dict(rows[0]["class_px"]) == {"CS1.1.1.1": 64, "CS1.2.2": 64}
    assert dict(rows[1]["class_px"]) == {"CS2.2.1": 20 * 20 - 5 * 5}
    assert rows[1]["revision_ids"] == ["r01-1", "r01-2"]
    assert rows[1]["date"] == date(2019, 7, 14)  # the tile has no date of its own: the layer's
    for row in rows:
        image = (pristine / "dataset" / row["image"]).read_bytes()
        assert (len(image), sha256(image).hexdigest()) == (row["image_size"], row["image_sha256"])


def test_the_metadata_gives_centroids_by_image(pristine: Path) -> None:
    metadata = json.loads((pristine / "dataset/gers_aerial_metadata.json").read_text())
    assert metadata["IMG_000006"] == {
        "patch_centroid_x": pytest.approx(426000 + (2 * 32 + 16) * 0.2),
        "patch_centroid_y": pytest.approx(6435000 - (32 + 16) * 0.2),
        "date": "2019-07-14",
        "domain": "gers_2019",
        "zone": "Z0000_0001",
        "split": "test",
        "subset": "test",
    }


def test_class_names_that_look_like_formulas_are_disarmed(contents: ReleaseContents, tmp_path: Path) -> None:
    classes = tuple(
        replace(item, name={"fr": '=HYPERLINK("x")', "en": "@SUM(1)"}) if item.raster_value == 2 else item
        for item in contents.nomenclature.classes
    )
    nomenclature = replace(contents.nomenclature, classes=classes)
    write_dataset(tmp_path, contents.tiles, campaign=contents.campaign, layer=contents.layer, nomenclature=nomenclature)
    rows = read_csv(tmp_path / "dataset/classes.csv")
    assert rows[2] == ["2", "CS1.2.2", "CS1", '\'=HYPERLINK("x")', "'@SUM(1)", "#00CCF2"]


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda t: replace(t, row=2), "outside the grid of 2 x 3"),
        (lambda t: replace(t, role="buffer"), "buffer"),
        (lambda t: replace(t, mask=t.mask[:16]), "expected uint8 of 32 px"),
        (lambda t: replace(t, mask=t.mask.astype(np.int64)), "int64"),
        (lambda t: replace(t, mask=np.full((32, 32), 9, np.uint8)), r"values \[9\]"),
    ],
)
def test_a_tile_that_breaks_a_rule_is_refused(
    contents: ReleaseContents, tmp_path: Path, alter: Callable, message: str
) -> None:
    tiles = [alter(next(iter(contents.tiles)))]
    with pytest.raises(InvalidContents, match=message):
        write_dataset(
            tmp_path,
            tiles,
            campaign=contents.campaign,
            layer=contents.layer,
            nomenclature=contents.nomenclature,
        )


def test_a_layer_whose_file_does_not_match_its_record_is_refused(contents: ReleaseContents, tmp_path: Path) -> None:
    layer = replace(contents.layer, width=contents.layer.width + 1)
    with pytest.raises(InvalidContents, match=r"analysis\.tif"):
        write_dataset(
            tmp_path,
            contents.tiles,
            campaign=contents.campaign,
            layer=layer,
            nomenclature=contents.nomenclature,
        )


def test_images_and_masks_are_the_same_bytes_whatever_number_of_threads_gdal_may_use(
    contents: ReleaseContents, tmp_path: Path
) -> None:
    rng, transform = np.random.default_rng(5), rasterio.Affine(*contents.layer.transform)
    mask, image = rng.integers(0, 4, (128, 128), np.uint8), rng.integers(0, 255, (4, 128, 128), np.uint8)
    written = []
    for threads in ("1", "4"):
        folder = tmp_path / threads
        with rasterio.Env(GDAL_NUM_THREADS=threads):
            write_mask(
                folder / "m.tif", mask, crs="EPSG:2154", transform=transform, classes=contents.nomenclature.classes
            )
            write_image(folder / "i.tif", image, layer=contents.layer, transform=transform)
        written.append([(folder / name).read_bytes() for name in ("m.tif", "i.tif")])
    assert written[0] == written[1]
