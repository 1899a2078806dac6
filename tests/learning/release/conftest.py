"""One small release: 3 x 2 tiles of 32 px in Lambert-93, three classes, a model, a map. Generated and
seeded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from released_rows import TILE_PX, make_batch, make_records
from safetensors.numpy import save_file

from learning.release.bundle import stage_release
from learning.release.contents import (
    CampaignInfo,
    ClassInfo,
    ClassScore,
    DatasetTile,
    HoldoutScores,
    Interval,
    LayerInfo,
    MapFile,
    MapRecord,
    ModelRecord,
    NomenclatureInfo,
    PreviousRelease,
    ReleaseContents,
    TrainingSummary,
)

WIDTH, HEIGHT = 100, 70  # tiles of 32 px: 3 columns and 2 rows of whole tiles; 4 px and 6 px remain
TRANSFORM = (0.2, 0.0, 426000.0, 0.0, -0.2, 6435000.0)
COLOURS = {1: (255, 55, 122, 255), 2: (0, 204, 242, 255), 3: (204, 242, 77, 255)}


def write_layer(path: Path) -> np.ndarray:
    pixels = np.random.default_rng(7).integers(0, 255, (4, HEIGHT, WIDTH), dtype=np.uint8)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=WIDTH,
        height=HEIGHT,
        count=4,
        dtype="uint8",
        crs="EPSG:2154",
        transform=Affine(*TRANSFORM),
        photometric="minisblack",
    ) as target:
        target.write(pixels)
    return pixels


def write_cog(path: Path, *, palette: dict[int, tuple[int, ...]] | None, nodata: int | None) -> None:
    plain = path.with_suffix(".plain.tif")
    values = np.random.default_rng(3).integers(1, 4, (HEIGHT, WIDTH), dtype=np.uint8)
    with rasterio.open(
        plain,
        "w",
        driver="GTiff",
        width=WIDTH,
        height=HEIGHT,
        count=1,
        dtype="uint8",
        crs="EPSG:2154",
        transform=Affine(*TRANSFORM),
        nodata=nodata,
    ) as target:
        target.write(values, 1)
        if palette:
            target.write_colormap(1, palette)
    rasterio.shutil.copy(plain, path, driver="COG", compress="DEFLATE", blocksize=128)
    plain.unlink()


def make_class(code: str, value: int | None, colour: str, fr: str, en: str, parent: str | None = None) -> ClassInfo:
    return ClassInfo(
        code=code,
        parent=parent,
        name={"fr": fr, "en": en},
        definition={"fr": "", "en": ""},
        colour=colour,
        selectable=value is not None,
        raster_value=value,
    )


def make_tiles() -> list[DatasetTile]:
    first = np.zeros((TILE_PX, TILE_PX), np.uint8)
    first[:8, :8], first[:8, 8:16] = 1, 2
    second = np.zeros((TILE_PX, TILE_PX), np.uint8)
    second[:20, :20] = 3
    second[4:9, 4:9] = 0
    third = np.zeros((TILE_PX, TILE_PX), np.uint8)
    third[1:31, 1:31] = 2
    return [
        DatasetTile("t00", 0, 0, (0, 0), "pool", first, ("r00-2",), date(2019, 7, 14)),
        DatasetTile("t01", 0, 1, (0, 0), "pool", second, ("r01-2", "r01-1"), None),
        DatasetTile("t12", 1, 2, (0, 1), "holdout", third, ("r12-2",), date(2019, 7, 14)),
    ]


def make_model(weights: Path) -> ModelRecord:
    tensors = {"head.weight": np.ones((3, 4), np.float32), "head.bias": np.zeros(3, np.float32)}
    save_file(tensors, weights, metadata={"classes": "CS1.1.1.1 CS1.2.2 CS2.2.1"})
    scores = HoldoutScores(
        holdout_id="h-1",
        tiles=1,
        pixels=900,
        convention="Rows are the truth; absent classes are left out of the mean.",
        confidence_level=0.95,
        bootstrap_replicates=200,
        resampling_unit="tiles",
        independent_of_training=True,
        miou=Interval(0.61, 0.55, 0.66),
        overall_accuracy=Interval(0.8, 0.75, 0.85),
        classes=(
            ClassScore("CS1.2.2", Interval(0.61, 0.55, 0.66), 0.757, 900),
            ClassScore("CS2.2.1", None, None, 0),
        ),
        confusion_codes=("CS1.2.2",),
        confusion=((900,),),
    )
    training = TrainingSummary(
        training_set_id="ts-1",
        training_set_sha256="ab" * 32,
        tiles=2,
        labelled_px=503,
        seed=11,
        code_commit="0123abc",
        software={"torch": "2.14.1"},
        hyperparameters={"epochs": 3, "loss": "cross-entropy"},
        finished_at=datetime(2026, 11, 10, 8, 30, tzinfo=UTC),
    )
    return ModelRecord(
        name="gers-unet",
        version="3",
        weights_path=weights,
        architecture="unet",
        encoder="resnet34",
        bands=("R", "G", "B", "NIR"),
        mean=(105.0, 110.0, 101.0, 106.0),
        std=(52.0, 45.0, 44.0, 39.0),
        patch_px=32,
        class_codes=("CS1.1.1.1", "CS1.2.2", "CS2.2.1"),
        nomenclature_code="ocsge-cover",
        nomenclature_version="2",
        parameters=15,
        framework_version="2.14.1",
        licence="etalab-2.0",
        training=training,
        scores=scores,
    )


def make_contents(folder: Path) -> ReleaseContents:
    """Contents whose source files are written in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_layer(folder / "analysis.tif")
    write_cog(folder / "class.tif", palette={0: (0, 0, 0, 0), **COLOURS}, nodata=0)
    write_cog(folder / "entropy.tif", palette=None, nodata=None)
    layer = LayerInfo(
        slug="gers-2019",
        title="BD ORTHO Gers 2019",
        crs="EPSG:2154",
        transform=TRANSFORM,
        width=WIDTH,
        height=HEIGHT,
        gsd_m=0.2,
        vintage=2019,
        acquired_on=date(2019, 7, 14),
        bands=("R", "G", "B", "NIR"),
        dtype="uint8",
        nodata=None,
        licence="etalab-2.0",
        attribution="© IGN, BD ORTHO 2019",
        analysis_path=folder / "analysis.tif",
        sha256=hashlib.sha256((folder / "analysis.tif").read_bytes()).hexdigest(),
    )
    nomenclature = NomenclatureInfo(
        code="ocsge-cover",
        version="2",
        title={"fr": "Couverture", "en": "Cover"},
        source="OCS GE",
        classes=(
            make_class("CS1", None, "#888888", "Sans végétation", "Without vegetation"),
            make_class("CS1.1.1.1", 1, "#FF377A", "Zones bâties", "Built-up areas", "CS1"),
            make_class("CS1.2.2", 2, "#00CCF2", "Eau", "Water", "CS1"),
            make_class("CS2.2.1", 3, "#CCF24D", "Formations herbacées", "Herbaceous"),
        ),
    )
    maps = MapRecord(
        prediction_id="p-9",
        model_name="gers-unet",
        model_version="3",
        predicted_on=date(2026, 11, 12),
        files=(MapFile(folder / "class.tif", folder / "entropy.tif"),),
        entropy_scale=1.0986 / 254,
        entropy_offset=-1.0986 / 254,
        entropy_nodata=0,
    )
    return ReleaseContents(
        version="1.0.0",
        title={"fr": "Sols du Gers", "en": "Soils of Gers"},
        description={"fr": "Occupation du sol du Gers.", "en": "Land cover of Gers."},
        published_on=datetime(2026, 11, 22, 9, 0, tzinfo=UTC),
        licence="etalab-2.0",
        attribution="Solcommun contributors; imagery © IGN, BD ORTHO 2019",
        campaign=CampaignInfo(
            "gers", "Gers", "All of Gers.", TILE_PX, holdout_seed=5, holdout_inclusion_probability=0.1
        ),
        layer=layer,
        nomenclature=nomenclature,
        annotations=[make_batch(make_records())],
        tiles=make_tiles(),
        software_version="0.1.0",
        code_commit="0123abc",
        code_url="https://example.org/solcommun",
        model=make_model(folder / "weights.safetensors"),
        maps=maps,
        previous=PreviousRelease("0.9.0", "../0.9.0", frozenset({"annotations", "dataset"})),
    )


@pytest.fixture
def contents(tmp_path: Path) -> ReleaseContents:
    return make_contents(tmp_path / "sources")


@pytest.fixture
def changed(contents: ReleaseContents) -> Callable[..., ReleaseContents]:
    """The contents with some fields replaced."""
    return lambda **fields: replace(contents, **fields)


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staged release that no test may alter."""
    base = tmp_path_factory.mktemp("pristine")
    stage_release(make_contents(base / "sources"), base / "release.staging")
    return base / "release.staging"


@pytest.fixture
def release(pristine: Path, tmp_path: Path) -> Path:
    """A copy of the staged release, to be altered at will."""
    import shutil

    copy = tmp_path / "release"
    shutil.copytree(pristine, copy)
    for path in copy.rglob("*"):
        if path.is_file():
            path.chmod(0o644)
    return copy
