"""Class and entropy maps of a whole raster, by overlapping windows, in constant memory.

The window grid is fixed by `core_px` and the raster's upper-left corner, and a batch never crosses a row of
windows: the bytes do not depend on which worker computes which row. Only uint8 maps and integer sums leave
the device.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from annotation.raster.reader import open_layer
from learning.core.dataset import mirror
from learning.core.entropy import classes_and_entropy
from learning.core.exported import ENGINES, NO_ONNX_RUNTIME, has_onnx_runtime
from learning.core.forward import Networks, Windows
from learning.core.heap import kept_memory
from learning.core.inference import WAY, prepared
from learning.core.lanes import in_lanes, one_ahead, told_last
from learning.core.map_files import ENTROPY_LEVELS, RowWriter, assemble, row_writer
from learning.core.map_plan import MapPaths, PredictionPlan, PredictionResult, claim_work_dir
from learning.core.model_file import TrainedModel, match_imagery
from learning.core.network import STRIDE
from learning.core.precision import resolve_precision
from learning.core.probabilities import probability_levels
from learning.core.regions import check_parts
from learning.core.row_sums import Pixelwise, WindowSums, as_uint8, beside_network
from learning.core.uncertainty import MOST_OPINIONS, OPINIONS
from learning.core.uncertainty import pixel_score as score_named
from learning.core.windows import Patch, Pixels, batches, round_up
from learning.errors import InvalidPredictionGrid, ModelCannotUseImagery, NoSecondOpinion, PredictionStopped


def predict_raster(
    model: TrainedModel,
    source: Path,
    *,
    out: MapPaths,
    tile_px: int,
    colours: Mapping[str, str],
    bands: Sequence[str] | None = None,
    gsd_m: float | None = None,
    core_px: int = 1024,
    margin_px: int | None = None,
    batch_size: int = 1,
    device: str = "cpu",
    precision: str = "auto",
    pixel_score: str = "entropy",
    opinions: int = OPINIONS,
    others: Sequence[TrainedModel] = (),
    parts: int = 1,
    area: str = "",
    probabilities: bool = False,
    work_dir: Path | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PredictionResult:
    """Predict a raster on one worker; interrupted, it goes on from its last finished row of windows.

    See map_plan.MapPaths for what is written and plan_prediction for the other arguments. To share
    the work, call plan_prediction and claim_work_dir once, predict_core_rows for any rows anywhere, then
    map_files.assemble.

    Args:    on_progress: share done, from 0 to 1.
    Raises:  ModelCannotUseImagery, InvalidPredictionGrid; PredictionStopped when `should_stop` says so.
    """
    plan = plan_prediction(
        model, source, tile_px=tile_px, bands=bands, gsd_m=gsd_m, core_px=core_px, margin_px=margin_px,
        batch_size=batch_size, device=device, precision=precision, pixel_score=pixel_score, opinions=opinions,
        others=others, parts=parts, area=area, probabilities=probabilities,
        work_dir=work_dir or out.classes.with_name(out.classes.name + ".rows"),
    )  # fmt: skip
    claim_work_dir(plan)
    wanted = plan.core_rows
    missing = [row for row in wanted if not plan.is_done(row)]
    there = len(wanted) - len(missing)
    if there:
        on_progress(there / len(wanted))
    predict_core_rows(
        model, plan, missing, others=others, device=device, should_stop=should_stop,
        on_progress=lambda done: on_progress((there + done) / len(wanted)),
    )  # fmt: skip
    on_progress(1.0)
    return assemble(plan, out, colours=colours, tags={"MODEL_SHA256": model.sha256})


def plan_prediction(
    model: TrainedModel,
    source: Path,
    *,
    tile_px: int,
    work_dir: Path,
    bands: Sequence[str] | None = None,
    gsd_m: float | None = None,
    core_px: int = 1024,
    margin_px: int | None = None,
    batch_size: int = 1,
    device: str = "cpu",
    precision: str = "auto",
    pixel_score: str = "entropy",
    opinions: int = OPINIONS,
    others: Sequence[TrainedModel] = (),
    parts: int = 1,
    area: str = "",
    probabilities: bool = False,
    engine: str = "torch",
) -> PredictionPlan:
    """Fix everything that decides the bytes of a prediction.

    Args:
        tile_px: side of a campaign tile, for the scores.
        bands: names of the source's bands in file order; None = the file's own band descriptions.
        gsd_m: ground size of a source pixel; None = not checked.
        core_px: kept side of a window; margin_px: context, None = what the model asks for. Multiples of 32.
        pixel_score: name of one of uncertainty.PIXEL_SCORES.
        opinions: passes with dropout for a score that needs several, where the model was trained with it.
        others: models with the same classes and bands, whose opinions are asked where it was not.
        parts: side of a tile in parts that are told apart, see regions.check_parts; 1 = none.
        area: what is mapped, see map_area.area_in_pixels; "" = the whole raster. What lies outside is as ground without
            imagery is; the area has the bytes that a map of the whole raster has there.
        probabilities: whether PROBABILITIES is written too, see learning.core.probabilities.
        engine: what runs the networks, see inference.chosen_way.

    Raises: ModelCannotUseImagery: see model_file.match_imagery; InvalidPredictionGrid: sizes cannot be used;
            UnknownAcquisition: no such score; NoSecondOpinion: it needs several opinions, and there is one.
    """
    margin_px = model.metadata.margin_px if margin_px is None else margin_px
    for name, value, least in (("core_px", core_px, STRIDE), ("margin_px", margin_px, 0)):
        if value < least or value % STRIDE:
            raise InvalidPredictionGrid(f"{name} = {value}: give a multiple of {STRIDE}, at least {least}.")
    if tile_px < 1 or batch_size < 1:
        raise InvalidPredictionGrid(f"tile_px = {tile_px}, batch_size = {batch_size}: give 1 or more.")
    if engine not in ENGINES:
        raise InvalidPredictionGrid(f"engine = {engine!r}: choose one of {', '.join(ENGINES)}.")
    if engine == "onnx" and not has_onnx_runtime():
        raise InvalidPredictionGrid(NO_ONNX_RUNTIME)
    check_parts(tile_px, parts)
    with open_layer(source) as dataset:
        names = tuple(bands) if bands is not None else tuple(d or "" for d in dataset.descriptions)
        if len(names) != dataset.count:
            raise ModelCannotUseImagery(f"{len(names)} band names for a file of {dataset.count} bands; give one each.")
        indexes = match_imagery(model.metadata, bands=names, dtype=dataset.dtypes[0], gsd_m=gsd_m)
        width, height = dataset.width, dataset.height
    state = source.stat()
    heard = _opinions(model, others, pixel_score=pixel_score, opinions=opinions)
    asked = others if heard > 1 and not model.metadata.spec.dropout else ()
    models = " ".join(f"{one.sha256} {one.temperature!r}" for one in (model, *asked))
    return PredictionPlan(
        source=source,
        width=width,
        height=height,
        band_indexes=tuple(i + 1 for i in indexes),
        class_codes=model.metadata.spec.class_codes,
        tile_px=tile_px,
        core_px=core_px,
        margin_px=margin_px,
        batch_size=batch_size,
        precision=resolve_precision(precision, torch.device(device)),
        work_dir=work_dir,
        fingerprint=f"{WAY} {models} {state.st_size} {state.st_mtime_ns}",
        pixel_score=pixel_score,
        opinions=heard,
        parts=parts,
        area=area,
        probabilities=probabilities,
        engine=engine,
    )


def _opinions(model: TrainedModel, others: Sequence[TrainedModel], *, pixel_score: str, opinions: int) -> int:
    """How many opinions the score is made of."""
    if score_named(pixel_score).members == 1:
        return 1
    if model.metadata.spec.dropout > 0:
        if not 2 <= opinions <= MOST_OPINIONS:
            raise InvalidPredictionGrid(f"opinions = {opinions}: give 2 to {MOST_OPINIONS}.")
        return opinions
    spec = model.metadata.spec
    for other in others:
        if (other.metadata.spec.class_codes, other.metadata.spec.bands) != (spec.class_codes, spec.bands):
            raise NoSecondOpinion("A model with other classes or bands has no opinion on the same; leave it out.")
    if not others:
        raise NoSecondOpinion(
            f"Pixel score {pixel_score!r} needs two opinions or more, and this model has one: it was trained without "
            "dropout, and no earlier model with its classes and bands was published. Train with dropout (0.1, say) or "
            "choose another pixel score."
        )
    return 1 + len(others)


def predict_core_rows(
    model: TrainedModel,
    plan: PredictionPlan,
    core_rows: Sequence[int],
    *,
    others: Sequence[TrainedModel] = (),
    device: str = "cpu",
    on_progress: Callable[[float], None] = lambda done: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Predict some rows of windows into the plan's work folder; one is being closed while the next is begun.

    Args:   core_rows: among plan.core_rows. others: the models that the plan was made with.
            on_progress: told how many rows are done, with a part of one.
    Raises: PredictionStopped: `should_stop` said so; the row is left unfinished and without trace.
    """
    # A map begun with ONNX Runtime goes on with it, on whatever worker: its rows must not depend on that.
    target = torch.device("cpu" if plan.engine == "onnx" else device)
    networks = Networks(plan, model, others=others, device=target)
    side_by_side = target.type == "cpu"

    def wanted() -> Iterator[tuple[int, list[Patch], bool]]:
        for core_row in core_rows:
            for batch, last in told_last(batches(plan, core_row, ahead=not side_by_side)):
                if should_stop():
                    return  # windows that are begun are kept
                yield core_row, batch, last

    def pass_over(item: tuple[int, list[Patch], bool]) -> tuple[Windows, Tensor | None]:
        core_row, batch, _last = item
        images = torch.from_numpy(np.stack([p.image for p in batch])).to(target)
        valid = torch.from_numpy(np.stack([p.valid for p in batch])).to(target)
        top, bottom = plan.core_rows_px(core_row)
        core = (slice(plan.margin_px, plan.margin_px + bottom - top),
                slice(plan.margin_px, plan.margin_px + batch[0].width))  # fmt: skip
        windows = networks.see(images, valid, core=core)
        return windows, networks.doubt(windows)

    passes = (in_lanes if side_by_side else one_ahead)(pass_over, wanted())
    with kept_memory(target.type), contextlib.closing(passes), ThreadPoolExecutor(max_workers=1) as beside:
        for nth, core_row in enumerate(core_rows):
            sums = WindowSums(plan, core_row)
            with row_writer(plan, core_row) as out:
                for (_row, batch, last), (windows, doubt) in passes:
                    _keep(beside, out, sums, batch, windows, doubt, model, plan)
                    on_progress(nth + (batch[-1].left + batch[-1].width) / plan.width)
                    if last:
                        break
                else:
                    raise PredictionStopped(
                        f"Stopped in row {core_row} of {plan.n_core_rows}; start it again to go on."
                    )
                out.sums = sums.total()


