"""The pictures that a page puts on screen during a gesture, from Chromium's trace, and figures of them.

The page carries a frame counter, a dot that changes at every animation frame: a new picture is due at every refresh.
The trace has a PipelineReporter for each frame, from its beginning to when it was on screen, or dropped.
"""

from __future__ import annotations

import json
import statistics
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

CATEGORIES = ["-*", "blink.user_timing", "disabled-by-default-devtools.timeline.frame"]
#: Work that a gesture leaves behind is counted for so long after its last event, or after the page has said that the
#: change is done: a zoom of Leaflet's lasts 290 ms.
AFTER_MS = 300
#: The studio says that a change is under way, or that it is done; a page without this does all of it in its events.
SAYS, IS_DONE = "#studio", "#studio[data-busy='false']"

RECORDER = """
(() => {
  const kinds = ['pointermove', 'pointerdown', 'pointerup', 'wheel'];
  let running = false, ticks = [], events = [], long = [], busy = [], dot = null, watch = null;
  new PerformanceObserver((list) => { if (running) for (const task of list.getEntries()) long.push(task.duration); })
    .observe({ type: 'longtask' });
  const hear = (event) => {
    const raw = event.getCoalescedEvents?.() ?? [];
    const times = raw.length > 0 ? raw.map((one) => one.timeStamp) : [event.timeStamp];
    events.push({ times, heard: performance.now(), drags: event.type === 'pointermove' && event.buttons === 1 });
  };
  const tick = (now) => {
    if (!running) return;
    ticks.push([now, performance.now()]);
    dot.style.transform = `translateX(${ticks.length % 2 ? 2 : 0}px)`;
    requestAnimationFrame(tick);
  };
  window.recorder = {
    async start() {
      dot = document.createElement('div');
      Object.assign(dot.style, {
        position: 'fixed', left: '2px', top: '2px', width: '2px', height: '2px', background: '#f0f', zIndex: 9999,
        willChange: 'transform', pointerEvents: 'none',
      });
      document.body.append(dot);
      for (const kind of kinds) addEventListener(kind, hear, true);
      [ticks, events, long, busy, running] = [[], [], [], [], true];
      const page = document.querySelector('#studio');
      watch = new MutationObserver(() => { busy.push([performance.now(), page.dataset.busy === 'true']); });
      if (page) watch.observe(page, { attributeFilter: ['data-busy'] });
      requestAnimationFrame(tick);
      await new Promise((done) => setTimeout(done, 200));
      performance.mark('gesture');
    },
    stop() {
      running = false;
      dot.remove();
      watch.disconnect();
      for (const kind of kinds) removeEventListener(kind, hear, true);
      return { ticks, events, long, busy };
    },
  };
})();
"""


