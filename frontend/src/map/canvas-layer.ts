import L from "leaflet";
import { type Box, SUBPIXELS } from "../domain/geometry";
import type { TileFrame } from "./frame";
import { layerPoint } from "./sheet/level";

/** What a layer needs to draw in the tile's units. */
export interface Viewport {
  readonly context: CanvasRenderingContext2D;
  /** Screen pixels to one unit. */
  readonly scale: number;
  /** The part of the plane in view, in units. */
  readonly box: Box;
}

/**
 * A canvas over the map, drawn in the tile's units. It reaches beyond the window by a share of its size, so that
 * moving the map carries the picture along and only leaving it draws again; a zoom stretches it, then draws again.
 */
export abstract class CanvasLayer extends L.Layer {
  protected frame: TileFrame | null = null;
  private canvas: HTMLCanvasElement | null = null;
  private frameRequest = 0;
  /** What the canvas shows: its upper-left corner on the map, and its size on screen. */
  private corner: L.LatLng | null = null;
  private reach = L.point(0, 0);
  private drawnZoom = 0;

  constructor(
    paneName: string,
    private readonly margin: number,
  ) {
    super();
    L.Util.setOptions(this, { pane: paneName });
  }

  protected abstract draw(view: Viewport): void;

  /** Whether there is nothing to draw: the canvas is then left out of the page's composition. */
  protected get isBlank(): boolean {
    return false;
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    return this.redraw();
  }

  override onAdd(map: L.Map): this {
    this.canvas = L.DomUtil.create("canvas", "leaflet-zoom-animated studio-canvas", this.getPane());
    this.canvas.setAttribute("aria-hidden", "true");
    map.on("viewreset zoomend resize", this.redraw, this);
    map.on("move", this.follow, this);
    map.on("zoomanim", this.stretch, this);
    map.on("zoom", this.pinch, this);
    return this.redraw();
  }

  override onRemove(map: L.Map): this {
    map.off("viewreset zoomend resize", this.redraw, this);
    map.off("move", this.follow, this);
    map.off("zoomanim", this.stretch, this);
    map.off("zoom", this.pinch, this);
    cancelAnimationFrame(this.frameRequest);
    this.frameRequest = 0;
    this.canvas?.remove();
    this.canvas = null;
    return this;
  }

  /** Draws at the next frame, once however often it is asked. */
  redraw(): this {
    if (this.canvas && this.frameRequest === 0) {
      this.frameRequest = requestAnimationFrame(() => {
        this.frameRequest = 0;
        this.render();
      });
    }
    return this;
  }

  /** Draws again only when the window shows ground beyond the canvas. */
  private follow(): void {
    const map = this._map;
    if (this.isBlank) return;
    const at = this.corner ? map.latLngToContainerPoint(this.corner) : null;
    const size = map.getSize();
    const isCovered = at && at.x <= 0 && at.y <= 0 && at.x + this.reach.x >= size.x && at.y + this.reach.y >= size.y;
    if (!isCovered) this.redraw();
  }

  private stretch({ center, zoom }: L.ZoomAnimEvent): void {
    if (!this.canvas || !this.corner) return;
    const position = layerPoint(this._map, this.corner, center, zoom);
    L.DomUtil.setTransform(this.canvas, position, this._map.getZoomScale(zoom, this.drawnZoom));
  }

  /** Follows fingers that zoom step by step. */
  private pinch(): void {
    if (!this.canvas || !this.corner) return;
    const position = layerPoint(this._map, this.corner);
    L.DomUtil.setTransform(this.canvas, position, this._map.getZoomScale(this._map.getZoom(), this.drawnZoom));
  }

  private render(): void {
    const map = this._map as L.Map | null;
    const canvas = this.canvas;
    const context = canvas?.getContext("2d");
    if (!map || !canvas || !context) return;
    canvas.style.display = this.isBlank ? "none" : "";
    if (this.isBlank) return;
    const shown = map.getSize();
    const pad = shown.multiplyBy(this.margin).round();
    const size = shown.add(pad.multiplyBy(2));
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.x * ratio), Math.round(size.y * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${size.x}px`;
      canvas.style.height = `${size.y}px`;
    }
    const corner = pad.multiplyBy(-1);
    this.corner = map.containerPointToLatLng(corner);
    this.reach = size;
    this.drawnZoom = map.getZoom();
    L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint(corner));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const frame = this.frame;
    if (!frame) return;
    const scale = (map.options.crs as L.CRS).scale(map.getZoom()) / SUBPIXELS;
    const origin = map.latLngToContainerPoint(frame.toLatLng([0, 0])).add(pad);
    context.setTransform(scale * ratio, 0, 0, scale * ratio, origin.x * ratio, origin.y * ratio);
    const box = {
      minX: -origin.x / scale,
      minY: -origin.y / scale,
      maxX: (size.x - origin.x) / scale,
      maxY: (size.y - origin.y) / scale,
    };
    this.draw({ context, scale, box });
  }
}

const paths = new WeakMap<object, Path2D>();

/** The outline of rings that never change, built once. */
export function pathOf(rings: readonly (readonly (readonly [number, number])[])[]): Path2D {
  let path = paths.get(rings);
  if (!path) {
    path = new Path2D();
    for (const ring of rings) {
      ring.forEach(([x, y], i) => {
        if (i === 0) path?.moveTo(x, y);
        else path?.lineTo(x, y);
      });
      path.closePath();
    }
    paths.set(rings, path);
  }
  return path;
}
