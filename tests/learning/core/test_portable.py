from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import rasterio
import torch
from affine import Affine
from outsider import in_a_fresh_process
from torch import nn

from learning.core import portable
from learning.core.dataset import Normalisation
from learning.core.map_plan import MapPaths
from learning.core.model_file import ModelMetadata, TrainedModel, load_model, save_model
from learning.core.network import NetworkSpec, build_network
from learning.core.network_source import network_function
from learning.core.portable import write_portable
from learning.core.predict import predict_raster
from learning.errors import ModelNotPortable, UnsupportedNetwork
from learning.release.model_files import PREDICT_TEXT

torch.set_num_threads(1)
CODES = ("field", "roof", "water")
VALUES = {"field": 7, "roof": 2, "water": 30}
COLOURS = {7: (128, 255, 0, 255), 2: (255, 55, 122, 255), 30: (0, 204, 242, 255)}
HEXES = {"field": "#80FF00", "roof": "#FF377A", "water": "#00CCF2"}
WIDTH, HEIGHT, CORE = 250, 180, 96  # windows of several shapes, none a multiple of 32 wide
DEFAULTS = ("tu-tf_efficientnet_lite0", "resnet34")
LIGHT, LARGER = (DEFAULTS[0], ()), (DEFAULTS[1], ("roof", "field", "roof", "water"))  # with rows of the head


def model_in(
    folder: Path, *, encoder: str, architecture: str = "unet", head_rows: tuple[str, ...] = (), dropout: float = 0.0
) -> TrainedModel:
    """An untrained model whose classes all occur, read back from its file."""
    spec = NetworkSpec(
        bands=("NIR", "R", "G"), class_codes=CODES, architecture=architecture, encoder=encoder, pretrained=False,
        head_rows=head_rows, dropout=dropout,
    )  # fmt: skip
    torch.manual_seed(5)
    network = build_network(spec)
    for module in network.modules():  # as after some training: what it normalises by is not 0 and 1
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    norm = Normalisation("uint8", (101.5, 90.25, 80.0), (51.5, 40.0, 45.125))
    save_model(folder / "weights.safetensors", network.eval(), ModelMetadata(spec, norm, "demo", "1", 0.2, "5" * 64))
    return load_model(folder / "weights.safetensors")


