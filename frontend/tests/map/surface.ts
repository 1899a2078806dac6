import L from "leaflet";
import type { Point } from "../../src/domain/geometry";
import { pixelCrs, TileFrame } from "../../src/map/frame";

/** A real map of 400 × 300 pixels over a tile of 128 pixels, one screen pixel to an image pixel: 8 units. */
export function surface(): { map: L.Map; frame: TileFrame; container: HTMLElement } {
  const container = document.createElement("div");
  document.body.append(container);
  Object.defineProperties(container, { clientWidth: { value: 400 }, clientHeight: { value: 300 } });
  const map = L.map(container, {
    crs: pixelCrs(0), center: [150, 200], zoom: 0, zoomControl: false, attributionControl: false, fadeAnimation: false,
    zoomAnimation: false, keyboard: false, inertia: false,
  });
  return { map, frame: new TileFrame(0, 0, 128), container };
}

export interface Press {
  readonly id?: number;
  readonly type?: "mouse" | "pen" | "touch";
  readonly button?: number;
  readonly buttons?: number;
  readonly alt?: boolean;
  readonly shift?: boolean;
}

/** Sends a pointer event at a place of the map's window; on this map that is the image pixel of the same numbers. */
export function send(container: HTMLElement, name: string, [x, y]: Point, press: Press = {}): PointerEvent {
  const isUp = name === "pointerup" || name === "pointercancel";
  const event = new PointerEvent(name, {
    pointerId: press.id ?? 1, pointerType: press.type ?? "mouse", clientX: x, clientY: y, button: press.button ?? 0,
    buttons: press.buttons ?? (isUp ? 0 : 1), altKey: press.alt ?? false, shiftKey: press.shift ?? false,
    bubbles: true, cancelable: true,
  });
  container.dispatchEvent(event);
  return event;
}
