import { type Point, type Ring, type Rings, samePoint } from "../../domain/geometry";
import { gettext, interpolate } from "../../i18n";
import type { Gesture } from "../input";
import type { Landing } from "./snapping";
import { type ScreenKey, Tool } from "./tool";

/** A line or an outline placed click by click. A drag pans the map meanwhile. */
export abstract class Clicking extends Tool {
  override readonly cursor: string = "cursor-draw";
  protected points: Ring = [];
  private next: Landing | null = null;
  /** Whether the line is an outline. */
  protected readonly closes: boolean = true;
  protected readonly minimum: number = 3;

  protected abstract finish(points: Ring): void;

  /** What ending the line does, in a word. */
  protected abstract readonly ending: string;

  override screenKeys(): readonly ScreenKey[] {
    return [
      { words: this.ending, key: "Enter", isOff: this.points.length < this.minimum },
      { words: gettext("Step back"), key: "Backspace", isOff: this.points.length === 0 },
      { words: gettext("Drop"), key: "Escape", isOff: !this.isBusy },
      { words: gettext("No snapping"), key: "Alt" },
    ];
  }

  /** None when ground is taken away. */
  protected colour(): string | null {
    return this.host.colour();
  }

  override get isBusy(): boolean {
    return this.points.length > 0;
  }

  protected override drop(): void {
    this.points = [];
    this.next = null;
  }

  /** The first vertex again: that closes an outline. The last one again: that ends a line. */
  private endsAt(g: Gesture): Point | null {
    if (this.points.length < this.minimum) return null;
    const end = this.closes ? this.points[0] : this.points[this.points.length - 1];
    return end && Math.hypot(end[0] - g.at[0], end[1] - g.at[1]) <= this.grab(g) ? end : null;
  }

  override click(g: Gesture): void {
    if (this.endsAt(g)) {
      this.end();
      return;
    }
    const { at } = this.landing(g);
    const last = this.points[this.points.length - 1];
    if (!last || !samePoint(last, at)) this.points = [...this.points, at];
    if (g.device === "keyboard") this.host.announce(interpolate(gettext("Point %(n)s placed"), { n: this.points.length }));
    this.refresh();
  }

  override doubleClick(g: Gesture): void {
    if (this.points.length >= this.minimum) this.end();
    else this.click(g);
  }

  override move(g: Gesture): void {
    const end = this.endsAt(g);
    this.next = end ? { at: end, on: "vertex" } : this.landing(g);
    this.refresh();
  }

  override leave(): void {
    this.next = null;
    this.refresh();
  }

  override menu(): boolean {
    return this.takeBack();
  }

  private takeBack(): boolean {
    if (this.points.length === 0) return false;
    this.points = this.points.slice(0, -1);
    this.refresh();
    return true;
  }

  protected end(): void {
    const { points } = this;
    if (points.length < this.minimum) return;
    this.points = [];
    this.finish(points);
    this.refresh();
  }

  override key(event: KeyboardEvent): boolean {
    if (!this.isBusy) return false;
    if (event.key === "Backspace" || event.key === "Delete") return this.takeBack();
    if (event.key !== "Enter") return super.key(event);
    this.end();
    return true;
  }

  override refresh(): void {
    const { points, next } = this;
    const line = next && points.length > 0 ? [...points, next.at] : points;
    this.show({
      selected: this.context(),
      line,
      closed: this.closes && line.length > 2,
      cursor: next?.at ?? null,
      snap: next?.on ?? null,
      colour: this.colour(),
    });
  }

  /** Shapes that the line will act on, when some are selected. */
  protected context(): readonly Rings[] {
    return [];
  }
}
