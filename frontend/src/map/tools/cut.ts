import type { Point, Ring, Rings } from "../../domain/geometry";
import { simplify } from "../../domain/simplify";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { Clicking } from "./clicking";
import { TOLERANCE_PX } from "./lasso";

/** Takes ground away: an outline click by click, or freehand in one drag. */
export class Cut extends Clicking {
  override readonly name = "cut";
  override readonly cursor = "cursor-cut";
  override readonly isFreehand = true;
  private stroke: Point[] | null = null;

  override hint(device: Device): string {
    const isAll = this.within() === null;
    if (isOnGlass(device)) {
      return isAll
        ? gettext("Tap round the ground to take away and end on the first point, or drag round it. It becomes unlabelled in every shape.")
        : gettext("Tap round the ground to take away and end on the first point, or drag round it. Only the selected shape loses it.");
    }
    return isAll
      ? gettext("Click round the ground to take away, or drag round it. It becomes unlabelled in every shape.")
      : gettext("Click round the ground to take away, or drag round it. Only the selected shape loses it.");
  }

  protected override get ending(): string {
    return gettext("Cut out");
  }

  protected override colour(): null {
    return null;
  }

  override get isBusy(): boolean {
    return this.stroke !== null || super.isBusy;
  }

  protected override context(): readonly Rings[] {
    return this.within() === null ? [] : this.selectedRings();
  }

  private within(): string | null {
    const [id, ...others] = this.host.selection();
    return id !== undefined && others.length === 0 ? id : null;
  }

  override down(g: Gesture): boolean {
    if (this.points.length > 0 || g.device === "keyboard") return false;
    this.stroke = [this.landing(g).at];
    return true;
  }

  override move(g: Gesture): void {
    if (!this.stroke) {
      super.move(g);
      return;
    }
    this.extend(this.stroke, [Math.round(g.at[0]), Math.round(g.at[1])]);
    this.show({ selected: this.context(), line: this.stroke, closed: true, colour: null });
  }

  override up(): void {
    const outline = simplify(this.stroke ?? [], this.host.view.reach(TOLERANCE_PX));
    this.cancel();
    if (outline.length >= 3) this.finish(outline);
  }

  override click(g: Gesture): void {
    this.stroke = null;
    super.click(g);
  }

  override doubleClick(g: Gesture): void {
    this.stroke = null;
    super.doubleClick(g);
  }

  override cancel(): void {
    this.stroke = null;
    this.refresh();
  }

  protected override drop(): void {
    this.stroke = null;
    super.drop();
  }

  protected override finish(points: Ring): void {
    void this.run(
      { kind: "erase", shapes: [[points]], within: this.within() },
      { shapes: [[points]], colour: null },
    );
  }
}
