"""What a map says of a label before and after a model has learnt from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A map that agrees with a label on this much more or less of its ground has moved; below, training alone moves it.
MOVED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Comparison:
    """Pixels of one label on which two maps say something, and of these, those on which each says what the label does.

    Args:
        compared_px: labelled pixels on which both maps have a class.
        agreed_before_px, agreed_after_px: of these, where the earlier and the later map have the label's class.
    """

    compared_px: int
    agreed_before_px: int
    agreed_after_px: int

    @property
    def before(self) -> float:
        """Share of the ground on which the earlier map agrees; 0 where nothing was compared."""
        return self.agreed_before_px / self.compared_px if self.compared_px else 0.0

    @property
    def after(self) -> float:
        """Share of the ground on which the later map agrees; 0 where nothing was compared."""
        return self.agreed_after_px / self.compared_px if self.compared_px else 0.0

    @property
    def direction(self) -> int:
        """1 where the map moved towards the label, -1 where it moved away, 0 where it stayed."""
        change = self.agreed_after_px - self.agreed_before_px
        if abs(change) < MOVED_SHARE * self.compared_px or not change:
            return 0
        return 1 if change > 0 else -1


def compare_maps(labels: NDArray[np.uint8], *, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Comparison:
    """Hold two maps of one tile against a label.

    Args: labels, before, after: uint8 (row, col) with the same value for the same class, 0 = unlabelled or no imagery.
    """
    both = (labels > 0) & (before > 0) & (after > 0)
    return Comparison(
        compared_px=int(both.sum()),
        agreed_before_px=int((both & (before == labels)).sum()),
        agreed_after_px=int((both & (after == labels)).sum()),
    )
