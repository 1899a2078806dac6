import type L from "leaflet";
import type { Point } from "../domain/geometry";
import type { TileFrame } from "./frame";
import type { Tool } from "./tools/tool";

export type Device = "mouse" | "pen" | "touch" | "keyboard";

/** A modifier that a button on the screen may hold down. */
export type Modifier = "Alt" | "Shift";

/** A hand on the glass itself: there is no hovering finger, no right button, and perhaps no keyboard. */
export function isOnGlass(device: Device): boolean {
  return device === "touch" || device === "pen";
}

/** One moment of a pointer or of the keyboard cursor. */
export interface Gesture {
  /** In units, not rounded. */
  readonly at: Point;
  readonly alt: boolean;
  readonly shift: boolean;
  readonly ctrl: boolean;
  readonly device: Device;
}

/** The map and the tile on it. */
export interface Surface {
  readonly map: L.Map;
  readonly frame: TileFrame | null;
}

const CLICK_PX: Readonly<Record<string, number>> = { mouse: 5, pen: 6, touch: 10 };
const DOUBLE_MS = 350;
const DOUBLE_PX: Readonly<Record<string, number>> = { mouse: 6, pen: 10, touch: 24 };
const HOLD_MS = 500;
const MIDDLE = 1;
const RIGHT = 2;
/** In `buttons`: the end of a pen that rubs out. */
const ERASER = 32;

/** A pointer that is down. */
interface Press {
  readonly id: number;
  readonly device: "mouse" | "pen" | "touch";
  readonly tool: Tool | null;
  readonly start: { readonly x: number; readonly y: number };
  last: { readonly x: number; readonly y: number };
  /** Whose the drag is. "spent" after a menu, until the pointer is up. */
  owner: "tool" | "map" | "menu" | "spent";
  hasMoved: boolean;
}

/**
 * Mouse, pen and fingers as one source of gestures for the tool in hand.
 *
 * It hears pointers before the map does (capture), asks the tool whether a drag is its own, and only then takes the
 * map's dragging away. Two fingers always belong to the map, the middle button and a right drag pan it, the wheel
 * zooms it. Clicks are made here, not by the browser, so that a pen and a fingertip act like a mouse.
 */
export class PointerInput {
  private press: Press | null = null;
  private readonly touches = new Set<number>();
  private isPinching = false;
  private pen: number | null = null;
  private hold: ReturnType<typeof setTimeout> | undefined;
  private lastClick = { time: -Infinity, x: 0, y: 0 };
  private hover: PointerEvent | null = null;
  /** Told that a pointer is in use. */
  onPointer: (() => void) | null = null;
  /** Held down by buttons on the screen, for fingers and pens. */
  readonly held = new Set<Modifier>();
  private readonly container: HTMLElement;
  private readonly stopping = new AbortController();

  constructor(
    private readonly surface: Surface,
    private readonly tool: () => Tool | null,
  ) {
    this.container = surface.map.getContainer();
    // Without this the browser would take a finger's drag for itself.
    this.container.style.touchAction = "none";
    this.listen();
  }

  stop(): void {
    this.cancel();
    this.stopping.abort();
    this.surface.map.off("move zoomend", this.again, this);
  }

  /** Where the pointer rests on the map, if it does. */
  get resting(): Point | null {
    return this.hover ? this.gesture(this.hover).at : null;
  }

  /** The keyboard took over: the pointer counts again once it moves. */
  forget(): void {
    this.hover = null;
  }

  /** The tool changed, or the map moved under a pointer that stands still. */
  again(): void {
    if (this.hover && !this.press) this.tool()?.move(this.gesture(this.hover));
  }

