"""Fingers and a pen on a tablet's glass, as events that the browser itself makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from e2e.studio import Studio


class Fingers:
    """A finger on a tablet, or two: touch events as the browser gets them from the glass."""

    def __init__(self, hands: Studio) -> None:
        self.hands = hands
        self.at = (0.0, 0.0)
        self.glass = hands.page.context.new_cdp_session(hands.page)

    def _touch(self, kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.glass.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def use(self, tool: str) -> None:
        self.tap_until(f"[data-testid='tool-{tool}']", f"#studio[data-tool='{tool}']")

    def choose(self, code: str) -> None:
        self.press(f"class-{code}")

    def press(self, name: str) -> None:
        """Taps a button that stays pressed."""
        self.tap_until(f"[data-testid='{name}']", f"[data-testid='{name}'][aria-pressed='true']")

    def unfold(self, section: str) -> None:
        self.tap_until(f"[data-testid='section-{section}'] summary", f"[data-testid='section-{section}'][open]")

    def tap_until(self, button: str, sign: str) -> None:
        """Taps a button until it has worked: a tap right after a quick drag only stops the browser's own fling."""
        from playwright.sync_api import TimeoutError as NotYet

        for attempt in range(5):
            # It may have worked late: a button that toggles is not tapped once more for that.
            if attempt == 0 or self.hands.page.locator(sign).count() == 0:
                self.hands.page.tap(button)
            try:
                self.hands.page.wait_for_selector(sign, timeout=2_000)
            except NotYet:
                continue
            return
        raise AssertionError(f"{button} does nothing")

    def down(self, x: float, y: float) -> None:
        self._down_at(self.hands.place(x, y))

    def _down_at(self, place: tuple[float, float]) -> None:
        self.at = place
        self._touch("touchStart", place)

    def move(self, x: float, y: float, *, steps: int = 5) -> None:
        self._move_to(self.hands.place(x, y), steps)

    def _move_to(self, place: tuple[float, float], steps: int) -> None:
        (x0, y0), (x1, y1) = self.at, place
        for step in range(1, steps + 1):
            self._touch("touchMove", (x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps))
        self.at = x1, y1

    def up(self) -> None:
        self._touch("touchEnd")

    def tap(self, x: float, y: float) -> None:
        self.down(x, y)
        self.up()

    def taps(self, *places: tuple[float, float]) -> None:
        for x, y in places:
            self.tap(x, y)

    def slide(self, name: str, share: float) -> int:
        """Taps a slider at a share of its length; what it then says."""
        slider = self.hands.page.locator(f"[data-testid='{name}']")
        box = slider.bounding_box()
        slider.tap(position={"x": box["width"] * share, "y": box["height"] / 2})
        return int(slider.input_value())

    def hold(self, x: float, y: float) -> None:
        """Down and still, until the page has said what that does. The hand stays down."""
        self.hands.hush()
        self.down(x, y)
        self.hands.wait_for_words()

    def drag(self, *places: tuple[float, float], steps: int = 5) -> None:
        """From the first place by the others to the last."""
        # Asked of the page beforehand: half a second down and still would be a hold.
        first, *others = [self.hands.place(*place) for place in places]
        self._down_at(first)
        for place in others:
            self._move_to(place, steps)
        self.up()

    def pinch(self, first: tuple[float, float], second: tuple[float, float], *, by: float, steps: int = 8) -> None:
        """Two fingers that part, one up and one down, by so many points of the screen each."""
        (x0, y0), (x1, y1) = self.hands.place(*first), self.hands.place(*second)
        for step in range(steps + 1):
            away = by * step / steps
            self._touch("touchStart" if step == 0 else "touchMove", (x0, y0 - away), (x1, y1 + away))
        self._touch("touchEnd")


class Pen(Fingers):
    """A pen on the same glass; `palm` is where a hand comes down beside it while it draws."""

    def _send(self, kind: str, x: float, y: float, *, down: bool = True, button: str = "left") -> None:
        buttons = {"left": 1, "right": 2}[button] if down else 0
        more = {"button": button, "buttons": buttons, "clickCount": 1, "pointerType": "pen"}
        self.glass.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **more})

    def down(self, x: float, y: float, *, button: str = "left") -> None:
        self._pen_down_at(self.hands.place(x, y), button)

    def _pen_down_at(self, place: tuple[float, float], button: str = "left") -> None:
        self._send("mouseMoved", *place, down=False)
        self._send("mousePressed", *place, button=button)
        self.at = place

    def move(self, x: float, y: float, *, steps: int = 6) -> None:
        self._move_to(self.hands.place(x, y), steps)

    def _move_to(self, place: tuple[float, float], steps: int) -> None:
        (x0, y0), (x1, y1) = self.at, place
        for step in range(1, steps + 1):
            self._send("mouseMoved", x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps)
        self.at = x1, y1

    def up(self, *, button: str = "left") -> None:
        self._send("mouseReleased", *self.at, down=False, button=button)

    def drag(self, *places: tuple[float, float], steps: int = 6, palm: tuple[float, float] | None = None) -> None:
        first, *others = [self.hands.place(*place) for place in places]
        beside = None if palm is None else self.hands.place(*palm)
        self._pen_down_at(first)
        if beside is not None:
            self._touch("touchStart", beside)
        for place in others:
            self._move_to(place, steps)
        self.up()
        if palm is not None:
            super().up()
