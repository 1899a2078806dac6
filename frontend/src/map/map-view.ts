import L from "leaflet";
import type { Layer } from "../api/types";
import type { Feature } from "../domain/draft";
import { type Point, SUBPIXELS } from "../domain/geometry";
import { CoverageLayer } from "./coverage-layer";
import { pixelCrs, TileFrame } from "./frame";
import { imageryLayer } from "./imagery";
import { SketchLayer } from "./sketch-layer";

/** How far one may pan beyond the tile, in tile sides. */
const MARGIN = 0.75;
const PAN_PX = 80;
const ZOOMS_BEYOND_NATIVE = 5;

/** The map of one imagery layer on its own pixel grid, with one tile on it. */
export class MapView {
  readonly map: L.Map;
  readonly coverage = new CoverageLayer();
  readonly sketch = new SketchLayer();
  frame: TileFrame | null = null;
  private imagery: L.TileLayer | null = null;
  private readonly observer: ResizeObserver;
  private isFitted = true;

  constructor(
    element: HTMLElement,
    private readonly layer: Layer,
    colours: ReadonlyMap<string, string>,
  ) {
    this.map = L.map(element, {
      crs: pixelCrs(layer.native_max_zoom),
      zoomControl: false,
      attributionControl: false,
      doubleClickZoom: false,
      boxZoom: false,
      // Its keys are the studio's: among others it takes 6 for a minus.
      keyboard: false,
      zoomSnap: 0.25,
      zoomDelta: 0.5,
      wheelPxPerZoomLevel: 90,
      maxZoom: layer.native_max_zoom + ZOOMS_BEYOND_NATIVE,
      minZoom: layer.native_max_zoom - 3,
      maxBoundsViscosity: 1,
      center: [0, 0],
      zoom: layer.native_max_zoom,
    });
    for (const [name, order] of [["coverage", "410"], ["sketch", "420"]] as const) {
      const pane = this.map.createPane(name);
      pane.style.zIndex = order;
      pane.style.pointerEvents = "none";
    }
    this.coverage.setColours(colours).addTo(this.map);
    this.sketch.addTo(this.map);
    this.map.on("zoomend", () => {
      element.classList.toggle("is-enlarged", this.map.getZoom() > layer.native_max_zoom + 0.5);
    });
    this.map.on("dragstart zoomstart", () => {
      this.isFitted = false;
    });
    this.observer = new ResizeObserver(() => {
      this.map.invalidateSize({ animate: false });
      if (this.isFitted) this.fitTile();
    });
    this.observer.observe(element);
  }

  /** Shows a view of the imagery; resolves when its map tiles are on screen, or could not be had. */
  showImagery(view: string): Promise<void> {
    const previous = this.imagery;
    const next = imageryLayer(this.layer, view);
    this.imagery = next;
    return new Promise((resolve) => {
      next.once("load", () => {
        previous?.remove();
        resolve();
      });
      next.addTo(this.map);
    });
  }

  showTile(originX: number, originY: number, tilePx: number): TileFrame {
    const frame = new TileFrame(originX, originY, tilePx);
    this.frame = frame;
    this.coverage.setFrame(frame);
    this.sketch.setFrame(frame);
    // Under the previous tile's limits the map would slide back while it is being placed.
    this.map.setMaxBounds();
    this.fitTile();
    this.map.setMaxBounds(frame.bounds.pad(MARGIN));
    return frame;
  }

  showFeatures(features: readonly Feature[]): void {
    this.coverage.setFeatures(features);
  }

  fitTile(): void {
    if (!this.frame) return;
    this.map.fitBounds(this.frame.bounds, { padding: [24, 24], animate: false });
    this.isFitted = true;
  }

  /** Moves the view by a step to a side. */
  pan(side: string): void {
    const steps: Readonly<Record<string, [number, number]>> = {
      left: [-PAN_PX, 0],
      right: [PAN_PX, 0],
      up: [0, -PAN_PX],
      down: [0, PAN_PX],
    };
    this.map.panBy(steps[side] ?? [0, 0], { animate: false });
    this.isFitted = false;
  }

  /** Brings a place of the tile into view. */
  lookAt(point: Point): void {
    if (this.frame) this.map.panInside(this.frame.toLatLng(point), { padding: [48, 48] });
  }

  /** Screen pixels expressed in units at the present zoom. */
  reach(pixels: number): number {
    return (pixels * SUBPIXELS) / (this.map.options.crs as L.CRS).scale(this.map.getZoom());
  }

  /** Window coordinates of a place given in image pixels from the tile's corner. */
  toScreen(xPx: number, yPx: number): { x: number; y: number } {
    const frame = this.frame;
    if (!frame) return { x: 0, y: 0 };
    const at = this.map.latLngToContainerPoint(frame.toLatLng([xPx * SUBPIXELS, yPx * SUBPIXELS]));
    const corner = this.map.getContainer().getBoundingClientRect();
    return { x: corner.left + at.x, y: corner.top + at.y };
  }

  remove(): void {
    this.observer.disconnect();
    this.map.remove();
  }
}