def imagery(path: Path) -> np.ndarray:
    """Smooth noise in four bands, by name, in another order than the network's; a corner without imagery."""
    rng = np.random.default_rng(2)
    small = rng.integers(1, 255, (4, HEIGHT // 6, WIDTH // 5), dtype=np.uint8)
    pixels = small.repeat(6, axis=1).repeat(5, axis=2)
    pixels[:, :40, :70] = 0
    with rasterio.open(
        path, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=4, dtype="uint8", crs="EPSG:2154", nodata=0,
        transform=Affine(0.2, 0, 426000, 0, -0.2, 6435000), photometric="minisblack",
    ) as target:  # fmt: skip
        target.write(pixels)
        target.descriptions = ("R", "G", "B", "NIR")
    return pixels


def written(model: TrainedModel, folder: Path, pixels: np.ndarray, **changes: Any) -> portable.PortableModel:
    tiles = [pixels[[3, 0, 1], top : top + 64, 100:164] for top in (0, 100)]
    options: dict[str, Any] = {
        "title": "demo m1", "weights_name": "weights.safetensors", "values": VALUES, "colours": COLOURS,
        "core_px": CORE, "tiles": tiles, "masks": [np.ones((64, 64), np.bool_)] * 2,
    }  # fmt: skip
    return write_portable(model, folder, **(options | changes))


@dataclass(frozen=True)
class Written:
    """A model with its portable files beside it, and the imagery that they were held against."""

    folder: Path
    model: TrainedModel
    made: portable.PortableModel
    image: Path


@pytest.fixture(scope="module")
def default(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A default network; one of them is written again by another test."""
    encoder, head_rows = request.param
    folder, image = tmp_path_factory.mktemp("model"), tmp_path_factory.mktemp("imagery") / "image.tif"
    model = model_in(folder, encoder=encoder, head_rows=head_rows, dropout=0.1)
    return Written(folder, model, written(model, folder, imagery(image)), image)


@pytest.mark.slow
@pytest.mark.parametrize("default", [LARGER, LIGHT], indirect=True, ids=DEFAULTS[::-1])
def test_ten_lines_over_torch_and_rasterio_draw_the_map_that_the_platform_draws(
    tmp_path: Path, default: Written
) -> None:
    folder, model, made = default.folder, default.model, default.made
    assert made.code_difference == 0.0 and made.onnx_difference < 1e-3 and made.onnx_free_sides
    (folder / "predict.py").write_text(PREDICT_TEXT)
    assert len(PREDICT_TEXT.splitlines()) == 10

    paths = MapPaths.in_folder(tmp_path / "map")
    (tmp_path / "map").mkdir()
    bands = ("R", "G", "B", "NIR")
    predict_raster(
        model, default.image, out=paths, tile_px=64, colours=HEXES, bands=bands, core_px=CORE, precision="fp32"
    )
    in_a_fresh_process(folder / "predict.py", default.image, tmp_path / "classes.tif")
    with rasterio.open(paths.classes) as theirs, rasterio.open(tmp_path / "classes.tif") as ours:
        channels, found = theirs.read(1), ours.read(1)
        assert (ours.crs, ours.transform, ours.nodata) == (theirs.crs, theirs.transform, 0)
        assert ours.colormap(1)[7] == (128, 255, 0, 255)
    expected = np.array([0, *(VALUES[code] for code in CODES)], np.uint8)[channels]
    assert set(np.unique(found)) == set(np.unique(expected)) and (found[:40, :70] == 0).all()
    # The platform folds batch norms into convolutions: rounding may tip a pixel where two classes are all but equal.
    assert (found != expected).mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("default", [LIGHT], indirect=True, ids=[DEFAULTS[0]])
def test_the_same_model_gives_the_same_bytes(tmp_path: Path, default: Written) -> None:
    written(default.model, tmp_path, imagery(tmp_path / "image.tif"))
    digests = {
        tuple(hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in (portable.NETWORK, portable.ONNX))
        for folder in (default.folder, tmp_path)
    }
    assert len(digests) == 1
    graph = (tmp_path / portable.ONNX).read_bytes()
    assert str(Path(torch.__file__).parents[2]).encode() not in graph, "no path of this machine is in it"


def test_the_graph_is_sound_and_takes_images_of_any_size(tmp_path: Path) -> None:
    import onnxruntime

    model = model_in(tmp_path, encoder="resnet34")
    made = written(model, tmp_path, imagery(tmp_path / "image.tif"))
    graph = onnx.load(tmp_path / portable.ONNX)
    onnx.checker.check_model(graph, full_check=True)
    assert [item.version for item in graph.opset_import] == [portable.OPSET]
    session = onnxruntime.InferenceSession((tmp_path / portable.ONNX).read_bytes())
    noise = torch.randn((3, 3, 96, 160), generator=torch.Generator().manual_seed(1))
    [found] = session.run(["scores"], {"image": noise.numpy()})
    with torch.inference_mode():
        torch.testing.assert_close(torch.from_numpy(found), model.network(noise), rtol=1e-3, atol=1e-3)
    assert made.onnx_other_px < 20 and made.pixels == 2 * 64 * 64
    assert set(np.unique(made.golden)) <= set(VALUES.values())


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "encoder"), [("segformer", "mit_b0"), ("upernet", "resnet18")])
def test_other_architectures_are_written_too_those_that_pool_to_cells_with_images_of_one_size(
    tmp_path: Path, architecture: str, encoder: str
) -> None:
    model = model_in(tmp_path, encoder=encoder, architecture=architecture)
    made = written(model, tmp_path, imagery(tmp_path / "image.tif"))
    assert made.onnx_free_sides == (architecture == "segformer")
    assert made.code_difference == 0.0 and made.onnx_difference < 1e-3


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_in(tmp_path, encoder="resnet18")
    run = portable._run
    monkeypatch.setattr(portable, "_run", lambda session, image: run(session, image) * 1.01)
    with pytest.raises(ModelNotPortable, match="ONNX gives scores that differ from PyTorch's by"):
        written(model, tmp_path, imagery(tmp_path / "image.tif"))


def test_code_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_in(tmp_path, encoder="resnet18")
    monkeypatch.setattr(
        portable, "network_function", lambda program: network_function(program).replace("aten.relu_", "aten.gelu")
    )
    with pytest.raises(ModelNotPortable, match="The code gives scores that differ"):
        written(model, tmp_path, imagery(tmp_path / "image.tif"))


def test_a_network_with_weights_that_no_file_holds_is_not_written_as_code() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.arange(300.0)

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image + self.table

    program = torch.export.export(Odd(), (torch.zeros(1, 3, 4, 300),), strict=False)
    with pytest.raises(UnsupportedNetwork, match="constant 'table' that cannot be written"):
        network_function(program)
