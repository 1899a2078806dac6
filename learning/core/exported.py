"""A network run by ONNX Runtime on a processor, and the choice between it and PyTorch. Imports torch.

ONNX Runtime computes in float32 and is the faster one on processors that do not multiply bf16 (docs/adr/0039).
"""

from __future__ import annotations

import contextlib
import io
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from learning.core.embedding import cells_of
from learning.core.trimmed import Core, decoded_core
from learning.errors import InvalidPredictionGrid

ENGINES = ("torch", "onnx")
NO_ONNX_RUNTIME = (
    "This map was begun with ONNX Runtime, and this worker has none: install requirements/worker.txt there."
)
_NEEDED = ("onnx", "onnxruntime", "onnxscript")
_CLEARLY = 0.9  # of the time of what was usual: above that, noise would decide
_TURNS = 2
_SESSIONS = 2  # windows of a row have two shapes: the last one may be narrower


def has_onnx_runtime() -> bool:
    """Whether what an export needs is installed."""
    return all(find_spec(name) is not None for name in _NEEDED)


class ExportedNetwork:
    """A network in evaluation mode as ONNX Runtime runs it; exported once for each shape and core it is given.

    Args:
        network: float32, on a CPU. Its weights are copied.

    Raises: InvalidPredictionGrid: ONNX Runtime is not installed.
    """

    def __init__(self, network: nn.Module) -> None:
        if not has_onnx_runtime():
            raise InvalidPredictionGrid(NO_ONNX_RUNTIME)
        self._network = network
        self._sessions: OrderedDict[tuple[int, ...], list[Any]] = OrderedDict()  # those that nobody uses
        self._turn = threading.Lock()

    def __call__(self, inputs: Tensor, core: Core) -> tuple[Tensor, Tensor]:
        """Logits of the core (batch, class, row, col), and cells as embedding.decoded_and_features.

        Args: inputs: float32 (batch, band, row, col), normalised.
        """
        inputs = inputs.contiguous()
        ends = (end for side in core for end in (side.start, side.stop))
        way = (torch.get_num_threads(), *inputs.shape, *ends)
        session = self._session(way, inputs, core)
        outputs = session.run(None, {"image": inputs.numpy()})
        with self._turn:
            self._sessions.setdefault(way, []).append(session)
        logits, cells = map(torch.from_numpy, outputs)
        return logits, cells

    def _session(self, way: tuple[int, ...], inputs: Tensor, core: Core) -> Any:
        """One for the caller alone: passes side by side have a session, and so their threads, each."""
        with self._turn:  # exports are made one after the other
            if way not in self._sessions:
                while len(self._sessions) >= _SESSIONS:  # before: each holds memory
                    self._sessions.popitem(last=False)
            free = self._sessions.setdefault(way, [])
            self._sessions.move_to_end(way)
            return free.pop() if free else _session(_Seeing(self._network, core).eval(), inputs)


class _Seeing(nn.Module):
    """A pass whose outputs are tensors one after the other, as an export wants them."""

    def __init__(self, network: nn.Module, core: Core) -> None:
        super().__init__()
        self.network: Any = network
        self.core = core

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        stages = self.network.encoder(image)
        decoded, within = decoded_core(self.network, stages, self.core)
        return self.network.segmentation_head(decoded)[..., *within], cells_of(stages)


def _session(seeing: nn.Module, inputs: Tensor) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.enable_cpu_mem_arena = False  # it keeps what the largest pass took, for each session
    # Threads that wait must not keep a processor from what is computed beside the network.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(False), torch.no_grad():
        path = Path(folder) / "network.onnx"
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(
                seeing, (torch.zeros(inputs.shape),), path, dynamo=True, verbose=False, input_names=["image"],
                external_data=False,
            )  # fmt: skip
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def fastest_way(
    see: Callable[[str, int], Callable[[], object]],
    cores: Sequence[int],
    *,
    engines: Sequence[str] = ENGINES,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[str, int]:
    """The engine, and the side of a window's core, with which a pixel takes the least time: sides are compared by the
    first engine, then the engines at the better one; what is not clearly better than the first does not win.

    Args:
        see: makes an engine ready for windows of a core and returns what makes a pass.
        cores, engines: to choose from, the usual one first.
    """

    def a_pixel(engine: str, core_px: int) -> float:
        one_pass, times = see(engine, core_px), []
        one_pass()  # what is made at first need
        for _ in range(_TURNS):
            before = clock()
            one_pass()
            times.append(clock() - before)
        return min(times) / core_px**2

    first, *others = cores
    best, core_px = a_pixel(engines[0], first), first
    for other in others:
        if (found := a_pixel(engines[0], other)) < _CLEARLY * best:
            best, core_px = found, other
    engine = engines[0]
    for rival in engines[1:]:
        if (found := a_pixel(rival, core_px)) < _CLEARLY * best:
            best, engine = found, rival
    return engine, core_px
