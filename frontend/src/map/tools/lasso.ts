import type { Point } from "../../domain/geometry";
import { simplify } from "../../domain/simplify";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { Tool } from "./tool";

/** What the eye cannot see is left out of a stroke. */
export const TOLERANCE_PX = 1.5;

/** Freehand: the outline is the way the pointer went. */
export class Lasso extends Tool {
  override readonly name = "lasso";
  override readonly cursor = "cursor-draw";
  override readonly isFreehand = true;
  private stroke: Point[] | null = null;

  override hint(device: Device): string {
    return isOnGlass(device)
      ? gettext("Go round the area; let go to close it. Two fingers move the image.")
      : gettext("Hold and go round the area; let go to close it.");
  }

  override get isBusy(): boolean {
    return this.stroke !== null;
  }

  protected override drop(): void {
    this.stroke = null;
  }

  override down(g: Gesture): boolean {
    this.stroke = [this.landing(g).at];
    this.refresh();
    return true;
  }

  override move(g: Gesture): void {
    if (!this.stroke) return;
    this.extend(this.stroke, [Math.round(g.at[0]), Math.round(g.at[1])]);
    this.refresh();
  }

  override up(): void {
    const outline = simplify(this.stroke ?? [], this.host.view.reach(TOLERANCE_PX));
    this.cancel();
    if (outline.length < 3) return;
    void this.label(
      (class_code, id) => ({ kind: "draw", rings: [outline], class_code, id }),
      { shapes: [[outline]], colour: this.host.colour() },
    );
  }

  override click(): void {
    this.cancel();
  }

  override cancel(): void {
    this.drop();
    this.refresh();
  }

  override refresh(): void {
    this.show(this.stroke ? { line: this.stroke, closed: true, colour: this.host.colour() } : {});
  }
}
