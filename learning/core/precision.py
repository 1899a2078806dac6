"""Which arithmetic a device does well. Imports torch."""

from __future__ import annotations

import contextlib
from pathlib import Path

import torch
from torch import nn

from learning.errors import InvalidTrainConfig

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_CPU_FLAGS = ("avx512_bf16", "amx_bf16")
# Encoders whose backward pass loses in bf16 on a CPU what the forward pass gains (measured; docs/adr/0031).
_BETTER_IN_FP32 = ("tu-tf_efficientnet",)


def training_precision(precision: str, device: torch.device, *, encoder: str) -> str:
    """The arithmetic of a training; as resolve_precision, which is about a forward pass alone."""
    if precision == "auto" and device.type == "cpu" and encoder.startswith(_BETTER_IN_FP32):
        return "fp32"
    return resolve_precision(precision, device)


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into "fp32", "bf16" or "fp16" for this device.

    bf16 is chosen only where it is native: emulated, it is slower than fp32.

    Raises: InvalidTrainConfig: unknown name, or fp16 on a CPU.
    """
    if precision not in PRECISIONS:
        raise InvalidTrainConfig(f"Precision {precision!r} is unknown; choose one of {', '.join(PRECISIONS)}.")
    if precision == "fp16" and device.type == "cpu":
        raise InvalidTrainConfig("Precision 'fp16' needs a GPU; use 'auto', 'bf16' or 'fp32' on a CPU.")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    return "bf16" if cpu_has_bf16() else "fp32"


def cpu_has_bf16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bf16 natively; False where Linux does not say."""
    try:
        words = cpuinfo.read_text(errors="replace").split()
    except OSError:
        return False
    return any(flag in words for flag in _CPU_FLAGS)


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Context in which the forward pass runs at a resolved precision."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if precision == "bf16" else torch.float16)


def on_device(network: nn.Module, device: torch.device) -> nn.Module:
    """Move a network, in the memory layout that makes convolutions fastest on both CPU and GPU."""
    # torch's stubs lack the overload with both arguments; two calls mean the same.
    return network.to(device).to(memory_format=torch.channels_last)
