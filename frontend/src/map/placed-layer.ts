import L from "leaflet";
import { SUBPIXELS } from "../domain/geometry";
import { layerPoint } from "./sheet/level";

/** One element laid on the ground: moved with the map, stretched while it zooms, laid out again at rest. */
export abstract class PlacedLayer extends L.Layer {
  protected readonly element: HTMLElement;
  private laidAt = 0;

  constructor(paneName: string, element: HTMLElement, className: string) {
    super();
    L.Util.setOptions(this, { pane: paneName });
    this.element = element;
    this.element.className = `leaflet-zoom-animated ${className}`;
    this.element.setAttribute("aria-hidden", "true");
  }

  /** The place of the element's corner; null while it lies nowhere. */
  protected abstract anchor(): L.LatLng | null;

  /** Sets the element's size at so many pixels to one unit. */
  protected abstract layOut(scale: number): void;

  override onAdd(map: L.Map): this {
    this.getPane()?.append(this.element);
    map.on("zoomanim", this.onZoomAnim, this);
    map.on("zoom viewreset zoomend resize", this.place, this);
    this.place();
    return this;
  }

  override onRemove(map: L.Map): this {
    map.off("zoomanim", this.onZoomAnim, this);
    map.off("zoom viewreset zoomend resize", this.place, this);
    this.element.remove();
    return this;
  }

  protected place(): void {
    const map = this._map as L.Map | null;
    const anchor = this.anchor();
    this.element.style.display = anchor ? "" : "none";
    if (!map || !anchor) return;
    this.laidAt = scaleAt(map, map.getZoom());
    this.layOut(this.laidAt);
    L.DomUtil.setTransform(this.element, layerPoint(map, anchor));
  }

  private onZoomAnim({ center, zoom }: L.ZoomAnimEvent): void {
    const anchor = this.anchor();
    if (!anchor || this.laidAt === 0) return;
    const stretch = this.isStretched ? scaleAt(this._map, zoom) / this.laidAt : 1;
    L.DomUtil.setTransform(this.element, layerPoint(this._map, anchor, center, zoom), stretch);
  }

  /** Whether a zoom changes its size. */
  protected get isStretched(): boolean {
    return true;
  }
}

function scaleAt(map: L.Map, zoom: number): number {
  return (map.options.crs as L.CRS).scale(zoom) / SUBPIXELS;
}
