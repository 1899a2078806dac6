import { boxesMeet, cachedBox, locate, type Point, type Rings } from "../../domain/geometry";
import { labelPoint } from "../../domain/labelpoint";
import type { Direction } from "../../domain/raster";
import { asFeature, type Suggestion } from "../../domain/suggestion";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { corners } from "./rectangle";
import { type ScreenKey, Tool } from "./tool";

const labelPoints = new WeakMap<Rings, Point>();

function middleOf({ rings }: Suggestion): Point {
  let at = labelPoints.get(rings);
  if (!at) labelPoints.set(rings, (at = labelPoint(rings).at));
  return at;
}

const STEPS: Readonly<Record<Direction, Point>> = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/** The place that lies most nearly in a direction; null when none lies further that way. */
export function towards(places: readonly Point[], [x0, y0]: Point, direction: Direction): Point | null {
  const [dx, dy] = STEPS[direction];
  let best: Point | null = null;
  let least = Infinity;
  for (const place of places) {
    const along = (place[0] - x0) * dx + (place[1] - y0) * dy;
    const aside = Math.abs((place[0] - x0) * dy) + Math.abs((place[1] - y0) * dx);
    if (along > 1 && along + 2 * aside < least) [best, least] = [place, along + 2 * aside];
  }
  return best;
}

/** Takes what the model or another vintage suggests: one by a click, several by a box drawn over them. */
export class SuggestionTool extends Tool {
  override readonly name = "draft";
  override readonly cursor = "cursor-pick";
  private hovered: Suggestion | null = null;
  private last: Point | null = null;
  /** Two corners of the box being drawn; the second is missing until it is more than a click. */
  private box: { readonly from: Point; to: Point | null } | null = null;

  override hint(device: Device): string {
    if (this.host.suggestions().length === 0) return gettext("No suggestion is left to take here.");
    return isOnGlass(device)
      ? gettext("Tap a suggestion to take it, or drag a box over several. A button makes them take the class in hand.")
      : gettext("Click a suggestion to take it, or press a class key over it to take it as that class. A box takes every suggestion whose middle is inside.");
  }

  override screenKeys(): readonly ScreenKey[] {
    return [
      { words: gettext("Take all the sure ones"), key: "A", isOff: this.host.suggestions().length === 0 },
      { words: gettext("As the class in hand"), key: "Alt" },
    ];
  }

  override get isBusy(): boolean {
    return this.box !== null;
  }

  protected override drop(): void {
    this.box = null;
    this.hovered = null;
  }

  /** The suggestion under the pointer or the keyboard cursor. */
  suggestionAt(): Suggestion | null {
    return this.hovered;
  }

  /** Takes the suggestion under the pointer, as its own class or another; false when there is none. */
  take(classCode?: string): boolean {
    const { hovered } = this;
    if (hovered) this.takeAll([hovered], classCode);
    return hovered !== null;
  }

  override down(g: Gesture): boolean {
    if (g.device === "keyboard") return false;
    this.box = { from: g.at, to: null };
    return true;
  }

  override move(g: Gesture): void {
    this.last = g.at;
    if (this.box) this.box.to = g.at;
    else {
      const under = this.under(g.at);
      if (under === this.hovered) return;
      this.hovered = under;
    }
    this.refresh();
  }

  override up(g: Gesture): void {
    const inside = this.box ? this.inside(this.box.from, g.at) : [];
    this.cancel();
    const code = inside.length > 0 ? this.classFor(g) : null;
    if (code !== null) this.takeAll(inside, code);
  }

  override click(g: Gesture): void {
    this.box = null;
    this.hovered = this.under(g.at);
    const code = this.hovered ? this.classFor(g) : null;
    if (code !== null) this.take(code);
    this.refresh();
  }

  /** With Alt the class in hand, null when there is none; else undefined, each suggestion's own. */
  private classFor(g: Gesture): string | null | undefined {
    return g.alt ? this.host.classCode() : undefined;
  }

  override cancel(): void {
    this.box = null;
    this.refresh();
  }

  override leave(): void {
    this.hovered = null;
    this.refresh();
  }

  override key(event: KeyboardEvent): boolean {
    const isTake = event.key === "Enter" || (event.key.toLowerCase() === "a" && !event.shiftKey);
    return isTake ? this.take() : super.key(event);
  }

  override arrow(direction: Direction): Point | null {
    const { side } = this.host.draft();
    return towards(this.host.suggestions().map(middleOf), this.last ?? [side / 2, side / 2], direction);
  }

  override refresh(): void {
    const { box } = this;
    if (this.hovered && !this.host.suggestions().includes(this.hovered)) this.hovered = null;
    const boxed = box?.to ? this.inside(box.from, box.to) : [];
    this.show({
      hovered: (box?.to ? boxed : this.hovered ? [this.hovered] : []).map((s) => s.rings),
      line: box?.to ? corners(box.from, box.to) : [],
      closed: true,
      colour: null,
    });
  }

  /** The smallest that covers the point: a small one on a large one can then be reached. */
  private under(at: Point): Suggestion | null {
    const [x, y] = at;
    const here = { minX: x, minY: y, maxX: x, maxY: y };
    let best: Suggestion | null = null;
    let least = Infinity;
    for (const one of this.host.suggestions()) {
      const box = cachedBox(one.rings);
      const size = (box.maxX - box.minX) * (box.maxY - box.minY);
      if (size < least && boxesMeet(box, here) && locate(at, one.rings) >= 0) [best, least] = [one, size];
    }
    return best;
  }

  private inside([x0, y0]: Point, [x1, y1]: Point): Suggestion[] {
    const [minX, maxX] = [Math.min(x0, x1), Math.max(x0, x1)];
    const [minY, maxY] = [Math.min(y0, y1), Math.max(y0, y1)];
    return this.host.suggestions().filter((one) => {
      const [x, y] = middleOf(one);
      return x >= minX && x <= maxX && y >= minY && y <= maxY;
    });
  }

  private takeAll(taken: readonly Suggestion[], classCode?: string): void {
    this.hovered = null;
    void this.run(
      { kind: "take", features: taken.map((one) => asFeature(one, classCode)) },
      { outlines: taken.map((one) => one.rings), colour: null },
    );
  }
}
