"""What the next labelled tiles are expected to bring, from what earlier ones brought. numpy only.

The mean IoU of models against the tiles they learnt from follows a power law that levels off,

    miou(n) = v + g · (1 - (n / n_last) ** -b),

with v its value at the last n, v + g where it levels off, and b how soon. Two models leave nearly everything open, ten
say a good deal; so the answer is a posterior over all curves of a grid, not one fitted curve: its mean, its spread and
the probability that little more is to be had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learning.errors import TooFewModels

MIN_MODELS = 2
EXPONENTS: NDArray[np.float64] = np.geomspace(0.05, 2.0, 60)  # Viering & Loog 2021, section 4: mostly 0.1 to 1
GAPS: NDArray[np.float64] = np.linspace(0.0, 0.95, 381)  # what endless labels would add
NOISES: NDArray[np.float64] = np.geomspace(0.002, 0.05, 20)  # of one model: luck of its seed, and of the hold-out


@dataclass(frozen=True, slots=True)
class ExpectedGain:
    """What `more_tiles` labelled tiles are expected to add to the mean IoU, in points (0.01 of it).

    Args:
        points, spread_points: posterior mean and standard deviation: "+x ± y". low, high: its 95 % interval.
        below: probability that it is below `threshold_points`, None where no threshold was given.
        curve: (tiles, mean IoU, low, high) of the curve itself, for a plot: 95 % bands.
        n_models: models that it was learnt from.
    """

    more_tiles: int
    points: float
    spread_points: float
    low: float
    high: float
    below: float | None
    n_models: int
    curve: tuple[tuple[float, float, float, float], ...]


def expected_gain(
    models: Sequence[tuple[float, float]], *, more_tiles: int = 100, threshold_points: float | None = None
) -> ExpectedGain:
    """What the next tiles bring after the largest training set so far.

    The level v is integrated out with a flat prior, so that only v + g ≤ 1 binds it; g is flat, b and the noise are
    flat in their logarithm. The noise is learnt from how far the models lie off a curve: with two models it is the
    prior's.

    Args:
        models: (labelled tiles above 0, mean IoU from 0 to 1) of each model, in any order.
        threshold_points: gain of which to say how likely it is to stay below.

    Raises: TooFewModels: fewer than two models, or all of the same number of tiles, or figures outside these bounds.
    Source: Viering & Loog 2021 (arXiv:2103.10948), power law with an asymptote; Domhan et al. 2015 (IJCAI), the
            posterior over curves.
    """
    n, miou = _checked(models, more_tiles=more_tiles)
    last = float(n.max())
    rise = 1 - (n / last)[:, None] ** -EXPONENTS  # (model, b): 0 at the last n, negative before
    # Residuals without the level: (b, g, model)
    residual = miou - GAPS[None, :, None] * rise.T[:, None, :]
    level = residual.mean(axis=-1)  # (b, g), the likeliest v
    squares = ((residual - level[..., None]) ** 2).sum(axis=-1)
    log_weight = -squares[..., None] / (2 * NOISES**2) - (len(n) - 1) * np.log(NOISES)
    log_weight = np.where(((level + GAPS <= 1) & (level >= 0))[..., None], log_weight, -np.inf)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    by_curve = weight.sum(axis=-1)  # (b, g)
    gain = 100 * GAPS[None, :] * (1 - ((last + more_tiles) / last) ** -EXPONENTS)[:, None]
    points = float((by_curve * gain).sum())
    low, high = _quantiles(gain, by_curve, (0.025, 0.975))
    return ExpectedGain(
        more_tiles=more_tiles,
        points=points,
        spread_points=math.sqrt(float((by_curve * (gain - points) ** 2).sum())),
        low=low,
        high=high,
        below=None if threshold_points is None else float(by_curve[gain < threshold_points].sum()),
        n_models=len(n),
        curve=_band(n, weight=weight, level=level, stop=last + more_tiles),
    )


def _checked(
    models: Sequence[tuple[float, float]], *, more_tiles: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if more_tiles < 1:
        raise TooFewModels(f"{more_tiles} more tiles: ask for 1 or more.")
    n_sizes = len({tiles for tiles, _miou in models})
    if n_sizes < MIN_MODELS:
        raise TooFewModels(
            f"{len(models)} judged model(s) of {n_sizes} number(s) of labelled tiles: a curve needs at least "
            f"{MIN_MODELS} of both. Train again once more tiles are accepted."
        )
    n, miou = np.array(sorted(models), dtype=np.float64).T
    if not np.isfinite(n).all() or (n <= 0).any() or not ((miou >= 0) & (miou <= 1)).all():
        raise TooFewModels(f"Models {list(models)}: give labelled tiles above 0 and a mean IoU from 0 to 1.")
    return n, miou


def _quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], shares: tuple[float, float]
) -> tuple[float, float]:
    """Weighted quantiles; both arrays of one shape, weights summing to 1."""
    order = np.argsort(values, axis=None)
    cumulated = np.cumsum(weights.ravel()[order])
    found = values.ravel()[order[np.minimum(np.searchsorted(cumulated, shares), order.size - 1)]]
    return float(found[0]), float(found[1])


def _band(
    n: NDArray[np.float64], *, weight: NDArray[np.float64], level: NDArray[np.float64], stop: float, steps: int = 24
) -> tuple[tuple[float, float, float, float], ...]:
    """Mean and 95 % interval of the curve between the first model and `stop`."""
    by_curve, last, rows = weight.sum(axis=-1), float(n.max()), []
    # The level's own uncertainty, given a curve: noise / √models.
    noise = float(np.sqrt((weight.sum(axis=(0, 1)) * NOISES**2).sum() / len(n)))
    for tiles in np.geomspace(float(n.min()), stop, steps):
        values = level + GAPS[None, :] * (1 - (tiles / last) ** -EXPONENTS)[:, None]
        low, high = _quantiles(values, by_curve, (0.025, 0.975))
        mean = float((by_curve * values).sum())
        half_low, half_high = math.hypot(mean - low, 1.96 * noise), math.hypot(high - mean, 1.96 * noise)
        rows.append((float(tiles), mean, max(0.0, mean - half_low), min(1.0, mean + half_high)))
    return tuple(rows)
