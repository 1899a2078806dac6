import L from "leaflet";
import { type Point, samePoint } from "../../domain/geometry";
import { Tool } from "./tool";

const CLOSE_PX = 10;

/** Click by click; closed by the first vertex, a double click or Enter. */
export class DrawPolygon extends Tool {
  private points: Point[] = [];
  private cursor: Point | null = null;

  override addHooks(): void {
    this.map.on("click", this.onClick, this);
    this.map.on("dblclick", this.finish, this);
    this.map.on("mousemove", this.onMove, this);
    this.map.on("mouseout", this.onLeave, this);
    this.map.on("contextmenu", this.onContextMenu, this);
    L.DomUtil.addClass(this.map.getContainer(), "is-drawing");
  }

  override removeHooks(): void {
    this.map.off("click", this.onClick, this);
    this.map.off("dblclick", this.finish, this);
    this.map.off("mousemove", this.onMove, this);
    this.map.off("mouseout", this.onLeave, this);
    this.map.off("contextmenu", this.onContextMenu, this);
    L.DomUtil.removeClass(this.map.getContainer(), "is-drawing");
    this.points = [];
    this.cursor = null;
    this.host.view.sketch.setSketch({});
  }

  override get isBusy(): boolean {
    return this.points.length > 0;
  }

  private closesAt(event: L.LeafletMouseEvent): boolean {
    const first = this.points[0];
    const [x, y] = this.raw(event);
    return (
      first !== undefined &&
      this.points.length >= 3 &&
      Math.hypot(first[0] - x, first[1] - y) <= this.host.view.reach(CLOSE_PX)
    );
  }

  private onClick(event: L.LeafletMouseEvent): void {
    if (this.closesAt(event)) {
      this.finish();
      return;
    }
    const point = this.snapped(event);
    const last = this.points[this.points.length - 1];
    if (!last || !samePoint(last, point)) this.points.push(point);
    this.show();
  }

  private onMove(event: L.LeafletMouseEvent): void {
    this.cursor = this.closesAt(event) ? (this.points[0] ?? null) : this.snapped(event);
    this.show();
  }

  private onLeave(): void {
    this.cursor = null;
    this.show();
  }

  private onContextMenu(event: L.LeafletMouseEvent): void {
    L.DomEvent.preventDefault(event.originalEvent);
    this.points.pop();
    this.show();
  }

  private show(): void {
    const line = this.cursor && this.points.length > 0 ? [...this.points, this.cursor] : this.points;
    this.host.view.sketch.setSketch({ line, closed: line.length > 2, cursor: this.cursor, colour: this.host.colour() });
  }

  private finish(): void {
    const points = this.points;
    this.points = [];
    if (points.length >= 3) this.host.draw([points]);
    this.show();
  }

  override key(event: KeyboardEvent): boolean {
    if (this.points.length === 0) return false;
    if (event.key === "Enter") this.finish();
    else if (event.key === "Backspace") this.points.pop();
    else if (event.key === "Escape") this.points = [];
    else return false;
    this.show();
    return true;
  }
}
