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

/** Lines and marks reach beyond the ground they are about by at most so many pixels. */
const LINE_PX = 24;
/** A canvas begins and ends at multiples of this: what moves a little on it need not make it anew. */
const STEP_PX = 64;

/**
 * A canvas over the map, drawn in the tile's units. It reaches beyond the window by a share of its size, so that
 * moving the map carries the picture along and only leaving it draws again; a zoom stretches it, then draws again.
 * Where it is known what ground is drawn on, it is no larger than that: each of its pixels costs at every frame.
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

  /** The ground that is drawn on, in units; null when that may be all. */
  protected get extent(): Box | null {
    return null;
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
    const at = this.corner && map.latLngToContainerPoint(this.corner);
    const drawn = at && L.bounds(at, at.add(this.reach));
    const inView = this.drawnPart(0);
    if (inView && !drawn?.contains(inView)) this.redraw();
  }

  /** The part of the window, grown by a share of its size, that something is drawn in; in its pixels. */
  private drawnPart(margin: number): L.Bounds | null {
    const map = this._map;
    const size = map.getSize();
    const pad = size.multiplyBy(margin).round();
    const [from, to] = [pad.multiplyBy(-1), size.add(pad)];
    const { extent, frame } = this;
    if (!extent || !frame) return L.bounds(from, to);
    const shift = map.containerPointToLayerPoint([0, 0]);
    const corner = (x: number, y: number): L.Point => map.latLngToLayerPoint(frame.toLatLng([x, y]));
    const least = corner(extent.minX, extent.minY).subtract([LINE_PX, LINE_PX]).divideBy(STEP_PX).floor().multiplyBy(STEP_PX).subtract(shift);
    const most = corner(extent.maxX, extent.maxY).add([LINE_PX, LINE_PX]).divideBy(STEP_PX).ceil().multiplyBy(STEP_PX).subtract(shift);
    const part = L.bounds(
      [Math.max(from.x, least.x), Math.max(from.y, least.y)],
      [Math.min(to.x, most.x), Math.min(to.y, most.y)],
    );
    return least.x >= to.x || least.y >= to.y || most.x <= from.x || most.y <= from.y ? null : part;
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
    const part = this.isBlank ? null : this.drawnPart(this.margin);
    canvas.style.display = part ? "" : "none";
    this.corner = null;
    if (!part) return;
    const size = part.getSize();
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.x * ratio), Math.round(size.y * ratio)];
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${size.x}px`;
      canvas.style.height = `${size.y}px`;
    }
    const corner = part.min as L.Point;
    this.corner = map.containerPointToLatLng(corner);
    this.reach = size;
    this.drawnZoom = map.getZoom();
    L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint(corner));
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const frame = this.frame;
    if (!frame) return;
    const scale = (map.options.crs as L.CRS).scale(map.getZoom()) / SUBPIXELS;
    const origin = map.latLngToContainerPoint(frame.toLatLng([0, 0])).subtract(corner);
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
