"""Small, seeded scenes for tests: real GeoTIFFs, real imports, real rows. No test builds its own world twice."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from django.contrib.auth import get_user_model
from numpy.typing import NDArray
from rasterio.transform import from_origin

LAMBERT_93 = "EPSG:2154"
GSD_M = 0.20
ORIGIN = (500_000.0, 6_290_000.0)  # somewhere in the Gers

TWO_CLASSES = ("CS1.1.1.1", "CS2.2.1")


def checker_truth(height: int, width: int, *, square_px: int = 32) -> NDArray[np.uint8]:
    """Label raster of squares: 1 and 2 alternate."""
    rows, cols = np.mgrid[0:height, 0:width]
    return (1 + (rows // square_px + cols // square_px) % 2).astype(np.uint8)


def image_of(truth: NDArray[np.uint8], *, seed: int = 1) -> NDArray[np.uint8]:
    """Four bands in which class 1 is grey and class 2 green, with noise: uint8 (4, h, w)."""
    rng = np.random.default_rng(seed)
    colours = np.array([[0, 0, 0, 0], [150, 145, 150, 90], [70, 120, 60, 190]], dtype=np.int16)
    clean = colours[np.minimum(truth, 2)].transpose(2, 0, 1)
    noisy = clean + rng.normal(0, 12, size=clean.shape)
    return np.clip(noisy, 1, 255).astype(np.uint8)


def write_geotiff(
    path: Path, pixels: NDArray[Any], *, origin: tuple[float, float] = ORIGIN, crs: str | None = LAMBERT_93
) -> Path:
    """A plain tiled GeoTIFF."""
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=pixels.shape[1],
        width=pixels.shape[2],
        count=pixels.shape[0],
        dtype=pixels.dtype,
        crs=crs,
        transform=from_origin(*origin, GSD_M, GSD_M),
        tiled=True,
        blockxsize=256,
        blockysize=256,
    ) as dataset:
        dataset.write(pixels)
    return path


def person(name: str, **more: Any) -> Any:
    """An account that has agreed to the contributions' licence."""
    from annotation.services.people import accept_contribution_licence

    user = get_user_model().objects.create_user(username=name, password="a-long-passphrase", **more)
    accept_contribution_licence(user=user)
    return user


def nomenclature(code: str = "ocsge_cover") -> Any:
    """A shipped nomenclature, loaded."""
    from annotation.services.nomenclatures import DATA_FOLDER, load_nomenclature_file

    return load_nomenclature_file(path=DATA_FOLDER / f"{code}.json")


def virtual_layer(slug: str = "virtual", *, width: int = 4096, height: int = 4096) -> Any:
    """A layer's row without files: enough for queues, leases and labels, which never read a pixel."""
    from annotation.models import ImageryLayer

    return ImageryLayer.objects.create(
        slug=slug,
        title=slug,
        vintage=2022,
        licence="etalab-2.0",
        attribution="Generated for tests",
        crs=LAMBERT_93,
        transform=[GSD_M, 0.0, ORIGIN[0], 0.0, -GSD_M, ORIGIN[1]],
        width=width,
        height=height,
        gsd_m=GSD_M,
        bands=["R", "G", "B", "NIR"],
        dtype="uint8",
        folder=f"{slug}-{uuid.uuid4().hex[:8]}",
        files={"analysis.tif": "0" * 64},
        stretch={name: [0, 255] for name in ("R", "G", "B", "NIR")},
    )


def real_layer(
    folder: Path, slug: str = "scene", *, size_px: int = 512, seed: int = 1, truth: NDArray[np.uint8] | None = None
) -> tuple[Any, NDArray[np.uint8]]:
    """A layer imported by the real job from a generated GeoTIFF; returns it and its truth raster, by default squares
    of two classes."""
    from annotation.jobs.imagery import import_imagery
    from annotation.models import ImageryLayer
    from annotation.services.imagery import start_import
    from annotation.services.jobs import claim_job, run_claimed_job

    truth = checker_truth(size_px, size_px) if truth is None else truth
    source = write_geotiff(folder / f"{slug}.tif", image_of(truth, seed=seed))
    job = start_import(
        paths=[str(source)],
        slug=slug,
        title=slug,
        vintage=2022,
        licence="etalab-2.0",
        attribution="Generated for tests",
        band_names=["R", "G", "B", "NIR"],
    )
    claimed = claim_job(str(job.id))
    assert claimed is not None
    run_claimed_job(claimed, import_imagery)
    claimed.refresh_from_db()
    assert claimed.state == "succeeded", claimed.error
    return ImageryLayer.objects.get(slug=slug), truth