@dataclass
class Frames:
    """Of one gesture, in ms."""

    #: How long each picture stayed on screen until the next one.
    shown: list[float] = field(default_factory=list)
    #: From each move of a drag until the picture that shows it.
    late: list[float] = field(default_factory=list)
    #: Intervals of requestAnimationFrame.
    called: list[float] = field(default_factory=list)
    #: Tasks of the main thread of 50 ms and more.
    long: list[float] = field(default_factory=list)
    #: From the last event until the page said that the change was done; 0 where it says nothing of the kind.
    settled: list[float] = field(default_factory=list)

    def __add__(self, other: Frames) -> Frames:
        """Those of both gestures."""
        return Frames(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


async def recorded(page: Any, gesture: Callable[[], Awaitable[None]]) -> Frames:
    """What came on screen from the gesture's first event to AFTER_MS after its last, or after its change is done."""
    browser = page.context.browser
    await browser.start_tracing(page=page, categories=CATEGORIES)
    await page.evaluate("recorder.start()")
    await gesture()
    if await page.locator(SAYS).count():
        await page.wait_for_selector(IS_DONE, state="attached")
    await page.wait_for_timeout(2 * AFTER_MS)
    heard = await page.evaluate("recorder.stop()")
    return frames_of(json.loads(await browser.stop_tracing())["traceEvents"], heard)


def frames_of(trace: list[dict[str, Any]], heard: dict[str, Any]) -> Frames:
    """The figures of a trace, and of the events and animation frames that the page noted meanwhile."""
    mark = next(e for e in trace if e["name"] == "gesture" and e["cat"] == "blink.user_timing")
    # The trace counts microseconds of the machine's clock, the page milliseconds since it was opened.
    ahead = mark["args"]["data"]["startTime"] - mark["ts"] / 1000
    pictures = _pictures(trace, mark["pid"], ahead)
    events = heard["events"]
    first, dropped = events[0]["times"][0], events[-1]["times"][-1]
    done = max(dropped, _done_at(heard["busy"]))
    last = done + AFTER_MS
    seen = sorted({on_screen for _begun, on_screen, _whole in pictures})
    shown = _within(pairwise(seen), first, last)
    called = _within(((before, after) for (_, before), (_, after) in pairwise(heard["ticks"])), first, last)
    # A picture of the main thread's: that with the beginning of the animation frame that came after the event.
    whole = sorted((begun, on_screen) for begun, on_screen, is_whole in pictures if is_whole)
    begins = [begun for begun, _ in whole]
    late = []
    for event in (e for e in events if e["drags"]):
        frame = next((now for now, called_at in heard["ticks"] if called_at >= event["heard"]), None)
        place = len(begins) if frame is None else bisect_left(begins, frame - 1)
        if place < len(begins):
            late += [whole[place][1] - time for time in event["times"]]
    return Frames(shown, late, called, heard["long"], [done - dropped])


def _done_at(said: list[tuple[float, bool]]) -> float:
    """When the page said that the last change was done: it says so again whenever it is drawn, which is no news."""
    busy = [place for place, (_, is_busy) in enumerate(said) if is_busy]
    return next((now for now, is_busy in said[busy[-1] :] if not is_busy), 0.0) if busy else 0.0


def _within(spans: Iterable[tuple[float, float]], first: float, last: float) -> list[float]:
    """How long each lasted of that time: what was on screen before the gesture is not its doing."""
    clipped = ((max(begin, first), min(end, last)) for begin, end in spans)
    return [end - begin for begin, end in clipped if end > begin]


def _pictures(trace: list[dict[str, Any]], process: int, ahead: float) -> list[tuple[float, float, bool]]:
    """Begun, on screen, and whether the main thread's part is in it: of each picture that was presented."""
    ours = [e for e in trace if e["name"] == "PipelineReporter" and e["pid"] == process and e["ph"] in "be"]
    begun: dict[str, list[dict[str, Any]]] = {}
    found = []
    for event in sorted(ours, key=lambda e: e["ts"]):
        key = json.dumps(event.get("id2"))
        if event["ph"] == "b":
            begun.setdefault(key, []).append(event)
        elif begun.get(key):
            start = begun[key].pop()
            state = start["args"]["frame_reporter"]["state"]
            if state.startswith("STATE_PRESENTED"):
                times = (at["ts"] / 1000 + ahead for at in (start, event))
                found.append((*times, state == "STATE_PRESENTED_ALL"))
    return found


def share_of_time(times: list[float], share: float) -> float:
    """The shortest time such that the longer ones fill at most what is left of the whole."""
    filled = 0.0
    for time in sorted(times):
        filled += time
        if filled >= share * sum(times):
            return time
    return 0.0


def share_of_count(values: list[float], share: float) -> float:
    """The value that so many of all do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def summary(frames: Frames) -> dict[str, float]:
    """What the table shows."""
    return {
        "frames": len(frames.shown),
        "median": share_of_time(frames.shown, 0.5),
        "p95": share_of_time(frames.shown, 0.95),
        "max": max(frames.shown),
        "p95_count": share_of_count(frames.shown, 0.95),
        "late_median": statistics.median(frames.late or [0.0]),
        "late_p95": share_of_count(frames.late, 0.95),
        "called_p95": share_of_count(frames.called, 0.95),
        "longest_task": max(frames.long, default=0.0),
        "settled": statistics.median(frames.settled),
        "settled_max": max(frames.settled),
    }
