# ruff: noqa: N806 (names as the papers write them)
"""The estimators written a second time, straight from the papers' formulas, one sum at a time.

For `check_statistics` and its test to hold the platform's own against; nothing else uses it. Numbers of equations are
those of Olofsson et al. 2014 (doi 10.1016/j.rse.2014.02.015) and Stehman 2014 (doi 10.1080/01431161.2014.930207).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

Z = 1.959963984540054


def olofsson(n: Sequence[Sequence[int]], mapped: Sequence[float]) -> dict[str, list[tuple[float, float]]]:
    """Value and half-width of the overall accuracy, of each user's and producer's accuracy, and of each area."""
    q, total = len(n), sum(mapped)
    row = [sum(n[i]) for i in range(q)]
    W = [area / total for area in mapped]
    p = [[W[i] * n[i][j] / row[i] for j in range(q)] for i in range(q)]  # equation 4
    U = [n[i][i] / row[i] for i in range(q)]
    V_O = sum(W[i] ** 2 * U[i] * (1 - U[i]) / (row[i] - 1) for i in range(q))  # equation 5
    found: dict[str, list[tuple[float, float]]] = {"overall": [(sum(p[i][i] for i in range(q)), Z * sqrt(V_O))]}
    found["user"] = [(U[i], Z * sqrt(U[i] * (1 - U[i]) / (row[i] - 1))) for i in range(q)]  # equation 6
    found["producer"], found["area"] = [], []
    for j in range(q):
        in_j = sum(p[i][j] for i in range(q))
        P = p[j][j] / in_j
        N_j = sum(mapped[i] / row[i] * n[i][j] for i in range(q))
        others = sum(
            mapped[i] ** 2 * n[i][j] / row[i] * (1 - n[i][j] / row[i]) / (row[i] - 1) for i in range(q) if i != j
        )
        V = (mapped[j] ** 2 * (1 - P) ** 2 * U[j] * (1 - U[j]) / (row[j] - 1) + P**2 * others) / N_j**2  # equation 7
        found["producer"].append((P, Z * sqrt(V)))
        S = sqrt(sum((W[i] * p[i][j] - p[i][j] ** 2) / (row[i] - 1) for i in range(q)))  # equation 10
        found["area"].append((total * in_j, total * Z * S))  # equations 9 and 11
    return found


def stehman(
    places: Sequence[int], stratum: Sequence[int], mapped: Sequence[int], reference: Sequence[int], classes: int
) -> dict[str, list[tuple[float, float] | None]]:
    """The same where strata are any; areas as shares of the ground, None where a class is met nowhere."""
    units = list(zip(stratum, mapped, reference, strict=True))
    N = sum(places)
    drawn = [sum(1 for s, _, _ in units if s == h) for h in range(len(places))]

    def of(values: Sequence[float], h: int) -> list[float]:
        return [value for value, (s, _, _) in zip(values, units, strict=True) if s == h]

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values)

    def covariance(a: Sequence[float], b: Sequence[float]) -> float:
        return sum((x - mean(a)) * (y - mean(b)) for x, y in zip(a, b, strict=True)) / (len(a) - 1)

    def share(y: Sequence[float]) -> tuple[float, float]:
        value = sum(places[h] * mean(of(y, h)) for h in range(len(places))) / N  # equations 2 and 3
        variance = sum(  # equation 25
            places[h] ** 2 * (1 - drawn[h] / places[h]) * covariance(of(y, h), of(y, h)) / drawn[h]
            for h in range(len(places))
        )
        return value, Z * sqrt(max(0.0, variance)) / N

    def ratio(y: Sequence[float], x: Sequence[float]) -> tuple[float, float] | None:
        X = sum(places[h] * mean(of(x, h)) for h in range(len(places)))
        if X == 0:
            return None
        R = sum(places[h] * mean(of(y, h)) for h in range(len(places))) / X  # equation 27
        variance = 0.0
        for h in range(len(places)):  # equation 28
            in_y, in_x = of(y, h), of(x, h)
            spread = covariance(in_y, in_y) + R**2 * covariance(in_x, in_x) - 2 * R * covariance(in_y, in_x)
            variance += places[h] ** 2 * (1 - drawn[h] / places[h]) * spread / drawn[h]
        return R, Z * sqrt(max(0.0, variance)) / X

    right = [float(m == r) for _, m, r in units]
    found: dict[str, list[tuple[float, float] | None]] = {"overall": [share(right)]}
    for name, at in (("user", 1), ("producer", 2)):
        found[name] = [
            ratio(
                [y * (unit[at] == k) for y, unit in zip(right, units, strict=True)], [unit[at] == k for unit in units]
            )
            for k in range(classes)
        ]
    found["area"] = [share([float(r == k) for _, _, r in units]) for k in range(classes)]
    return found
