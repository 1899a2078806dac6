import { type Device, deviceOf } from "../map/input";

/** Long enough for the click that follows a finger. */
const AFTER_MS = 150;

/** The hand to expect before one was seen. */
export function firstHand(): Device {
  return window.matchMedia("(pointer: coarse)").matches ? "touch" : "mouse";
}

/**
 * Tells what points at the page: words and buttons are for the hand in use. Never between a press and its click, as
 * what moves under a finger meanwhile would have the click instead of what was pressed.
 */
export function watchHand(tell: (hand: Device) => void): void {
  const hear = (name: "pointermove" | "pointerup" | "pointercancel" | "click", heard: (event: PointerEvent) => void): void => {
    window.addEventListener(name, (event) => { heard(event as PointerEvent); }, { capture: true, passive: true });
  };
  hear("pointermove", (event) => { if (event.buttons === 0) tell(deviceOf(event)); });
  // Clicks made by a key have no pointer.
  hear("click", (event) => { if (event.pointerType) tell(deviceOf(event)); });
  for (const name of ["pointerup", "pointercancel"] as const) {
    hear(name, (event) => { setTimeout(() => { tell(deviceOf(event)); }, AFTER_MS); });
  }
}