@torch.inference_mode()
def _keep(
    beside: ThreadPoolExecutor,
    out: RowWriter,
    sums: WindowSums,
    batch: Sequence[Patch],
    windows: Windows,
    doubt: Tensor | None,
    model: TrainedModel,
    plan: PredictionPlan,
) -> None:
    """What is kept of a batch of windows: class and entropy of each pixel of their cores, and sums over tiles.

    Args: beside: has room for one more thread.
    """
    known = windows.cut(windows.valid)
    if plan.area:
        known = known & torch.from_numpy(np.stack([p.mapped for p in batch if p.mapped is not None])).to(known.device)
    classes, nats = _classes_and_entropy(windows.seen.logits, known, model)
    shares = None
    if plan.probabilities:
        shares = probability_levels(windows.seen.logits, known, temperature=model.temperature)
    for k, patch in enumerate(batch):
        share = nats[k] / math.log(len(plan.class_codes))
        class_map = as_uint8(classes[k])
        written = out.begin_classes(class_map, left=patch.left)
        added = beside.submit(
            sums.add, patch, classes=classes[k], class_map=class_map, entropy=share,
            doubt=None if doubt is None else beside_network(doubt[k]), cells=windows.seen.cells[k],
        )  # fmt: skip
        levels = (1 + (share * ENTROPY_LEVELS).round()) * (classes[k] > 0)
        out.write_entropy(as_uint8(levels), left=patch.left)
        if shares is not None:
            out.write_probabilities(shares[k], left=patch.left)
        written.result()
        added.result()


