import type { AskedWindow } from "../../domain/asked";
import type { Command } from "../../domain/command";
import { type Draft, newFeatureId } from "../../domain/draft";
import { boxesMeet, cachedBox, type Point, type Rings } from "../../domain/geometry";
import type { Direction, Segments } from "../../domain/raster";
import type { Suggestion } from "../../domain/suggestion";
import type { Device, Gesture, Modifier } from "../input";
import type { MapView } from "../map-view";
import type { Ghost, Sketch } from "../sketch-layer";
import { type Landing, land } from "./snapping";

export type ToolName =
  | "edit" | "polygon" | "rectangle" | "lasso" | "brush" | "eraser" | "cut" | "split" | "merge" | "fill" | "segments" | "draft";

/** What a tool asks of the page that holds it. */
export interface ToolHost {
  readonly view: MapView;
  draft(): Draft;
  /** The parts of the tile that are asked for; none: all of it. */
  askedWindows(): readonly AskedWindow[];
  selection(): readonly string[];
  select(ids: readonly string[]): void;
  /** Code of the class being drawn. */
  classCode(): string | null;
  /** Colour of the class being drawn. */
  colour(): string;
  /** Diameter of the brush in image pixels. */
  brushPx(): number;
  setBrushPx(px: number): void;
  segments(): Segments | null;
  /** The open suggestions that are shown. */
  suggestions(): readonly Suggestion[];
  /** Changes the draft; false when nothing changed or the change was refused (the host says why). */
  run(command: Command): Promise<boolean>;
  /** For people who listen to the page. */
  announce(text: string): void;
  /** For everyone. */
  notify(text: string): void;
}

/** A key that hands without a keyboard find on the screen: pressed once, or held until it is touched again. */
export interface ScreenKey {
  readonly words: string;
  /** As a keyboard's event names it; a capital goes with Shift. */
  readonly key: Modifier | "Enter" | "Backspace" | "Escape" | "[" | "]" | "A";
  readonly isOff?: boolean;
}

export const SNAP_PX = 9;
const FINEST_PX = 0.75;
/** How near a press must be to take hold of something: a fingertip is wider than an arrow. */
const GRAB_PX: Readonly<Record<Device, number>> = { mouse: 10, pen: 12, touch: 24, keyboard: 14 };

/**
 * One way of using the map. Exactly one tool is enabled at a time.
 *
 * A press goes to `down`. When that answers true the drag is the tool's: it ends with exactly one of `up` (it moved),
 * `click` or `doubleClick` (it did not), or `cancel` (a second finger came). When it answers false the map pans, and a
 * press that stays in place is still a click.
 */
export abstract class Tool {
  abstract readonly name: ToolName;
  /** Class of the map's element while the tool is in hand. */
  abstract readonly cursor: string;
  /** Whether each point of a drag counts, from the first; others hear of a drag once it is more than a click. */
  readonly isFreehand: boolean = false;

  private inHand = false;

  constructor(protected readonly host: ToolHost) {}

  get isEnabled(): boolean {
    return this.inHand;
  }

  /** What to do next with that hand, in a sentence. */
  abstract hint(device: Device): string;

  /** What the tool's keys do, for hands that have none. */
  screenKeys(): readonly ScreenKey[] {
    return [];
  }

  /** Whether something is half drawn. */
  abstract get isBusy(): boolean;

  /** Drops everything half drawn. */
  protected abstract drop(): void;

  enable(): void {
    this.inHand = true;
    this.host.view.map.getContainer().classList.add(this.cursor);
    this.refresh();
  }

  disable(): void {
    if (!this.inHand) return;
    this.inHand = false;
    this.drop();
    this.host.view.map.getContainer().classList.remove(this.cursor);
    this.show({});
  }

  /** A press of the main button, the pen or one finger; true when the drag that may follow is the tool's. */
  down(g: Gesture): boolean;
  down(): boolean {
    return false;
  }

