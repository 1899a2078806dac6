import L from "leaflet";
import type { Point, Ring } from "../../domain/geometry";
import { simplify } from "../../domain/simplify";
import { Tool } from "./tool";

const MOVED_PX = 5;
const TOLERANCE_PX = 1.5;

/** A shape drawn in one stroke of the pointer, the map held still meanwhile. */
abstract class DrawByDragging extends Tool {
  protected start: Point | null = null;
  private startAt: L.Point | null = null;

  override addHooks(): void {
    this.map.dragging.disable();
    this.map.on("mousedown", this.onDown, this);
    this.map.on("mousemove", this.onMove, this);
    L.DomEvent.on(document.documentElement, "mouseup", this.onUp, this);
    L.DomUtil.addClass(this.map.getContainer(), "is-drawing");
  }

  override removeHooks(): void {
    this.map.dragging.enable();
    this.map.off("mousedown", this.onDown, this);
    this.map.off("mousemove", this.onMove, this);
    L.DomEvent.off(document.documentElement, "mouseup", this.onUp, this);
    L.DomUtil.removeClass(this.map.getContainer(), "is-drawing");
    this.cancel();
  }

  override get isBusy(): boolean {
    return this.start !== null;
  }

  protected abstract begin(point: Point): void;
  protected abstract follow(event: L.LeafletMouseEvent): void;
  protected abstract outline(): Ring;

  private onDown(event: L.LeafletMouseEvent): void {
    if (event.originalEvent.button !== 0) return;
    L.DomEvent.preventDefault(event.originalEvent);
    this.map.getContainer().focus({ preventScroll: true });
    // A second click ends a rectangle begun by a click.
    if (this.start) return;
    this.start = this.snapped(event);
    this.startAt = event.containerPoint;
    this.begin(this.start);
  }

  private onMove(event: L.LeafletMouseEvent): void {
    if (this.start) {
      this.follow(event);
      this.show();
    } else {
      this.host.view.sketch.setSketch({ cursor: this.snapped(event), colour: this.host.colour() });
    }
  }

  private onUp(event: Event): void {
    if (!this.start || !this.startAt) return;
    const at = this.map.mouseEventToContainerPoint(event as MouseEvent);
    if (this.staysOpen && at.distanceTo(this.startAt) < MOVED_PX) return;
    const outline = this.outline();
    this.cancel();
    if (outline.length >= 3) this.host.draw([outline]);
  }

  protected readonly staysOpen: boolean = false;

  protected cancel(): void {
    this.start = null;
    this.startAt = null;
    this.host.view.sketch.setSketch({});
  }

  private show(): void {
    this.host.view.sketch.setSketch({ line: this.outline(), closed: true, colour: this.host.colour() });
  }

  override key(event: KeyboardEvent): boolean {
    if (event.key !== "Escape" || !this.start) return false;
    this.cancel();
    return true;
  }
}

/** From corner to corner, by dragging or by two clicks. */
export class DrawRectangle extends DrawByDragging {
  protected override readonly staysOpen = true;
  private end: Point = [0, 0];

  protected override begin(point: Point): void {
    this.end = point;
  }

  protected override follow(event: L.LeafletMouseEvent): void {
    this.end = this.snapped(event);
  }

  protected override outline(): Ring {
    const [x0, y0] = this.start ?? this.end;
    const [x1, y1] = this.end;
    return x0 === x1 || y0 === y1 ? [] : [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
  }
}

/** Freehand: the stroke is thinned to what the eye can see at this zoom. */
export class DrawLasso extends DrawByDragging {
  private stroke: Point[] = [];

  protected override begin(point: Point): void {
    this.stroke = [point];
  }

  protected override follow(event: L.LeafletMouseEvent): void {
    const [x, y] = this.raw(event);
    this.stroke.push([Math.round(x), Math.round(y)]);
  }

  protected override outline(): Ring {
    return simplify(this.stroke, this.host.view.reach(TOLERANCE_PX));
  }
}
