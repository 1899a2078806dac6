import { gapAt } from "../../domain/asked";
import type { Draft } from "../../domain/draft";
import type { Point, Rings } from "../../domain/geometry";
import { featureAt } from "../../domain/hittest";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { Tool } from "./tool";

/** On a tile of thousands of shapes the gaps take a while to find: only for a pointer that rests. */
const REST_MS = 60;

/** Gives the unlabelled ground under the pointer the class in hand. */
export class Fill extends Tool {
  override readonly name = "fill";
  override readonly cursor = "cursor-pick";
  private hovered: Rings | null = null;
  /** The draft whose gaps are known. */
  private known: Draft | null = null;
  private rest: ReturnType<typeof setTimeout> | undefined;

  override hint(device: Device): string {
    if (isOnGlass(device)) return gettext("Tap unlabelled ground: all of it, up to the shapes around, gets the class.");
    return gettext("Click unlabelled ground: all of it, up to the shapes around, gets the class.");
  }

  override get isBusy(): boolean {
    return false;
  }

  protected override drop(): void {
    clearTimeout(this.rest);
    this.hovered = null;
  }

  override move(g: Gesture): void {
    const draft = this.host.draft();
    clearTimeout(this.rest);
    if (this.known === draft || !isBare(draft, g.at)) this.hover(g.at);
    else {
      this.hover(null);
      this.rest = setTimeout(() => {
        this.known = this.host.draft();
        this.hover(g.at);
      }, REST_MS);
    }
  }

  private hover(at: Point | null): void {
    const gap = at ? this.gapAt(at) : null;
    if (gap === this.hovered) return;
    this.hovered = gap;
    this.refresh();
  }

  override leave(): void {
    this.drop();
    this.refresh();
  }

  override click(g: Gesture): void {
    const gap = this.known === this.host.draft() ? this.gapAt(g.at) : null;
    this.drop();
    this.refresh();
    const at: Point = [Math.round(g.at[0]), Math.round(g.at[1])];
    void this.label(
      (class_code, id) => ({ kind: "fill", at, class_code, id, asked: this.host.askedWindows() }),
      { shapes: gap ? [gap] : [], colour: this.host.colour() },
    );
  }

  override refresh(): void {
    if (this.known !== this.host.draft()) this.hovered = null;
    this.show({ hovered: this.hovered ? [this.hovered] : [] });
  }

  /** What a click there would fill. */
  private gapAt(at: Point): Rings | null {
    const draft = this.host.draft();
    return isBare(draft, at) ? gapAt(draft, at, this.host.askedWindows()) : null;
  }
}

function isBare(draft: Draft, at: Point): boolean {
  const [x, y] = at;
  return x >= 0 && y >= 0 && x <= draft.side && y <= draft.side && !featureAt(draft, at);
}
