import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Device } from "../../src/map/input";
import { watchHand } from "../../src/pages/hand";

const told: Device[] = [];
watchHand((hand) => told.push(hand));

beforeEach(() => {
  vi.useFakeTimers();
  told.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

const send = (name: string, pointerType: string, buttons = 0): void => {
  window.dispatchEvent(new PointerEvent(name, { pointerType, buttons }));
};

it("is told with the click, or a moment after the pointer is up, and never while it is down", () => {
  send("pointerdown", "touch", 1);
  send("pointermove", "touch", 1);
  send("pointerup", "touch");
  expect(told).toEqual([]);
  send("click", "touch");
  expect(told).toEqual(["touch"]);
  send("pointerdown", "pen", 1);
  send("pointerup", "pen");
  vi.advanceTimersByTime(1000);
  expect(told.at(-1)).toBe("pen");
});

it("is told at once of a mouse that moves, and not of a click that a key made", () => {
  send("pointermove", "mouse");
  expect(told).toEqual(["mouse"]);
  send("click", "");
  expect(told).toEqual(["mouse"]);
});