  private listen(): void {
    const { signal } = this.stopping;
    const options = { capture: true, signal };
    this.container.addEventListener("pointerdown", (event) => { this.onDown(event); }, options);
    window.addEventListener("pointermove", (event) => { this.onMove(event); }, options);
    window.addEventListener("pointerup", (event) => { this.onUp(event); }, options);
    window.addEventListener("pointercancel", (event) => { this.onCancel(event); }, options);
    this.container.addEventListener("pointerleave", (event) => { if (this.hover && event.target === this.container) this.leave(); }, options);
    window.addEventListener("blur", () => { this.cancel(); }, { signal });
    this.container.addEventListener("contextmenu", (event) => { event.preventDefault(); }, options);
    this.container.addEventListener("wheel", (event) => { this.onWheel(event); }, { ...options, passive: false });
    this.container.addEventListener("mousedown", (event) => {
      // Its own scrolling by the middle button would fight the map's.
      if (event.button === MIDDLE) event.preventDefault();
    }, options);
    this.container.addEventListener("touchstart", (event) => {
      // A palm beside the pen is not a second finger.
      if (this.pen !== null && event.touches.length > 1) event.stopPropagation();
    }, { ...options, passive: true });
    this.surface.map.on("move zoomend", this.again, this);
  }

  // From events to gestures

  private place(event: MouseEvent): { x: number; y: number } {
    const box = this.container.getBoundingClientRect();
    return { x: event.clientX - box.left - this.container.clientLeft, y: event.clientY - box.top - this.container.clientTop };
  }

  private gesture(event: PointerEvent): Gesture {
    const { x, y } = this.place(event);
    const { map, frame } = this.surface;
    const device = deviceOf(event);
    const holds = (key: Modifier): boolean => isOnGlass(device) && this.held.has(key);
    return {
      at: frame?.toUnits(map.containerPointToLatLng([x, y])) ?? [0, 0],
      alt: event.altKey || (event.buttons & ERASER) !== 0 || holds("Alt"),
      shift: event.shiftKey || holds("Shift"),
      ctrl: event.ctrlKey || event.metaKey,
      device,
    };
  }

  private isOnMap(event: PointerEvent): boolean {
    const { target } = event;
    if (!(target instanceof Node) || !this.container.contains(target)) return false;
    return !(target instanceof Element && target.closest("button, a, input, select, .leaflet-control"));
  }

  private onDown(event: PointerEvent): void {
    if (!this.isOnMap(event)) return;
    const device = deviceOf(event);
    if (device === "touch" && !this.admitsTouch(event)) return;
    if (device === "pen") this.takePen(event);
    if (this.press || this.isPinching || event.button === MIDDLE) return;
    this.container.focus({ preventScroll: true });
    this.onPointer?.();
    const start = this.place(event);
    const tool = this.surface.frame ? this.tool() : null;
    const press: Press = { id: event.pointerId, device, tool, start, last: start, owner: "map", hasMoved: false };
    this.press = press;
    // On a Mac, Control with the button is the right button.
    const isMenu = event.button === RIGHT || (event.ctrlKey && device === "mouse" && navigator.platform.startsWith("Mac"));
    if (isMenu) press.owner = "menu";
    else if (tool?.down(this.gesture(event))) press.owner = "tool";
    if (press.owner !== "map") {
      this.surface.map.dragging.disable();
      // No mouse events made up by the browser, no selection of text; the drag goes on outside the map.
      event.preventDefault();
      this.container.setPointerCapture(event.pointerId);
    }
    if (isOnGlass(device)) this.hold = setTimeout(() => { this.onHeld(event); }, HOLD_MS);
  }

  /** Whether a finger may begin a gesture: the only one, and no pen on the glass. */
  private admitsTouch(event: PointerEvent): boolean {
    if (this.pen !== null) {
      event.stopPropagation();
      return false;
    }
    this.touches.add(event.pointerId);
    if (this.touches.size < 2) return true;
    this.isPinching = true;
    this.cancel();
    this.leave();
    return false;
  }

  /** The palm often comes first: what it began is called off. */
  private takePen(event: PointerEvent): void {
    this.pen = event.pointerId;
    if (this.press?.device !== "touch") return;
    this.cancel();
    this.surface.map.dragging.disable();
    this.surface.map.dragging.enable();
  }

  private onMove(event: PointerEvent): void {
    const { press } = this;
    if (press?.id === event.pointerId) {
      // The button was let go where nothing could be heard.
      if (event.buttons === 0) this.onUp(event);
      else this.onDrag(press, event);
    } else if (!press && deviceOf(event) !== "touch") {
      if (this.isOnMap(event)) this.onHover(event);
      else if (this.hover) this.leave();
    }
  }