def campaign(slug: str = "camp", *, layer: Any = None, tile_px: int = 128, **options: Any) -> Any:
    """An open campaign."""
    from annotation.services.campaigns import open_campaign

    return open_campaign(
        slug=slug,
        title=slug,
        layer=layer or virtual_layer(f"layer-{slug}"),
        nomenclature=options.pop("nomenclature", None) or nomenclature(),
        tile_px=tile_px,
        created_by=options.pop("created_by", None),
        **options,
    )


def square(code: str, x: int, y: int, side: int, name: str = "") -> dict[str, Any]:
    """A square feature; x, y, side in pixels of the tile."""
    x, y, side = x * 8, y * 8, side * 8
    return {
        "id": name or f"f{x}-{y}",
        "class_code": code,
        "rings": [[[x, y], [x + side, y], [x + side, y + side], [x, y + side]]],
        "provenance": "drawn",
    }


def truth_features(truth: NDArray[np.uint8], tile: Any, codes: tuple[str, ...] = TWO_CLASSES) -> list[dict[str, Any]]:
    """A tile's labels exactly as the truth raster has them."""
    from annotation.core.labels import polygonize_labels

    size = tile.campaign.tile_px
    window = truth[tile.row * size : (tile.row + 1) * size, tile.col * size : (tile.col + 1) * size]
    found = polygonize_labels(window, class_codes=dict(enumerate(codes, start=1)), simplify_px=0.0)
    return [feature.as_json() for feature in found]


def accepted(campaign: Any, tile: Any, author: Any, reviewer: Any, features: list[dict[str, Any]]) -> Any:
    """An accepted annotation, made through the services as anyone would."""
    from annotation.models import Lease
    from annotation.services.annotations import save_annotation, submit_annotation
    from annotation.services.clock import database_now
    from annotation.services.people import role_in, set_role
    from annotation.services.reviews import record_review

    if role_in(campaign=campaign, user=reviewer) == "annotator":
        set_role(campaign=campaign, user=reviewer, role="reviewer")
    Lease.objects.get_or_create(
        tile=tile, annotator=author, defaults={"granted_at": database_now(), "expires_at": database_now()}
    )
    saved = save_annotation(
        tile=tile, annotator=author, features=features, operation_id=uuid.uuid4(), expected_version=0
    )
    submit_annotation(tile=tile, annotator=author, operation_id=uuid.uuid4(), expected_version=saved.version)
    if campaign.review_policy == "review":
        record_review(
            annotation_id=saved.annotation.pk,
            reviewer=reviewer,
            verdict="accept",
            operation_id=uuid.uuid4(),
            expected_version=saved.version,
        )
    saved.annotation.refresh_from_db()
    return saved.annotation


@dataclass
class LabelledScene:
    """A campaign on a real layer with accepted labels on pool and hold-out tiles."""

    layer: Any
    campaign: Any
    truth: NDArray[np.uint8]
    annotators: list[Any] = field(default_factory=list)
    reviewer: Any = None
    maintainer: Any = None


def labelled_scene(
    folder: Path,
    slug: str = "scene",
    *,
    size_px: int = 768,
    tile_px: int = 64,
    pool_tiles: int = 8,
    truth: NDArray[np.uint8] | None = None,
    codes: tuple[str, ...] = TWO_CLASSES,
) -> LabelledScene:
    """Everything a first training needs, small: exact labels on some pool tiles and on the whole hold-out."""
    layer, truth = real_layer(folder, slug, size_px=size_px, truth=truth)
    maintainer, author, reviewer = person(f"{slug}-maintainer"), person(f"{slug}-author"), person(f"{slug}-reviewer")
    camp = campaign(slug, layer=layer, tile_px=tile_px, created_by=maintainer, first_round=pool_tiles, seed=3)
    pool = [ticket.tile for ticket in camp.tickets.select_related("tile").filter(kind="initial")][:pool_tiles]
    for tile in [*camp.tiles.filter(role="holdout"), *pool]:
        accepted(camp, tile, author, reviewer, truth_features(truth, tile, codes))
    return LabelledScene(
        layer=layer, campaign=camp, truth=truth, annotators=[author], reviewer=reviewer, maintainer=maintainer
    )
