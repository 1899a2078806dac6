import { type Point, type Ring, samePoint } from "../../domain/geometry";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import type { Landing } from "./snapping";
import { type ScreenKey, Tool } from "./tool";

export function corners([x0, y0]: Point, [x1, y1]: Point): Ring {
  return x0 === x1 || y0 === y1 ? [] : [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

/** From corner to corner, by dragging or by two clicks. */
export class Rectangle extends Tool {
  override readonly name = "rectangle";
  override readonly cursor = "cursor-draw";
  private start: Point | null = null;
  private next: Landing | null = null;
  /** Whether the first corner was placed by an earlier click. */
  private isOpen = false;

  override hint(device: Device): string {
    if (isOnGlass(device)) {
      return this.start
        ? gettext("Tap the opposite corner, or let go there. Holding still drops the rectangle.")
        : gettext("Drag from one corner to the opposite one, or tap both.");
    }
    return this.start
      ? gettext("Click the opposite corner, or let go there. Esc drops the rectangle.")
      : gettext("Drag from one corner to the opposite one, or click both. Hold Alt to place a corner without snapping.");
  }

  override screenKeys(): readonly ScreenKey[] {
    return [{ words: gettext("Drop"), key: "Escape", isOff: !this.isBusy }, { words: gettext("No snapping"), key: "Alt" }];
  }

  override get isBusy(): boolean {
    return this.start !== null;
  }

  protected override drop(): void {
    this.start = null;
    this.isOpen = false;
  }

  override down(g: Gesture): boolean {
    this.next = this.landing(g);
    this.start ??= this.next.at;
    this.refresh();
    return true;
  }

  override move(g: Gesture): void {
    this.next = this.landing(g);
    this.refresh();
  }

  override up(g: Gesture): void {
    this.next = this.landing(g);
    this.finish();
  }

  override click(g: Gesture): void {
    this.next = this.landing(g);
    if (this.isOpen) this.finish();
    else this.isOpen = this.start !== null;
    this.refresh();
  }

  override cancel(): void {
    if (!this.isOpen) this.drop();
    this.refresh();
  }

  override menu(): boolean {
    const { isBusy } = this;
    this.drop();
    this.refresh();
    return isBusy;
  }

  override leave(): void {
    this.next = null;
    this.refresh();
  }

  private finish(): void {
    const { start, next } = this;
    this.drop();
    this.refresh();
    const ring = start && next ? corners(start, next.at) : [];
    if (ring.length === 0) return;
    void this.label(
      (class_code, id) => ({ kind: "draw", rings: [ring], class_code, id }),
      { shapes: [[ring]], colour: this.host.colour() },
    );
  }

  override refresh(): void {
    const { start, next } = this;
    const line = start && next && !samePoint(start, next.at) ? corners(start, next.at) : [];
    this.show({
      line,
      closed: true,
      cursor: next?.at ?? start,
      snap: next?.on ?? null,
      colour: this.host.colour(),
    });
  }
}