  private onHover(event: PointerEvent): void {
    this.hover = event;
    this.onPointer?.();
    this.tool()?.move(this.gesture(event));
  }

  private onDrag(press: Press, event: PointerEvent): void {
    const at = this.place(event);
    if (!press.hasMoved && Math.hypot(at.x - press.start.x, at.y - press.start.y) > (CLICK_PX[press.device] as number)) {
      press.hasMoved = true;
      clearTimeout(this.hold);
    }
    const { tool } = press;
    if (press.owner === "menu" && press.hasMoved) {
      this.surface.map.panBy([press.last.x - at.x, press.last.y - at.y], { animate: false });
    } else if (press.owner === "tool" && tool && tool === this.tool() && (press.hasMoved || tool.isFreehand)) {
      const between = tool.isFreehand ? (event.getCoalescedEvents?.() ?? []) : [];
      for (const one of between.length > 0 ? between : [event]) tool.move(this.gesture(one));
    }
    press.last = at;
  }

  private onUp(event: PointerEvent): void {
    this.lift(event);
    const press = this.release(event.pointerId);
    if (!press) return;
    const { tool } = press;
    if (tool && tool === this.tool()) {
      const g = this.gesture(event);
      if (press.owner === "menu" && !press.hasMoved) tool.menu(g);
      else if (press.owner === "tool" && press.hasMoved) tool.up(g);
      else if ((press.owner === "tool" || press.owner === "map") && !press.hasMoved) this.click(tool, press, g, event.timeStamp);
    }
    if (press.device === "touch") this.leave();
    else this.hover = event;
  }

  /** By when the hand came up, not by when a busy page hears of it: two taps in a queue are no double tap. */
  private click(tool: Tool, press: Press, g: Gesture, time: number): void {
    const { start: { x, y }, device } = press;
    const last = this.lastClick;
    const isDouble = time - last.time < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) <= (DOUBLE_PX[device] as number);
    this.lastClick = isDouble ? { time: -Infinity, x, y } : { time, x, y };
    if (isDouble) tool.doubleClick(g);
    else tool.click(g);
  }

  private onHeld(event: PointerEvent): void {
    const { press } = this;
    if (!press || press.hasMoved || press.tool !== this.tool()) return;
    if (!press.tool?.menu(this.gesture(event))) return;
    if (press.owner === "tool") press.tool.cancel();
    press.owner = "spent";
  }

  private onCancel(event: PointerEvent): void {
    this.lift(event);
    if (this.press?.id === event.pointerId) this.cancel();
  }

  /** A pointer is off the glass. */
  private lift(event: PointerEvent): void {
    if (this.pen === event.pointerId) this.pen = null;
    this.touches.delete(event.pointerId);
    if (this.touches.size === 0) this.isPinching = false;
  }

  /** Ends the press of a pointer and gives the map its dragging back. */
  private release(pointerId: number): Press | null {
    const { press } = this;
    if (press?.id !== pointerId) return null;
    clearTimeout(this.hold);
    this.press = null;
    if (press.owner !== "map") this.surface.map.dragging.enable();
    if (this.container.hasPointerCapture(pointerId)) this.container.releasePointerCapture(pointerId);
    return press;
  }

  /** Calls the gesture in hand off. */
  private cancel(): void {
    const press = this.press ? this.release(this.press.id) : null;
    if (press?.owner === "tool") press.tool?.cancel();
    this.lastClick = { ...this.lastClick, time: -Infinity };
  }

  private leave(): void {
    if (this.press) return;
    this.hover = null;
    this.tool()?.leave();
  }

  private onWheel(event: WheelEvent): void {
    const turned = event.deltaY || event.deltaX;
    if (!event.altKey || turned === 0 || !this.tool()?.wheel(turned < 0 ? 1 : -1)) return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export function deviceOf(event: PointerEvent): "mouse" | "pen" | "touch" {
  return event.pointerType === "touch" || event.pointerType === "pen" ? event.pointerType : "mouse";
}
