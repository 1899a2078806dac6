"""Mapping a layer beside what it could cost at the least, and beside the usual way of mapping it."""

from __future__ import annotations

import contextlib
import copy
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _maps_world as world
import numpy as np
import rasterio
import torch
from rasterio.enums import Resampling
from rasterio.windows import Window
from torch import Tensor, nn

from learning.core.entropy import classes_and_entropy
from learning.core.heap import kept_memory
from learning.core.inference import folded, prepared
from learning.core.lanes import LANES, in_lanes
from learning.core.map_plan import MapPaths
from learning.core.model_file import TrainedModel
from learning.core.precision import cpu_has_bf16, on_device, resolve_precision
from learning.core.predict import plan_prediction, predict_raster
from learning.core.windows import batches

WIDTH, HEIGHT = 8192, 4096  # as wide as layers are at least: each row of windows begins and ends once
CORE_PX, MARGIN_PX = 1024, 64
RIVAL_WINDOW_PX, RIVAL_MARGIN_PX, RIVAL_BATCH, RIVAL_SIDE = 512, 128, 4, 1024


def measure(rounds: int = 3) -> dict[str, float]:
    """Figures `predict_ratio`, `window_method_speedup`, `feed_speedup`."""
    images, _labels = world.pieces()
    with tempfile.TemporaryDirectory() as name, torch.inference_mode(False):
        source = world.layer(Path(name), WIDTH, images, height=HEIGHT)
        figures: dict[str, float] = {}
        for encoder, steps in (("tu-tf_efficientnet_lite0", 60), ("resnet34", 40)):
            model = world.lightly_trained(encoder, steps=steps, margin_px=MARGIN_PX)
            ratio, speedup = _one_model(model, source, Path(name), rounds=rounds)
            # The figures are those of the network that PERFORMANCE speaks of; the default one is in the table.
            figures = {"predict_ratio": ratio, "window_method_speedup": speedup}
        return figures | {"feed_speedup": _feed(model, source, Path(name), rounds=rounds)}


def _one_model(model: TrainedModel, source: Path, folder: Path, *, rounds: int) -> tuple[float, float]:
    print(f"\nmaps by U-Net, {model.sha256}: {WIDTH} × {HEIGHT} px, {torch.get_num_threads()} threads")
    rivals = _fastest(model)
    ways = [*rivals, _OwnPasses(model)]
    windows = {way: _resident(model, source, way.cast) for way in ways}
    times: dict[str, list[float]] = {}
    for turn in ("ours", *ways, *ways[::-1], "ours") * rounds:
        before = time.perf_counter()
        if not isinstance(turn, str):
            turn.over(windows[turn])
        else:
            _map(model, source, folder / "map")
        times.setdefault(str(turn), []).append(time.perf_counter() - before)
        if turn == "ours" and len(times.setdefault("rival", [])) < rounds:
            times["rival"].append(_window_method(model, source, folder / "rival.tif"))
            times.setdefault("alone", []).append(_window_method(model, source, folder / "rival.tif", batch=1))
    _check(model, source, folder / "map" / "class.tif", folder / "rival.tif")
    took = {name: statistics.median(found) for name, found in times.items()}
    rival, alone = (took.pop(name) * WIDTH * HEIGHT / RIVAL_SIDE**2 for name in ("rival", "alone"))
    area = WIDTH * HEIGHT / 1e6
    for what, seconds in (
        *took.items(),
        ("512 px windows, four at once", rival),
        ("512 px windows, one by one", alone),
    ):
        print(f"  {what:<60}{seconds:7.2f} s  {area / seconds:6.2f} Mpx/s")
    ours, bare = took["ours"], min(seconds for what, seconds in took.items() if what.startswith("bare"))
    return round(bare / ours, 3), round(rival / ours, 2)


