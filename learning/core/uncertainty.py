"""How unsure a model is of a pixel: the functions an acquisition round may score with. numpy only.

The same formulas run on the device, from logits, in learning.core.entropy and pixel_doubt; these are what they are
held to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from learning.errors import NotProbabilities, UnknownAcquisition

OPINIONS, MOST_OPINIONS = 4, 8  # members of a score that needs several: as many as are asked for by default, at most

Probabilities = NDArray[np.floating[Any]]


class PixelScore(Protocol):
    """From members' probabilities, float (member, tile, class, row, col), to a score, float32 (tile, row, col)."""

    def __call__(self, probabilities: Probabilities, /) -> NDArray[np.float32]:
        """Score every pixel; higher is less sure."""


@dataclass(frozen=True, slots=True)
class NamedScore:
    """A pixel score that a policy may name.

    Args:
        members: least number of members (ensemble networks, or passes with dropout) it needs.
        highest: its largest value for a number of classes: "ln K" or "1".
    """

    name: str
    function: PixelScore
    members: int
    highest: str
    source: str

    def upper_bound(self, n_classes: int) -> float:
        """Largest value the score can have."""
        return float(np.log(n_classes)) if self.highest == "ln K" else 1.0


def predictive_entropy(probabilities: Probabilities) -> NDArray[np.float32]:
    """Shannon entropy of the predicted class distribution at each pixel.

    Args:    probabilities: float (tile, class, row, col); each pixel sums to 1 within 1e-4.
    Returns: float32 (tile, row, col), in nats, from 0 (certain) to ln(class count) (uniform).
    Raises:  NotProbabilities: some pixel does not sum to 1 (logits passed by mistake, say).
    Source:  Shannon 1948; as an acquisition function, Settles 2009 (TR 1648), section 3.1.
    """
    _check_probabilities(probabilities)
    result: NDArray[np.float32] = np.maximum(_entropy(probabilities, axis=1), 0).astype(np.float32)
    return result


def margin_uncertainty(probabilities: Probabilities) -> NDArray[np.float32]:
    """One minus the gap between the two likeliest classes, so that higher is less certain.

    Args:    probabilities: as in predictive_entropy, at least two classes.
    Returns: float32 (tile, row, col), from 0 to 1.
    Raises:  NotProbabilities.
    Source:  Scheffer et al. 2001; Settles 2009, section 3.1.
    """
    _check_probabilities(probabilities)
    ordered = np.partition(probabilities, -2, axis=1)
    result: NDArray[np.float32] = (1 - (ordered[:, -1] - ordered[:, -2])).astype(np.float32)
    return result


def least_confidence(probabilities: Probabilities) -> NDArray[np.float32]:
    """One minus the probability of the likeliest class.

    Args:    probabilities: as in predictive_entropy.
    Returns: float32 (tile, row, col), from 0 to 1 - 1 / class count.
    Raises:  NotProbabilities.
    Source:  Lewis & Gale 1994; Settles 2009, section 3.1.
    """
    _check_probabilities(probabilities)
    result: NDArray[np.float32] = (1 - probabilities.max(axis=1)).astype(np.float32)
    return result


def bald(members: Probabilities) -> NDArray[np.float32]:
    """Mutual information between the prediction and the model: where several models are sure of different things.

    The entropy of the members' mean, less the mean of the members' entropies. Members are networks of an ensemble, or
    passes of one network with its dropout on.

    Args:    members: float (member, tile, class, row, col), two members at least.
    Returns: float32 (tile, row, col), in nats, from 0 to ln(class count).
    Raises:  NotProbabilities.
    Source:  Houlsby et al. 2011, arXiv:1112.5745; by dropout Gal et al. 2017, arXiv:1703.02910; by ensemble Beluch et
             al. 2018.
    """
    if members.ndim != 5 or len(members) < 2:
        raise NotProbabilities(f"Shape {members.shape}: expected (member, tile, class, row, col), two members or more.")
    _check_probabilities(members.reshape(-1, *members.shape[2:]))
    gained = _entropy(members.mean(axis=0), axis=1) - _entropy(members, axis=2).mean(axis=0)
    result: NDArray[np.float32] = np.maximum(gained, 0).astype(np.float32)
    return result


PIXEL_SCORES = {
    score.name: score
    for score in (
        NamedScore("entropy", lambda p: predictive_entropy(p.mean(axis=0)), 1, "ln K", "Settles 2009"),
        NamedScore("margin", lambda p: margin_uncertainty(p.mean(axis=0)), 1, "1", "Scheffer et al. 2001"),
        NamedScore("least_confidence", lambda p: least_confidence(p.mean(axis=0)), 1, "1", "Lewis & Gale 1994"),
        NamedScore("bald", bald, 2, "ln K", "Houlsby et al. 2011; Gal et al. 2017; Beluch et al. 2018"),
    )
}


def pixel_score(name: str) -> NamedScore:
    """The pixel score of this name. Raises: UnknownAcquisition."""
    if name not in PIXEL_SCORES:
        raise UnknownAcquisition(f"Pixel score {name!r} is unknown; choose one of: {', '.join(sorted(PIXEL_SCORES))}.")
    return PIXEL_SCORES[name]


def _entropy(probabilities: Probabilities, *, axis: int) -> NDArray[np.floating[Any]]:
    positive = np.where(probabilities > 0, probabilities, 1.0)  # 0 · ln 0 = 0
    entropy: NDArray[np.floating[Any]] = -(probabilities * np.log(positive)).sum(axis=axis)
    return entropy


def _check_probabilities(probabilities: Probabilities) -> None:
    if probabilities.ndim != 4 or probabilities.shape[1] < 2:
        raise NotProbabilities(f"Shape {probabilities.shape}: expected (tile, class, row, col), two classes or more.")
    if not (np.abs(probabilities.sum(axis=1) - 1) <= 1e-4).all() or (probabilities < 0).any():
        raise NotProbabilities("Some pixel is negative or does not sum to 1; apply the softmax to logits first.")