def predict_window(
    model: TrainedModel,
    image: Pixels,
    *,
    valid: NDArray[np.bool_] | None = None,
    margin_px: int = 0,
    device: str = "cpu",
    precision: str = "auto",
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Predict one image in memory, such as a hold-out tile with its surroundings.

    Args:
        image: uint8 or uint16 (band, row, col), bands in the model's order; mirrored to a multiple of 32.
        valid: bool (row, col); None = all valid.
        margin_px: context already present on each side of `image`, cut off from the answer.

    Returns: class uint8 (row, col), k = class k - 1, 0 = no imagery; entropy float32 (row, col) in nats, 0
    there.
    Raises:  ModelCannotUseImagery: another number of bands or another data type than the model's.
    """
    images, inside = _as_batch(model, image, valid, device=device)
    ready = prepared(model, device=images.device, precision=resolve_precision(precision, images.device))
    core = np.s_[margin_px : image.shape[1] - margin_px, margin_px : image.shape[2] - margin_px]
    seen = ready.see(images, inside, core=core)
    classes, nats = _classes_and_entropy(seen.logits, inside[:, *core], model)
    return as_uint8(classes[0]), np.asarray(nats[0].cpu() if isinstance(nats, Tensor) else nats[0])


@torch.inference_mode()
def window_logits(
    model: TrainedModel,
    image: Pixels,
    *,
    valid: NDArray[np.bool_] | None = None,
    margin_px: int = 0,
    device: str = "cpu",
    precision: str = "auto",
) -> NDArray[np.float32]:
    """The network's outputs for one image in memory, before any temperature: float32 (class, row, col).

    Args:   as for predict_window; the class of a pixel is 1 + the position of its largest output.
    Raises: ModelCannotUseImagery, as predict_window.
    """
    images, inside = _as_batch(model, image, valid, device=device)
    ready = prepared(model, device=images.device, precision=resolve_precision(precision, images.device))
    core = np.s_[margin_px : image.shape[1] - margin_px, margin_px : image.shape[2] - margin_px]
    outputs: NDArray[np.float32] = ready.see(images, inside, core=core).logits[0].float().cpu().numpy()
    return outputs


def _as_batch(
    model: TrainedModel, image: Pixels, valid: NDArray[np.bool_] | None, *, device: str
) -> tuple[Tensor, Tensor]:
    """One image and its validity mirrored to whole strides, on the device."""
    spec, dtype = model.metadata.spec, model.metadata.normalisation.dtype
    if image.ndim != 3 or image.shape[0] != len(spec.bands) or image.dtype != dtype:
        raise ModelCannotUseImagery(
            f"Image {image.dtype} {image.shape}: the model needs {dtype} with bands {', '.join(spec.bands)}."
        )
    height, width = image.shape[1:]
    valid = np.ones((height, width), np.bool_) if valid is None else valid
    rows, cols = (mirror(np.arange(round_up(n)), n) for n in (height, width))
    grid = np.ix_(rows, cols)
    target = torch.device(device)
    images = torch.from_numpy(np.ascontiguousarray(image[:, grid[0], grid[1]]))[None].to(target)
    return images, torch.from_numpy(valid[grid])[None].to(target)


@torch.inference_mode()
def _classes_and_entropy(logits: Tensor, valid: Tensor, model: TrainedModel) -> tuple[Pixelwise, Pixelwise]:
    """Class (uint8, 0 = no imagery) and entropy (float32 nats) of a batch, both (batch, row, col)."""
    classes, entropy, known = map(
        beside_network, (*classes_and_entropy(logits, temperature=model.temperature), valid)
    )  # fmt: skip
    return (classes + 1) * known, entropy * known
