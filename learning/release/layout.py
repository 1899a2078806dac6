"""Names of the files and folders of a release, relative to its root, always with forward slashes."""

from __future__ import annotations

import hashlib

MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
README = "README.md"
NOTES = "NOTES.md"
CREDITS = "CREDITS.md"
LICENCE = "LICENSE.txt"
IMAGERY_LICENCE = "LICENSE-imagery.txt"
RELEASE = "release.json"
NOMENCLATURE = "nomenclature.json"
DCAT = "dcat.jsonld"

ANNOTATIONS_DIR = "annotations"
ANNOTATIONS_PARQUET = "annotations/annotations.parquet"
ANNOTATIONS_GPKG = "annotations/annotations.gpkg"
ANNOTATIONS_HISTORY = "annotations/history.parquet"
ANNOTATIONS_GEOJSON = "annotations/annotations.geojson"
ANNOTATIONS_LAYER = "annotations"

PATCHES_DIR = "patches"
PATCHES_PARQUET = "patches/patches.parquet"
PATCHES_GPKG = "patches/patches.gpkg"
PATCHES_LAYER = "patches"

DATASET_DIR = "dataset"
TILES_PARQUET = "dataset/tiles.parquet"
CLASSES_CSV = "dataset/classes.csv"
DATASET_CARD = "dataset/README.md"
DATASET_LICENCE = "dataset/LICENSE.txt"
TRAIN_CSV = "dataset/train.csv"
VAL_CSV = "dataset/val.csv"
TEST_CSV = "dataset/test.csv"
CROISSANT = "dataset/croissant.json"
LOADER = "dataset/load_dataset.py"
SHARDS_DIR = "dataset/shards"

MODELS_DIR = "models"
MAPS_DIR = "maps"
MAP_VECTORS_DIR = "maps/vectors"
MAP_STYLES_DIR = "maps/styles"
ACCURACY = "maps/accuracy.json"
PLACES = "maps/statistics/places.parquet"

CHANGE_DIR = "change"
GROUND_DIR = "artificialisation"
GROUND_PARQUET = "artificialisation/artificialisation.parquet"
GROUND_GPKG = "artificialisation/artificialisation.gpkg"
GROUND_RULE = "artificialisation/rule.json"
GROUND_FIGURES = "artificialisation/figures.json"

CATALOG = "catalog.json"
STAC_DIR = "stac"
COLLECTIONS = ("imagery", "annotations", "dataset", "models", "predictions", "change", "artificialisation")

SPLIT_OF_ROLE = {"pool": "train", "holdout": "test"}
SUBSETS = ("train", "val", "test")
VAL_EVERY = 5  # one block of the pool in so many is for validation


def metadata_json(campaign_slug: str) -> str:
    """Path of the per-image metadata file, named as FLAIR names its own."""
    return f"{DATASET_DIR}/{campaign_slug}_aerial_metadata.json"


def domain(campaign_slug: str, vintage: int) -> str:
    """FLAIR domain of a campaign: its slug and the imagery's year, where FLAIR has département and year."""
    return f"{campaign_slug}_{vintage}"


def zone(block_row: int, block_col: int) -> str:
    """FLAIR zone of a tile: the spatial block it belongs to."""
    return f"Z{block_row:04d}_{block_col:04d}"


def tile_number(*, row: int, col: int, n_cols: int) -> str:
    """Number shared by IMG_, MSK_ and the metadata: the tile's rank in the campaign's grid, from 1.

    It depends on the grid alone, so that a tile keeps its number from one release to the next.
    """
    return f"{row * n_cols + col + 1:06d}"


def subset_of(split: str, campaign_slug: str, block_row: int, block_col: int) -> str:
    """What a tile is for: a fifth of the pool's blocks validate, whichever other blocks a release holds.

    The folders are those of the split, as in FLAIR, where validation lies among the training images.
    """
    if split != "train":
        return split
    drawn = hashlib.sha256(f"{campaign_slug} {block_row} {block_col}".encode()).digest()
    return "val" if int.from_bytes(drawn[:8], "big") % VAL_EVERY == 0 else "train"


def shard_path(subset: str, number: int) -> str:
    """One tar of a large dataset."""
    return f"{SHARDS_DIR}/{subset}-{number:06d}.tar"


def image_path(campaign_slug: str, split: str, domain_name: str, zone_name: str, number: str) -> str:
    """Image of a tile, relative to `dataset/`."""
    return f"{campaign_slug}_aerial_{split}/{domain_name}/{zone_name}/img/IMG_{number}.tif"


def mask_path(campaign_slug: str, split: str, domain_name: str, zone_name: str, number: str) -> str:
    """Mask of a tile, relative to `dataset/`."""
    return f"{campaign_slug}_labels_{split}/{domain_name}/{zone_name}/msk/MSK_{number}.tif"


def model_dir(name: str, version: str) -> str:
    """Folder of one model."""
    return f"{MODELS_DIR}/{name}-{version}"


def change_accuracy(first: str) -> str:
    """Figures of change since an earlier layer, by its slug."""
    return f"{CHANGE_DIR}/{first}/accuracy.json"


def change_places(first: str) -> str:
    """The places that they were estimated from."""
    return f"{CHANGE_DIR}/{first}/places.parquet"


def collection_path(name: str) -> str:
    """A STAC collection of the release."""
    return f"{STAC_DIR}/{name}/collection.json"


def item_path(collection: str, item_id: str) -> str:
    """A STAC item of the release."""
    return f"{STAC_DIR}/{collection}/{item_id}.json"


def notices(collection: str) -> tuple[str, ...]:
    """Licence notices of a STAC collection and its items; the dataset holds labels and pixels of the imagery."""
    if collection == "imagery":
        return (IMAGERY_LICENCE,)
    return (LICENCE, IMAGERY_LICENCE) if collection == "dataset" else (LICENCE,)
