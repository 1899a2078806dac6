"""The model of a release as files that run elsewhere: code over torch alone, ONNX, ten lines of use, a golden tile.

The network's code and graph are made and compared by learning.core.portable; here they are copied and described.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from rasterio import Affine

from learning.release import geodesy, layout
from learning.release.contents import ReleaseContents, RunnableRecord
from learning.release.dataset import write_mask
from learning.release.errors import UnusableArtefact
from learning.release.text import write_text

ONNX = "model.onnx"
NETWORK = "network.py"
PREDICT = "predict.py"
GOLDEN = "golden.tif"

PREDICT_TEXT = """\
import sys, rasterio, network  # usage: python -B predict.py IMAGE.tif CLASSES.tif
weights = network.read_weights()
with rasterio.open(sys.argv[1]) as image:
    form = {"width": image.width, "height": image.height, "crs": image.crs, "transform": image.transform}
    with rasterio.open(sys.argv[2], "w", driver="GTiff", count=1, dtype="uint8", nodata=0, **form) as classes:
        classes.write_colormap(1, network.COLOURS)
        for part in network.parts(image.height, image.width):
            pixels = image.read(network.bands(image.descriptions), window=part.read)
            labels = network.label(weights, pixels, image.dataset_mask(window=part.read), part)
            classes.write(labels, 1, window=part.core)
"""


def write_runnable(folder: Path, runnable: RunnableRecord, contents: ReleaseContents) -> None:
    """Write the code, the graph, the use of the code and what it gives the golden tile into the model's folder.

    Raises: UnusableArtefact: the code or the graph is empty.
    """
    for source, name in ((runnable.network_path, NETWORK), (runnable.onnx_path, ONNX)):
        if source.stat().st_size == 0:
            raise UnusableArtefact(f"{source.name} is empty; export the model again")
        shutil.copyfile(source, folder / name)
    write_text(folder / PREDICT, PREDICT_TEXT)
    tile, size = runnable.golden_tile, contents.campaign.tile_px
    bounds = geodesy.window_bounds(
        contents.layer.transform, x_px=tile.col * size, y_px=tile.row * size, width=size, height=size
    )
    a, b, _, d, e, _ = contents.layer.transform
    write_mask(
        folder / GOLDEN,
        runnable.golden,
        crs=contents.layer.crs,
        transform=Affine(a, b, bounds[0], d, e, bounds[3]),
        classes=contents.nomenclature.classes,
    )


def runnable_config(runnable: RunnableRecord) -> dict[str, object]:
    """How code and graph are run, for config.json."""
    free = ["batch", "height", "width"] if runnable.onnx_free_sides else ["batch"]
    return {
        "code": {
            "file": NETWORK,
            "entrypoint": PREDICT,
            "core_px": runnable.core_px,
            "margin_px": runnable.margin_px,
            "arithmetic": "float32",
        },
        "onnx": {
            "file": ONNX,
            "opset": runnable.onnx_opset,
            "input": "image",
            "output": "scores",
            "free_dimensions": free,
            "sides_multiple_of": 32,
            "normalisation": "outside the graph: feed (value - mean) / std, 0 where there is no imagery",
        },
    }


def export_json(runnable: RunnableRecord, contents: ReleaseContents) -> dict[str, object]:
    """How near code and graph are to PyTorch, for metrics.json."""
    return {
        "golden_tiles": runnable.tiles,
        "pixels": runnable.pixels,
        "largest_score": runnable.largest_score,
        "onnx_max_abs_difference": runnable.onnx_difference,
        "onnx_pixels_of_another_class": runnable.onnx_other_px,
        "code_max_abs_difference": runnable.code_difference,
        "golden": {"image": golden_image(runnable, contents), "classes": GOLDEN},
    }


def golden_image(runnable: RunnableRecord, contents: ReleaseContents) -> str:
    """Path of the golden tile's image in the release."""
    tile, layer, slug = runnable.golden_tile, contents.layer, contents.campaign.slug
    number = layout.tile_number(row=tile.row, col=tile.col, n_cols=layer.width // contents.campaign.tile_px)
    path = layout.image_path(
        slug, layout.SPLIT_OF_ROLE[tile.role], layout.domain(slug, layer.vintage), layout.zone(*tile.block), number
    )
    return f"{layout.DATASET_DIR}/{path}"


def runnable_words(runnable: RunnableRecord, contents: ReleaseContents) -> str:
    """What the card says of them."""
    sides = "any number of images of any sides" if runnable.onnx_free_sides else "any number of tiles of one size"
    return (
        f"`{NETWORK}` is the network as code over torch alone, `{ONNX}` the same for ONNX Runtime (opset "
        f"{runnable.onnx_opset}, {sides}, multiples of 32 px; pixels are normalised outside). On {runnable.tiles} "
        f"golden tile(s), {runnable.pixels:,} pixels, whose largest score is {runnable.largest_score:.3g}, scores "
        f"differ from PyTorch's by {runnable.onnx_difference:.1e} at most in ONNX ({runnable.onnx_other_px} pixels of "
        f"another class) and by {runnable.code_difference:.1e} in the code. `{GOLDEN}` is what the lines below give "
        f"`{golden_image(runnable, contents)}`.\n\n"
        "The published map was made by the same windows over the whole layer, on the processor or GPU of that day, "
        "possibly in bfloat16: from the whole layer these lines give its classes but for pixels where two classes are "
        "all but equal; from a tile alone, also but for a strip along the edges, where the map saw what lies beyond.\n"
    )
