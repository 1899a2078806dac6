"""The figure of learning_curve.py: mean IoU by labelled ground, a band of one standard error around each."""

from __future__ import annotations

from pathlib import Path

COLOURS = ("#777777", "#c98500", "#2d7dd2", "#7a5195", "#c1121f", "#999999", "#0a7d33", "#7fb069")


def write_figure(path: Path, curves: dict[str, list[dict[str, float]]], *, ceiling: float, close: float) -> None:
    """Write an SVG. Args: curves: by strategy, mIoU by tiles of every seed."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "learning"
    import numpy as np
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for (name, seeds), colour in zip(curves.items(), COLOURS, strict=False):
        budgets = np.array(sorted(int(budget) for budget in seeds[0]))
        values = np.array([[seed[str(budget)] for budget in budgets] for seed in seeds])
        mean, error = values.mean(axis=0), values.std(axis=0, ddof=min(1, len(values) - 1)) / len(values) ** 0.5
        dashes = "--" if "region" in name else "-"
        axes.plot(budgets, mean, dashes, color=colour, label=name, linewidth=2.5 if name.startswith("our") else 1.5)
        axes.fill_between(budgets, mean - error, mean + error, color=colour, alpha=0.15, linewidth=0)
    axes.axhline(ceiling, color="black", linewidth=0.8)
    axes.axhline(close * ceiling, color="black", linewidth=0.8, linestyle=":")
    axes.annotate("whole pool", (axes.get_xlim()[1], ceiling), ha="right", va="bottom", fontsize=8)
    axes.annotate("95 % of it", (axes.get_xlim()[1], close * ceiling), ha="right", va="bottom", fontsize=8)
    axes.set_xscale("log", base=2)
    ticks = sorted({int(budget) for seeds in curves.values() for budget in seeds[0]})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labelled ground (tiles)")
    axes.set_ylabel("mean IoU on the hold-out")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