  /** The pointer moves over the map, or drags what `down` took. */
  move(g: Gesture): void;
  move(): void {}

  up(g: Gesture): void;
  up(): void {}

  click(g: Gesture): void;
  click(): void {}

  doubleClick(g: Gesture): void {
    this.click(g);
  }

  /** Right click, or a finger or pen held still; true when it meant something here. */
  menu(g: Gesture): boolean;
  menu(): boolean {
    return false;
  }

  /** The pointer left the map. */
  leave(): void {}

  /** The drag in hand is called off; what was placed before it stays. */
  cancel(): void {}

  /** The wheel turned with Alt held; true when it was for the tool. */
  wheel(steps: number): boolean;
  wheel(): boolean {
    return false;
  }

  /** A key for the tool in hand; true when it was for it. */
  key(event: KeyboardEvent): boolean {
    if (event.key !== "Escape" || !this.isBusy) return false;
    this.cancel();
    this.drop();
    this.refresh();
    return true;
  }

  /** Where an arrow key brings the keyboard cursor; without it, one step further. */
  arrow?(direction: Direction): Point | null;

  /** The draft, the selection, the class or the brush changed. */
  refresh(): void {}

  protected show(sketch: Sketch): void {
    this.host.view.sketch.setSketch(sketch);
  }

  /** Runs a command; the drawn shape stays in sight until the map shows what came of it. */
  protected async run(command: Command, ghost?: Ghost): Promise<boolean> {
    const settle = ghost ? this.host.view.sketch.hold(ghost) : null;
    try {
      const isDone = await this.host.run(command);
      if (isDone && settle) await this.host.view.drawn();
      return isDone;
    } finally {
      settle?.();
    }
  }

  /** Gives the ground to the class in hand; says so when there is none. */
  protected async label(command: (class_code: string, id: string) => Command, ghost?: Ghost): Promise<boolean> {
    const code = this.host.classCode();
    return code === null ? false : this.run(command(code, newFeatureId()), ghost);
  }

  /** Lengthens a stroke; what moved less than anybody can see adds nothing. */
  protected extend(stroke: Point[], [x, y]: Point): void {
    const last = stroke[stroke.length - 1];
    if (!last || Math.hypot(x - last[0], y - last[1]) >= this.host.view.reach(FINEST_PX)) stroke.push([x, y]);
  }

  /** Reach of a press by this device, in units. */
  protected grab(g: Gesture): number {
    return this.host.view.reach(GRAB_PX[g.device]);
  }

  /** The place meant by a gesture: on a vertex, an edge or the tile's side when near; Alt turns that off. */
  protected landing(g: Gesture, exclude?: ReadonlySet<string>): Landing {
    if (g.alt) return { at: [Math.round(g.at[0]), Math.round(g.at[1])], on: null };
    const reach = this.host.view.reach(g.device === "touch" ? 2 * SNAP_PX : SNAP_PX);
    return land(this.shapesNear(g.at, reach, exclude), g.at, reach, this.host.draft().side);
  }

  protected ringsOf(ids: readonly string[]): Rings[] {
    const { features } = this.host.draft();
    return ids.flatMap((id) => {
      const rings = features.get(id)?.rings;
      return rings ? [rings] : [];
    });
  }

  protected selectedRings(): Rings[] {
    return this.ringsOf(this.host.selection());
  }

  /** Outlines whose box is within reach: the only ones whose vertices are worth a look. */
  private shapesNear([x, y]: Point, reach: number, exclude?: ReadonlySet<string>): Rings[] {
    const box = { minX: x, minY: y, maxX: x, maxY: y };
    const near: Rings[] = [];
    for (const feature of this.host.draft().features.values()) {
      if (boxesMeet(cachedBox(feature.rings), box, reach) && exclude?.has(feature.id) !== true) near.push(feature.rings);
    }
    return near;
  }
}
