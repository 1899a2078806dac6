from __future__ import annotations

import time

import pytest

from learning.jobs import forecast
from learning.jobs.forecast import Forecast, words_of


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (60, "1 min"), (3600, "60 min"), (7200, "2 h"), (86_400, "24 h"), (260_000, "3 days")],
)
def test_a_duration_is_said_as_people_say_it(seconds: float, words: str) -> None:
    assert words_of(seconds) == words


def test_nothing_is_said_while_nobody_can_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = Forecast()
    assert judged.words(0.5) == judged.words(0.6) == "", "a moment is too short to judge by"
    monkeypatch.setattr(forecast, "SECONDS_TO_JUDGE_BY", 0)
    assert judged.words(0.5) == "", "nothing was done since"


def test_what_was_there_already_took_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 0.5 to 0.502 in a tenth of a second or more: what is left takes 249 times as long, 25 s at least."""
    monkeypatch.setattr(forecast, "SECONDS_TO_JUDGE_BY", 0)
    judged = Forecast()
    judged.words(0.5)
    time.sleep(0.1)
    number, unit = judged.words(0.502).removeprefix(" About ").removesuffix(" left.").split()
    seconds = int(number) * {"s": 1, "min": 60}[unit]
    assert 24 <= seconds < 2000
