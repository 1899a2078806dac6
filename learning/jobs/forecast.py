"""How long a job still takes, as it is told to people."""

from __future__ import annotations

import time

SECONDS_TO_JUDGE_BY = 5  # before that, nobody can say how long the rest takes


class Forecast:
    """Judges by what was done since the first time that it was asked: what was there by then took no time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first: float | None = None

    def words(self, share: float) -> str:
        """A sentence to put behind another, or nothing while nobody can tell."""
        if self._first is None:
            self._first = share
        since, done = time.monotonic() - self._began, share - self._first
        if done <= 0 or since <= SECONDS_TO_JUDGE_BY:
            return ""
        return f" About {words_of(since * (1 - share) / done)} left."


def words_of(seconds: float) -> str:
    """A duration as people say it: 40 s, 12 min, 3 h."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit == "min" and seconds >= size):
            return f"{round(seconds / size)} {unit}"
    return f"{max(1, round(seconds))} s"
