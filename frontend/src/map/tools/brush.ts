import { type Point, type Ring, SUBPIXELS } from "../../domain/geometry";
import { strokeOutline } from "../../domain/stroke";
import { gettext, interpolate } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { type ScreenKey, Tool } from "./tool";

const MIN_PX = 1;
const MAX_PX = 256;
const STEP = 1.2;

/** A round brush: the ground it passes over changes hands. */
abstract class Stroking extends Tool {
  override readonly cursor = "cursor-brush";
  override readonly isFreehand = true;
  private stroke: Point[] | null = null;
  private takesAway = false;
  private pointer: Point | null = null;

  /** Whether a stroke takes the label away, with Alt or without. */
  protected abstract erases(alt: boolean): boolean;

  override get isBusy(): boolean {
    return this.stroke !== null;
  }

  protected override drop(): void {
    this.stroke = null;
  }

  override down(g: Gesture): boolean {
    this.takesAway = this.erases(g.alt);
    this.stroke = [g.at];
    this.pointer = g.at;
    this.refresh();
    return true;
  }

  override move(g: Gesture): void {
    this.pointer = g.at;
    if (this.stroke) this.extend(this.stroke, g.at);
    else this.takesAway = this.erases(g.alt);
    this.refresh();
  }

  override up(g: Gesture): void {
    if (this.stroke) this.extend(this.stroke, g.at);
    this.finish();
  }

  override click(): void {
    this.finish();
  }

  override cancel(): void {
    this.drop();
    this.refresh();
  }

  override leave(): void {
    this.pointer = null;
    this.refresh();
  }

  override wheel(steps: number): boolean {
    const { host } = this;
    const before = host.brushPx();
    const scaled = before * STEP ** steps;
    // Small brushes grow by whole pixels.
    const px = steps > 0 ? Math.max(before + 1, Math.round(scaled)) : Math.min(before - 1, Math.round(scaled));
    host.setBrushPx(Math.min(MAX_PX, Math.max(MIN_PX, px)));
    host.announce(interpolate(gettext("Brush of %(n)s pixels"), { n: host.brushPx() }));
    this.refresh();
    return true;
  }

  override screenKeys(): readonly ScreenKey[] {
    return [{ words: gettext("Smaller"), key: "[" }, { words: gettext("Larger"), key: "]" }];
  }

  override key(event: KeyboardEvent): boolean {
    if (event.key === "]" || event.key === "PageUp") return this.wheel(1);
    if (event.key === "[" || event.key === "PageDown") return this.wheel(-1);
    return super.key(event);
  }

  override refresh(): void {
    const { stroke, pointer } = this;
    const width = this.width();
    this.show({
      band: stroke ? { points: stroke, width } : null,
      brush: pointer ? { at: pointer, width } : null,
      colour: this.paint(),
    });
  }

  private width(): number {
    return this.host.brushPx() * SUBPIXELS;
  }

  private paint(): string | null {
    return this.takesAway ? null : this.host.colour();
  }

  private finish(): void {
    const { stroke, takesAway } = this;
    this.drop();
    this.refresh();
    if (!stroke) return;
    const width = this.width();
    const ghost = { band: { points: stroke as Ring, width }, colour: this.paint() };
    const shapes = strokeOutline(stroke, width / 2);
    if (shapes.length === 0) return;
    if (takesAway) void this.run({ kind: "erase", shapes, within: null }, ghost);
    else void this.label((class_code, id) => ({ kind: "paint", shapes, class_code, id, provenance: "drawn" }), ghost);
  }
}

/** Paints the class in hand; a stroke joins the shapes of its class that it touches. */
export class Brush extends Stroking {
  override readonly name = "brush";

  override hint(device: Device): string {
    if (device === "pen") return gettext("Paint by dragging. Buttons change the size; one of them, or the pen's other end, rubs out.");
    return isOnGlass(device)
      ? gettext("Paint by dragging. Buttons change the size, and one makes the brush rub out.")
      : gettext("Paint with the button held. [ and ] or Alt+wheel change the size; with Alt the brush rubs out.");
  }

  override screenKeys(): readonly ScreenKey[] {
    return [...super.screenKeys(), { words: gettext("Rub out"), key: "Alt" }];
  }

  protected override erases(alt: boolean): boolean {
    return alt;
  }
}

/** Rubs labels out. */
export class Eraser extends Stroking {
  override readonly name = "eraser";

  override hint(device: Device): string {
    return isOnGlass(device)
      ? gettext("Rub labels out by dragging. Buttons change the size.")
      : gettext("Rub labels out with the button held. [ and ] or Alt+wheel change the size.");
  }

  protected override erases(): boolean {
    return true;
  }
}
