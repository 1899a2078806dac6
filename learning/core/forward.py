"""How much a batch is doubted, by one network or several. Imports torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from learning.core.inference import NO_HEAD, PreparedNetwork, Seen, prepared
from learning.core.map_plan import PredictionPlan
from learning.core.model_file import TrainedModel
from learning.core.pixel_doubt import as_share, channel_masks, mutual_information, one_models_doubt
from learning.errors import InvalidPredictionGrid


@dataclass(frozen=True, slots=True)
class Windows:
    """A batch of windows on the device, and what the map's own network made of its core.

    Args: images: (batch, band, row, col), raw values. valid: bool (batch, row, col). core: the part that is kept.
    """

    images: Tensor
    valid: Tensor
    seen: Seen
    core: tuple[slice, slice]

    def cut(self, tensor: Tensor) -> Tensor:
        """The core of something by pixel, whose last two dimensions are row and col."""
        return tensor[..., *self.core]


class Networks:
    """The networks that a map is made with, ready on one device: its own, and those whose opinion is asked too."""

    def __init__(
        self, plan: PredictionPlan, model: TrainedModel, *, others: Sequence[TrainedModel], device: torch.device
    ) -> None:
        self._plan, self._model, self._others, self._device = plan, model, others, device

    def see(self, images: Tensor, valid: Tensor, *, core: tuple[slice, slice]) -> Windows:
        """One pass of the map's own network."""
        return Windows(images, valid, self._ready(self._model).see(images, valid, core=core), core)

    @torch.inference_mode()
    def doubt(self, windows: Windows) -> Tensor | None:
        """The plan's pixel score over the core, as a share of its largest value; None where it is the entropy.

        Float32 (batch, row, col), 0 where there is no imagery.

        With opinions by dropout only the head is run again, once for each.
        """
        plan = self._plan
        if plan.pixel_score == "entropy":
            return None
        if plan.pixel_score != "bald":
            doubt = one_models_doubt(plan.pixel_score, windows.seen.logits, temperature=self._model.temperature)
        elif self._model.metadata.spec.dropout > 0:
            doubt = mutual_information(self._opinions_by_dropout(windows))
        else:
            doubt = mutual_information(self._opinions_of_models(windows))
        share = as_share(doubt, score=plan.pixel_score, n_classes=len(plan.class_codes))
        return share * windows.cut(windows.valid)

    def _opinions_by_dropout(self, windows: Windows) -> Iterator[tuple[Tensor, float]]:
        seen, ready = windows.seen, self._ready(self._model)
        if seen.decoded is None:
            raise InvalidPredictionGrid(NO_HEAD)
        rate = self._model.metadata.spec.dropout
        for mask in channel_masks(seen.decoded.shape[1], opinions=self._plan.opinions, rate=rate):
            yield ready.head(seen, mask), self._model.temperature

    def _opinions_of_models(self, windows: Windows) -> Iterator[tuple[Tensor, float]]:
        yield windows.seen.logits, self._model.temperature
        for other in self._others:
            logits = self._ready(other).see(windows.images, windows.valid, core=windows.core).logits
            yield logits, other.temperature

    def _ready(self, model: TrainedModel) -> PreparedNetwork:
        plan = self._plan
        return prepared(model, device=self._device, precision=plan.precision, engine=plan.engine)