@dataclass(frozen=True, eq=False)
class _Way:
    """A way to run a network over windows of one size: in an arithmetic, so many windows at once."""

    name: str
    network: nn.Module
    lanes: int
    dtype: torch.dtype | None = None
    casting: bool = False

    def cast(self, inputs: Tensor) -> Tensor:
        """Network input as it is kept for this way."""
        return inputs if self.dtype is None else inputs.to(self.dtype)

    def over(self, windows: Sequence[Tensor]) -> None:
        """A pass over each, its output thrown away."""
        with kept_memory():
            for _done in in_lanes(self._pass, windows, lanes=self.lanes):
                pass

    def _pass(self, inputs: Tensor) -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.casting):
            self.network(inputs)

    def __str__(self) -> str:
        return f"bare, {self.name}, " + ("one with all threads" if self.lanes == 1 else f"{self.lanes} side by side")


class _OwnPasses:
    """The passes that a map is made of, over windows in memory: what of ours is the network."""

    def __init__(self, model: TrainedModel) -> None:
        device = torch.device("cpu")
        self._ready = prepared(model, device=device, precision=resolve_precision("auto", device))

    def cast(self, inputs: Tensor) -> Tensor:
        """Raw values again, which these passes begin with; time does not follow which."""
        return (128 + 64 * inputs).clamp(0, 255).to(torch.uint8).contiguous()

    def over(self, windows: Sequence[Tensor]) -> None:
        """A pass over each, its output thrown away."""
        with kept_memory():
            for _done in in_lanes(self._pass, windows):
                pass

    def _pass(self, images: Tensor) -> None:
        rows, cols = (slice(MARGIN_PX, side - MARGIN_PX) for side in images.shape[2:])
        self._ready.see(images, torch.ones((1, *images.shape[2:]), dtype=torch.bool), core=(rows, cols))

    def __str__(self) -> str:
        return "our own passes"


def _fastest(model: TrainedModel) -> list[_Way]:
    """The two fastest of the ways to run the network, by a short trial."""
    plain = on_device(copy.deepcopy(model.network), torch.device("cpu")).eval()
    simple = on_device(folded(model.network, bands=3), torch.device("cpu"))
    side = CORE_PX + 2 * MARGIN_PX
    known = [("float32", plain, None, False), ("float32, norms folded", simple, None, False)]
    if cpu_has_bf16():
        half = copy.deepcopy(simple).to(torch.bfloat16)
        known += [
            ("autocast", plain, None, True), ("autocast, norms folded", simple, None, True),
            ("bf16 weights, norms folded", half, torch.bfloat16, False),
        ]  # fmt: skip
    ways = [_Way(name, network, n, dtype, casting) for name, network, dtype, casting in known for n in (1, LANES)]
    ways.append(_Way("ONNX Runtime, float32, norms folded", _Exported(simple, side), 1))
    found: dict[_Way, float] = {}
    for way in ways:
        inputs = [way.cast(torch.randn(1, 3, side, side).contiguous(memory_format=torch.channels_last))] * LANES
        way.over(inputs)
        found[way] = min(_timed(lambda way=way, inputs=inputs: way.over(inputs)) for _ in range(3)) / len(inputs)
    ordered = sorted(found, key=lambda way: found[way])
    for way in ordered:
        print(f"    {way!s:<60}{1e3 * found[way]:7.0f} ms a window")
    return ordered[:2]


