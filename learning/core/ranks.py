"""Several processes that train one network: sums over all of them, one decision for all, and batch norm over a whole
batch. Imports torch.

Each process (a *rank*) holds a part of each batch. Gradients are added up by DistributedDataParallel; what is here
makes every rank compute the loss and the statistics of the whole batch, so that two ranks train as one does.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True, slots=True)
class Ranks:
    """Which of how many processes this is; one process alone needs no process group."""

    rank: int = 0
    world: int = 1

    @classmethod
    def current(cls) -> Ranks:
        """As torch.distributed says, once its process group is there."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size())
        return cls()

    @property
    def leads(self) -> bool:
        """Whether this rank reports, decides and writes."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """This rank's part of a batch, as even as whole patches allow."""
        parts = np.linspace(0, batch_size, self.world + 1).round().astype(int)
        return slice(int(parts[self.rank]), int(parts[self.rank + 1]))

    def total(self, value: Tensor) -> Tensor:
        """A tensor summed over the ranks. Its gradient is this rank's own part, which the sum of the ranks'
        gradients completes."""
        if self.world == 1:
            return value
        summed = value.detach().clone()
        dist.all_reduce(summed)
        return value + (summed - value.detach())

    def agreed(self, number: int, device: torch.device) -> int:
        """The leading rank's whole number, on every rank."""
        if self.world == 1:
            return number
        shared = torch.tensor([number], dtype=torch.int64, device=device)
        dist.broadcast(shared, src=0)
        return int(shared.item())

    def wait(self) -> None:
        """Until every rank is here."""
        if self.world > 1:
            dist.barrier()

    def batch_norm(self) -> contextlib.AbstractContextManager[object]:
        """Context of a forward pass in which batch norm takes its statistics over all ranks.

        torch's own SyncBatchNorm is for GPUs alone and does not know the layers that timm derives from batch norm;
        this holds for each of them, on any device.
        """
        return _WholeBatchNorm() if self.world > 1 else contextlib.nullcontext()


class _WholeBatchNorm(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is functional.batch_norm:
            return _batch_norm(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _batch_norm(
    images: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """torch.nn.functional.batch_norm with the statistics of every rank's images."""
    if not training:
        return functional.batch_norm(images, running_mean, running_var, weight, bias, False, momentum, eps)
    normal: Tensor
    normal, mean, var, count = _Whitened.apply(images, eps)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(var * (count / (count - 1)), momentum)
    shape = (1, -1, 1, 1)
    if weight is not None:
        normal = normal * weight.to(normal.dtype).reshape(shape)
    return normal if bias is None else normal + bias.to(normal.dtype).reshape(shape)


class _Whitened(torch.autograd.Function):
    """(x - mean) / deviation by band over every rank's images (Ioffe & Szegedy 2015), with its gradient."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        axes = (0, 2, 3)
        var, mean = torch.var_mean(images.float(), axes, correction=0)
        pixels = torch.full_like(mean[:1], images.numel() // images.shape[1])
        mine = torch.cat([mean, var, pixels])
        each = [torch.empty_like(mine) for _rank in range(dist.get_world_size())]
        dist.all_gather(each, mine)
        gathered = torch.stack(each)
        means, variances = gathered[:, : len(mean)], gathered[:, len(mean) : -1]
        counts = gathered[:, -1:]
        count = counts.sum()
        whole = (means * counts).sum(0) / count
        spread = ((variances + (means - whole) ** 2) * counts).sum(0) / count  # Chan, Golub & LeVeque 1983
        scale = (spread + eps).rsqrt()
        shape = (1, -1, 1, 1)
        normal = ((images - whole.reshape(shape)) * scale.reshape(shape)).to(images.dtype)
        ctx.save_for_backward(normal, scale, count)
        ctx.mark_non_differentiable(whole, spread, count)
        return normal, whole, spread, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        normal, scale, count = ctx.saved_tensors
        incoming, axes, shape = gradients[0].float(), (0, 2, 3), (1, -1, 1, 1)
        sums = torch.cat([incoming.sum(axes), (incoming * normal).sum(axes)])
        dist.all_reduce(sums)
        mean, along = (sums / count).chunk(2)
        outgoing = (incoming - mean.reshape(shape) - normal * along.reshape(shape)) * scale.reshape(shape)
        return outgoing.to(normal.dtype), None
