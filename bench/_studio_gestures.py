"""Gestures of a real mouse on a map in the page, and the frames that the page draws meanwhile."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

RECORDER = """
(() => {
  let previous = 0, running = false, frames = [], long = [], request = 0;
  new PerformanceObserver((list) => { if (running) for (const task of list.getEntries()) long.push(task.duration); })
    .observe({ type: 'longtask' });
  const tick = (now) => {
    if (!running) return;
    if (previous) frames.push(now - previous);
    previous = now;
    request = requestAnimationFrame(tick);
  };
  window.recorder = {
    start() { frames = []; long = []; previous = 0; running = true; request = requestAnimationFrame(tick); },
    stop() { running = false; cancelAnimationFrame(request); return { frames, long }; },
  };
})();
"""
#: Work that a gesture leaves behind is counted for so long after it.
SETTLE_MS = 400


def recorded(page: Any, gesture: Callable[[], None]) -> dict[str, list[float]]:
    """Frame intervals and long tasks in ms, from the gesture's first event to SETTLE_MS after its last."""
    page.evaluate("recorder.start()")
    gesture()
    page.wait_for_timeout(SETTLE_MS)
    result: dict[str, list[float]] = page.evaluate("recorder.stop()")
    return result


def pan(page: Any, centre: tuple[float, float]) -> None:
    """Drag the map around, letting go after each pull, and end beside where it began."""
    x, y = centre
    for dx, dy in ((260, 60), (-230, 140), (-260, -120), (240, -200), (30, 120)):
        page.mouse.move(x - dx / 2, y - dy / 2)
        page.mouse.down()
        page.mouse.move(x + dx / 2, y + dy / 2, steps=14)
        page.wait_for_timeout(60)
        page.mouse.up()


def zoom(page: Any, centre: tuple[float, float]) -> None:
    """Turn the wheel in and out, each turn as the one before has come to rest, and end one turn nearer."""
    page.mouse.move(*centre)
    for turn in (-120, -120, -120, 120, 120, 120, 120, -120, -120):
        page.mouse.wheel(0, turn)
        page.wait_for_timeout(350)


def drag(page: Any, at: tuple[float, float]) -> None:
    """Take a vertex in hand, lead it around, and drop it a little beside where it was."""
    x, y = at
    page.mouse.move(x - 30, y - 30)
    page.mouse.move(x, y, steps=4)
    page.mouse.down()
    for dx, dy in ((5, 3), (-4, 6), (-5, -4), (6, -5), (7, 5)):
        page.mouse.move(x + dx, y + dy, steps=16)
    page.mouse.up()


def p95(values: list[float]) -> float:
    """The value that 95 % do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def summary(runs: list[dict[str, list[float]]]) -> dict[str, float]:
    """Median, p95 and greatest frame interval of all frames together; the longest task."""
    frames = [frame for run in runs for frame in run["frames"]]
    return {
        "frames": len(frames),
        "median": statistics.median(frames),
        "p95": p95(frames),
        "max": max(frames),
        "longest_task": max([task for run in runs for task in run["long"]], default=0.0),
    }
