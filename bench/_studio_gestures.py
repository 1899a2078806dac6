"""Gestures of a hand on a map in the page: what is sent and when, whether the page keeps up or not."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]

#: A hand moves the pointer so often in a second.
MOVES_A_SECOND = 60
#: Moves of one pull at the map, or of one way of a vertex.
MOVES = 16
#: A hand rests so long before it lets go, or the map would fly on; and before it takes hold again.
REST_S, RETURN_S = 0.06, 0.1
#: From one turn of the wheel to the next: the map has then come to rest.
TURN_S = 0.35
WHEEL = 120

PULLS: tuple[Point, ...] = ((260, 60), (-230, 140), (-260, -120), (240, -200), (130, 110))
TURNS = (-1, -1, -1, 1, 1, 1, 1, -1, -1, -1)
WAYS: tuple[Point, ...] = ((15, 9), (-12, 18), (-15, -12), (18, -15))


@dataclass(frozen=True)
class Event:
    """Sent so long after the gesture's beginning."""

    at_s: float
    values: dict[str, Any]


def _mouse(kind: str, at: Point, *, held: bool = False, **more: Any) -> dict[str, Any]:
    button = "left" if held or kind == "mouseReleased" else "none"
    clicks = 0 if kind in ("mouseMoved", "mouseWheel") else 1
    return {"type": kind, "x": at[0], "y": at[1], "button": button, "buttons": int(held), "clickCount": clicks, **more}


def _lead(start_s: float, a: Point, b: Point, *, held: bool, moves: int = MOVES) -> list[Event]:
    """Lead the pointer from a place to another."""
    places = [(a[0] + (b[0] - a[0]) * k / moves, a[1] + (b[1] - a[1]) * k / moves) for k in range(1, moves + 1)]
    return [
        Event(start_s + k / MOVES_A_SECOND, _mouse("mouseMoved", place, held=held))
        for k, place in enumerate(places, start=1)
    ]


def pan(centre: Point) -> list[Event]:
    """Drag the map around, letting go after each pull, and end well beside where it began."""
    events: list[Event] = []
    clock = 0.0
    for dx, dy in PULLS:
        start, end = (centre[0] - dx / 2, centre[1] - dy / 2), (centre[0] + dx / 2, centre[1] + dy / 2)
        events.append(Event(clock, _mouse("mouseMoved", start)))
        events.append(Event(clock + RETURN_S, _mouse("mousePressed", start, held=True)))
        events += _lead(clock + RETURN_S, start, end, held=True)
        clock = events[-1].at_s + REST_S
        events.append(Event(clock, _mouse("mouseReleased", end)))
    return events


def zoom(centre: Point) -> list[Event]:
    """Turn the wheel in and out, and end nearer than at the beginning."""
    wheel = {"deltaX": 0}
    return [
        Event(k * TURN_S, _mouse("mouseWheel", centre, deltaY=turn * WHEEL, **wheel)) for k, turn in enumerate(TURNS)
    ]


def drag(at: Point, end: Point) -> list[Event]:
    """Take a vertex in hand, lead it around, and drop it at `end`."""
    events = _lead(0, (at[0] - 30, at[1] - 30), at, held=False, moves=4)
    clock = events[-1].at_s + RETURN_S
    events.append(Event(clock, _mouse("mousePressed", at, held=True)))
    place = at
    for way in [*((at[0] + dx, at[1] + dy) for dx, dy in WAYS), end]:
        events += _lead(events[-1].at_s, place, way, held=True)
        place = way
    events.append(Event(events[-1].at_s + REST_S, _mouse("mouseReleased", end)))
    return events


async def play(page: Any, events: list[Event]) -> None:
    """Sends each event at its time: a page that is busy gets them late, all of them, as it does from a real hand."""
    session = await page.context.new_cdp_session(page)
    clock = asyncio.get_running_loop().time
    start, underway = clock(), []
    for event in events:
        await asyncio.sleep(start + event.at_s - clock())
        underway.append(asyncio.create_task(session.send("Input.dispatchMouseEvent", event.values)))
    await asyncio.gather(*underway)
    await session.detach()