class _Exported(nn.Module):
    """A network run by ONNX Runtime, with as many threads as PyTorch has."""

    def __init__(self, network: nn.Module, side: int) -> None:
        import onnxruntime

        super().__init__()
        plain = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            path = Path(folder) / "network.onnx"
            torch.onnx.export(plain, (torch.zeros(1, 3, side, side),), path, dynamo=True, verbose=False)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._name = self._session.get_inputs()[0].name

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (n, class, row, col) of inputs (n, band, row, col), both float32."""
        return torch.from_numpy(self._session.run(None, {self._name: inputs.contiguous().numpy()})[0])


def _resident(model: TrainedModel, source: Path, cast: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """The windows that a map is made of, as network input in memory."""
    plan = _plan(model, source, Path("nowhere"))
    norm = model.metadata.normalisation
    mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (norm.mean, norm.std))
    windows = []
    for core_row in range(plan.n_core_rows):
        for batch in batches(plan, core_row):
            for patch in batch:
                inputs = ((torch.from_numpy(patch.image).float() - mean) / std)[None]
                windows.append(cast(inputs.contiguous(memory_format=torch.channels_last)))
    return windows


def _plan(model: TrainedModel, source: Path, work_dir: Path) -> Any:
    return plan_prediction(model, source, tile_px=512, work_dir=work_dir, bands=world.BANDS, gsd_m=0.2, core_px=CORE_PX)


def _map(model: TrainedModel, source: Path, folder: Path) -> None:
    predict_raster(
        model, source, out=MapPaths.in_folder(folder), tile_px=512, colours=world.COLOURS, bands=world.BANDS,
        gsd_m=0.2, core_px=CORE_PX,
    )  # fmt: skip


def _window_method(model: TrainedModel, source: Path, path: Path, *, batch: int = RIVAL_BATCH) -> float:
    """The usual way, as FLAIR's zone_detect is configured: 512 px windows, four at once, the middle 256 of each kept.

    From the raster's corner less the margin, read `boundless` and bilinear; float32, the softmax fetched whole, argmax
    by numpy, each window written as it comes into LZW blocks of 512 px, which it does not fill. Seconds for a square
    of RIVAL_SIDE px.
    """
    network = copy.deepcopy(model.network).eval()
    norm = model.metadata.normalisation
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (norm.mean, norm.std))
    core = RIVAL_WINDOW_PX - 2 * RIVAL_MARGIN_PX
    inner = np.s_[:, RIVAL_MARGIN_PX:-RIVAL_MARGIN_PX, RIVAL_MARGIN_PX:-RIVAL_MARGIN_PX]
    profile = {
        "driver": "GTiff", "width": RIVAL_SIDE, "height": RIVAL_SIDE, "count": 1, "dtype": "uint8", "compress": "lzw",
        "tiled": True, "blockxsize": RIVAL_WINDOW_PX, "blockysize": RIVAL_WINDOW_PX, "BIGTIFF": "YES",
    }  # fmt: skip
    corners = [(left, top) for left in range(0, RIVAL_SIDE, core) for top in range(0, RIVAL_SIDE, core)]
    before = time.perf_counter()
    with (
        rasterio.open(source, driver="GTiff") as dataset,
        rasterio.open(path, "w", **profile, **world.PLACE) as out,
        torch.no_grad(),
    ):
        for begin in range(0, len(corners), batch):
            some = corners[begin : begin + batch]
            images = [(_bilinear(dataset, left, top) - mean) / std for left, top in some]
            probabilities = network(torch.from_numpy(np.stack(images))).softmax(dim=1).numpy()
            for (left, top), values in zip(some, probabilities, strict=True):
                classes = 1 + values[inner].argmax(axis=0).astype(np.uint8)
                out.write(classes, 1, window=Window(left, top, core, core))
    return time.perf_counter() - before


def _bilinear(dataset: Any, left: int, top: int) -> Any:
    window = Window(left - RIVAL_MARGIN_PX, top - RIVAL_MARGIN_PX, RIVAL_WINDOW_PX, RIVAL_WINDOW_PX)
    shape = (dataset.count, RIVAL_WINDOW_PX, RIVAL_WINDOW_PX)
    return dataset.read(window=window, out_shape=shape, boundless=True, resampling=Resampling.bilinear)


def _check(model: TrainedModel, source: Path, path: Path, rival: Path) -> None:
    """The map is the network's: where float32 with 256 px of surroundings is sure of a class, the map says it. And what
    the rival made of its square is all but the map."""
    margin, side = 256, 1024
    window = Window(1024 - margin, 1024 - margin, side + 2 * margin, side + 2 * margin)
    with rasterio.open(source, driver="GTiff") as dataset, rasterio.open(path, driver="GTiff") as mapped:
        image = torch.from_numpy(dataset.read(window=window)).float()
        found = torch.from_numpy(mapped.read(1, window=Window(1024, 1024, side, side))).long()
    norm = model.metadata.normalisation
    mean, std = (torch.tensor(v, dtype=torch.float32)[:, None, None] for v in (norm.mean, norm.std))
    with torch.inference_mode():
        logits = model.network(((image - mean) / std)[None])[0, :, margin:-margin, margin:-margin]
    classes, _nats = classes_and_entropy(logits[None])
    two = logits.softmax(dim=0).topk(2, dim=0).values
    sure = two[0] - two[1] > 0.1
    same = found == classes[0].long() + 1
    print(f"  classes as in float32 with 256 px around: {100 * same.float().mean():.2f} %, where sure "
          f"{100 * same[sure].float().mean():.3f} %")  # fmt: skip
    with rasterio.open(path, driver="GTiff") as mapped, rasterio.open(rival, driver="GTiff") as other:
        here = mapped.read(1, window=Window(0, 0, RIVAL_SIDE, RIVAL_SIDE)) == other.read(1)
    print(f"  classes as by 512 px windows: {100 * here.mean():.2f} %")
    assert here.mean() > 0.95, "the rival made another map"
    assert len(found.unique()) > 1, "the map has one class: nothing was compared"
    assert same[sure].float().mean() > 0.999, "the map says something else than the network"


def _feed(model: TrainedModel, source: Path, folder: Path, *, rounds: int) -> float:
    """How fast windows come for a network that takes no time: processor seconds, one core's worth.

    The rival reads as FLAIR's zone_detect does: 512 px windows by rasterio with `boundless`. What the same windows
    cost where those at the edges are moved inside, so that nothing lies beyond, is told too.
    """
    plan = _plan(model, source, folder)
    times: dict[str, list[float]] = {"ours": [], "boundless": [], "inside": []}
    for turn in ("ours", "boundless", "inside", "inside", "boundless", "ours") * rounds:
        before = time.process_time()
        if turn == "ours":
            for core_row in range(plan.n_core_rows):
                for batch in batches(plan, core_row, ahead=False):
                    assert batch[0].image.shape[1:] == (CORE_PX + 2 * MARGIN_PX,) * 2
        else:
            _plain_windows(source, boundless=turn == "boundless")
        times[turn].append(time.process_time() - before)
    ours, boundless, inside = (statistics.median(found) for found in times.values())
    rate = WIDTH * HEIGHT / 1e6
    print(f"\nwindows for a network that takes no time, Mpx/s a core: ours {rate / ours:.0f}, windows of 512 px read "
          f"boundless {rate / boundless:.0f}, moved inside {rate / inside:.0f}")  # fmt: skip
    return round(boundless / ours, 2)


def _plain_windows(source: Path, *, boundless: bool) -> None:
    core = RIVAL_WINDOW_PX - 2 * RIVAL_MARGIN_PX
    with rasterio.open(source, driver="GTiff") as dataset:
        for top in range(-RIVAL_MARGIN_PX, HEIGHT - RIVAL_MARGIN_PX, core):
            for left in range(-RIVAL_MARGIN_PX, WIDTH - RIVAL_MARGIN_PX, core):
                corner = (left, top)
                if not boundless:
                    ends = (WIDTH - RIVAL_WINDOW_PX, HEIGHT - RIVAL_WINDOW_PX)
                    corner = (min(max(left, 0), ends[0]), min(max(top, 0), ends[1]))
                image = dataset.read(window=Window(*corner, RIVAL_WINDOW_PX, RIVAL_WINDOW_PX), boundless=boundless)
                assert image.shape[1:] == (RIVAL_WINDOW_PX,) * 2


def _timed(work: Callable[[], Any]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before
