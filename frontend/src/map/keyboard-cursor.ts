import { type Point, SUBPIXELS } from "../domain/geometry";
import type { Direction } from "../domain/raster";
import { gettext } from "../i18n";
import type { Gesture, PointerInput } from "./input";
import type { MapView } from "./map-view";
import type { Tool } from "./tools/tool";

const STEP_PX = 16;
/** A key held down goes faster: after so many repeats, so many times the step. */
const PACE: readonly (readonly [repeats: number, times: number])[] = [[20, 4], [8, 2], [0, 1]];
const SILENCE_MS = 450;

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down",
};
const WAYS: Readonly<Record<Direction, Point>> = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** What the cursor needs of the map. */
export type CursorView = Pick<MapView, "map" | "frame" | "reach" | "lookAt" | "pan" | "showCursor">;

/**
 * A crosshair moved by the arrow keys, for whoever does not use a pointer: everything the tools do by pressing and
 * dragging can be done from the keyboard. Space presses there; a tool that takes drags holds until Space comes again.
 */
export class KeyboardCursor {
  private at: Point | null = null;
  /** The tool whose drag Space began. */
  private holding: Tool | null = null;
  private hasMoved = false;
  private repeats = 0;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly view: CursorView,
    private readonly pointer: PointerInput,
    private readonly tool: () => Tool | null,
    private readonly announce: (text: string) => void,
    /** What is at a place, in words. */
    private readonly describe: (at: Point) => string,
  ) {
    pointer.onPointer = () => { this.hide(); };
  }

  /** Where it is; null while a pointer is in use. */
  get place(): Point | null {
    return this.at;
  }

  /** Puts it away, as when another tile opens. */
  hide(): void {
    clearTimeout(this.silence);
    if (this.at === null) return;
    this.letGo();
    this.at = null;
    this.view.showCursor(null);
  }

  /** Puts it at a place, as when a key leads to the next gap. */
  goTo(at: Point): void {
    const { frame } = this.view;
    if (!frame) return;
    const within = (v: number): number => Math.min(Math.max(v, 0), frame.side);
    this.at = [within(at[0]), within(at[1])];
    this.pointer.forget();
    this.view.lookAt(this.at);
    this.view.showCursor(this.at);
    this.tool()?.move(this.gesture(this.at, null));
    clearTimeout(this.silence);
    this.silence = setTimeout(() => { this.speak(); }, SILENCE_MS);
  }

  /** True when the key was for the cursor. */
  key(event: KeyboardEvent): boolean {
    if (!this.view.frame || event.altKey) return false;
    const direction = ARROWS[event.key];
    if (direction) return this.onArrow(direction, event);
    if (event.ctrlKey || event.metaKey) return false;
    if (event.key === " ") return this.onSpace(event);
    if (event.key === "Enter" && this.holding) return this.release(event);
    if (event.key === "Escape" && this.holding) return this.letGo();
    const isMenu = event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey);
    return isMenu && this.at !== null && (this.tool()?.menu(this.gesture(this.at, event)) ?? false);
  }

  private onArrow(direction: Direction, event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey) {
      this.view.pan(direction);
      return true;
    }
    this.repeats = event.repeat ? this.repeats + 1 : 0;
    const from = this.at ?? this.start();
    const jump = event.shiftKey || this.holding ? null : this.jump(from, direction);
    const [dx, dy] = WAYS[direction];
    const step = event.shiftKey ? SUBPIXELS : this.view.reach(STEP_PX) * (PACE.find(([n]) => this.repeats >= n)?.[1] ?? 1);
    this.hasMoved = true;
    // Space is then for the map, not for a button pressed before.
    this.view.map.getContainer().focus({ preventScroll: true });
    this.goTo(jump ?? [from[0] + dx * step, from[1] + dy * step]);
    return true;
  }

  /** Where the tool would go from there, if it knows better than a step. */
  private jump(from: Point, direction: Direction): Point | null {
    const tool = this.tool();
    if (!tool?.arrow) return null;
    tool.move(this.gesture(from, null));
    return tool.arrow(direction);
  }

  private onSpace(event: KeyboardEvent): boolean {
    if (event.repeat) return true;
    if (this.at === null) {
      // Where it is must be seen before anything happens there.
      this.goTo(this.start());
      return true;
    }
    if (this.holding) return this.release(event);
    const g = this.gesture(this.at, event);
    const tool = this.tool();
    if (tool?.down(g)) {
      this.holding = tool;
      this.hasMoved = false;
      this.announce(gettext("Pressed. Move with the arrow keys; Space lets go, Escape calls it off."));
    } else tool?.click(g);
    return true;
  }

  private release(event: KeyboardEvent): boolean {
    const { holding, at } = this;
    this.holding = null;
    if (!holding || !at || holding !== this.tool()) return false;
    const g = this.gesture(at, event);
    if (this.hasMoved) holding.up(g);
    else holding.click(g);
    return true;
  }

  /** Calls the press in hand off; true when there was one. */
  private letGo(): boolean {
    const { holding } = this;
    this.holding = null;
    if (holding && holding === this.tool()) holding.cancel();
    return holding !== null;
  }

  /** Where the pointer was last, else the middle of what is in view. */
  private start(): Point {
    const { map, frame } = this.view;
    return this.pointer.resting ?? frame?.toUnits(map.getCenter()) ?? [0, 0];
  }

  private speak(): void {
    if (this.at) this.announce(this.describe(this.at));
  }

  private gesture(at: Point, event: KeyboardEvent | null): Gesture {
    return { at, alt: false, shift: event?.shiftKey ?? false, ctrl: false, device: "keyboard" };
  }
}
