import type { Point, Rings } from "../../domain/geometry";
import { centreOf, type Direction, segmentAt, type Segments, segmentsUnder, segmentTowards, traceSegments } from "../../domain/raster";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { type ScreenKey, Tool } from "./tool";

/** A stroke over segments. */
interface Stroke {
  readonly segments: Segments;
  readonly ids: Set<number>;
  readonly shapes: Rings[];
  readonly takesAway: boolean;
  last: Point;
}

/** Labels segments, pieces of the image that look alike: one by a click, all that a stroke passes by a drag. */
export class SegmentTool extends Tool {
  override readonly name = "segments";
  override readonly cursor = "cursor-pick";
  override readonly isFreehand = true;
  private hovered: number | null = null;
  private stroke: Stroke | null = null;
  private last: Point | null = null;
  private readonly outlines = new WeakMap<Segments, Map<number, Rings[]>>();

  override hint(device: Device): string {
    if (!this.host.segments()) return gettext("The pieces of the image are on their way.");
    return isOnGlass(device)
      ? gettext("Tap a piece of the image to label it, or drag over several. Buttons change their size, and one takes labels off.")
      : gettext("Click a piece of the image to label it, or drag over several; with Alt they lose their label. [ and ] change their size.");
  }

  override screenKeys(): readonly ScreenKey[] {
    return [
      { words: gettext("Smaller"), key: "[" },
      { words: gettext("Larger"), key: "]" },
      { words: gettext("Take labels off"), key: "Alt" },
    ];
  }

  override get isBusy(): boolean {
    return this.stroke !== null;
  }

  protected override drop(): void {
    this.stroke = null;
    this.hovered = null;
  }

  override down(g: Gesture): boolean {
    const segments = this.host.segments();
    // With the keyboard one press labels: a stroke would take two.
    if (!segments || g.device === "keyboard") return false;
    this.begin(segments, g);
    this.refresh();
    return true;
  }

  override move(g: Gesture): void {
    const segments = this.host.segments();
    const under = segments ? segmentAt(segments, g.at) : null;
    this.last = g.at;
    if (this.stroke) this.cover(this.stroke, g.at);
    else if (under === this.hovered) return;
    this.hovered = under;
    this.refresh();
  }

  override up(g: Gesture): void {
    if (this.stroke) this.cover(this.stroke, g.at);
    this.finish();
  }

  override click(g: Gesture): void {
    const segments = this.host.segments();
    if (segments && !this.stroke) this.begin(segments, g);
    this.finish();
  }

  override cancel(): void {
    this.stroke = null;
    this.refresh();
  }

  override leave(): void {
    this.hovered = null;
    this.refresh();
  }

  override arrow(direction: Direction): Point | null {
    const segments = this.host.segments();
    const from = segments && this.last ? segmentAt(segments, this.last) : null;
    if (!segments || from === null) return null;
    const next = segmentTowards(segments, from, direction);
    return next === null ? null : centreOf(segments, next);
  }

  override refresh(): void {
    const segments = this.host.segments();
    if (this.stroke && this.stroke.segments !== segments) this.stroke = null;
    const { stroke, hovered } = this;
    const colour = stroke?.takesAway ? null : this.host.colour();
    this.show({
      marked: stroke ? [...stroke.shapes] : [],
      hovered: segments && hovered !== null && !stroke ? this.outlineOf(segments, hovered) : [],
      colour,
    });
  }

  private begin(segments: Segments, g: Gesture): void {
    this.stroke = { segments, ids: new Set(), shapes: [], takesAway: g.alt, last: g.at };
    this.cover(this.stroke, g.at);
  }

  private cover(stroke: Stroke, to: Point): void {
    for (const id of segmentsUnder(stroke.segments, [stroke.last, to])) {
      if (stroke.ids.has(id)) continue;
      stroke.ids.add(id);
      stroke.shapes.push(...this.outlineOf(stroke.segments, id));
    }
    stroke.last = to;
  }

  private finish(): void {
    const { stroke } = this;
    this.cancel();
    if (!stroke || stroke.ids.size === 0) return;
    const shapes = traceSegments(stroke.segments, stroke.ids);
    if (stroke.takesAway) void this.run({ kind: "erase", shapes, within: null }, { shapes, colour: null });
    else {
      void this.label(
        (class_code, id) => ({ kind: "paint", shapes, class_code, id, provenance: "segment" }),
        { shapes, colour: this.host.colour() },
      );
    }
  }

  private outlineOf(segments: Segments, id: number): Rings[] {
    let known = this.outlines.get(segments);
    if (!known) this.outlines.set(segments, (known = new Map()));
    let outline = known.get(id);
    if (!outline) known.set(id, (outline = traceSegments(segments, new Set([id]))));
    return outline;
  }
}
