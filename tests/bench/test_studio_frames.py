"""Until when studio.py records a gesture."""

from __future__ import annotations

from typing import Any

from _studio_frames import AFTER_MS, frames_of


def a_trace(*on_screen_ms: float) -> list[dict[str, Any]]:
    """A trace on the page's own clock whose pictures take 1 ms to come on screen."""
    mark = {
        "name": "gesture", "cat": "blink.user_timing", "ph": "R", "pid": 1, "ts": 0, "args": {"data": {"startTime": 0}},
    }  # fmt: skip
    events = [mark]
    for number, at in enumerate(on_screen_ms):
        frame = {"name": "PipelineReporter", "cat": "devtools", "pid": 1, "id2": {"local": str(number)}}
        reporter = {"frame_reporter": {"state": "STATE_PRESENTED_ALL"}}
        events += [
            {**frame, "ph": "b", "ts": (at - 1) * 1000, "args": reporter},
            {**frame, "ph": "e", "ts": at * 1000, "args": {}},
        ]
    return events


def heard(*busy: tuple[float, bool]) -> dict[str, Any]:
    """A gesture from 0 to 1,000 ms."""
    events = [{"times": [at], "heard": at, "drags": False} for at in (0.0, 1000.0)]
    return {"events": events, "ticks": [[0.0, 0.0], [1000.0, 1000.0]], "long": [], "busy": list(busy)}


def test_a_picture_that_stands_while_the_studio_is_busy_after_the_drop_is_in_the_figures() -> None:
    pictures = a_trace(0, 1000, 2500, 3000)
    found = frames_of(pictures, heard((1001, True), (2400, False)))
    assert found.settled == [1400]
    assert found.shown == [1000, 1500, 2400 + AFTER_MS - 2500]


def test_what_the_studio_says_again_of_a_change_that_is_done_is_no_news() -> None:
    found = frames_of(a_trace(0, 1000, 3000), heard((1001, True), (1040, False), (2600, False)))
    assert found.settled == [40]
    assert found.shown == [1000, 40 + AFTER_MS]


def test_a_page_that_says_nothing_is_settled_with_its_last_event() -> None:
    found = frames_of(a_trace(0, 1000, 3000), heard())
    assert found.settled == [0]
    assert found.shown == [1000, AFTER_MS]
