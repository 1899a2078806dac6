import L from "leaflet";
import type { Point } from "../domain/geometry";
import type { TileFrame } from "./frame";
import { PlacedLayer } from "./placed-layer";

/** Where the keyboard's cursor is: a crosshair. */
export class CursorLayer extends PlacedLayer {
  private frame: TileFrame | null = null;
  private point: Point | null = null;

  constructor() {
    super("cursor", document.createElement("div"), "map-cursor");
    for (const arm of ["up", "down", "left", "right"]) L.DomUtil.create("span", arm, this.element);
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    return this.setPoint(null);
  }

  setPoint(point: Point | null): this {
    this.point = point;
    this.place();
    return this;
  }

  protected override anchor(): L.LatLng | null {
    return this.point ? (this.frame?.toLatLng(this.point) ?? null) : null;
  }

  protected override layOut(): void {
    // Its size is the same at every zoom.
  }

  protected override get isStretched(): boolean {
    return false;
  }
}
