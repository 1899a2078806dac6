import L from "leaflet";
import type { Layer, Tile } from "../api/types";

const TILE_PX = 256;

/** Address of one native map tile. True colour is the server's default view and has the shortest address. */
export function tileUrl(layer: string, view: string): string {
  const query = view === "rgb" ? "" : `?view=${encodeURIComponent(view)}`;
  return `/imagery/${encodeURIComponent(layer)}/native/{z}/{x}/{y}.jpg${query}`;
}

/** What a view shows, for the words of a panel. */
export type ViewKind = "colour" | "infrared" | "vegetation" | "height" | "band";

/** Names that heights have: of the surface, of the ground, or of what stands on it; in English and in French. */
const HEIGHTS = new Set(["height", "h", "dsm", "dtm", "ndsm", "chm", "mnh", "mns", "mnt", "elevation"]);

export function viewKind(view: string): ViewKind {
  if (view === "rgb") return "colour";
  if (view === "irc") return "infrared";
  if (view === "ndvi") return "vegetation";
  return HEIGHTS.has(view.replace(/^band-/, "").toLowerCase()) ? "height" : "band";
}

/** The band combinations that this layer's bands allow; heights before other single bands. */
export function viewsOf(bands: readonly string[]): string[] {
  const has = (...names: string[]): boolean => names.every((name) => bands.includes(name));
  const views = ["rgb"];
  if (has("NIR", "R", "G")) views.push("irc");
  if (has("NIR", "R")) views.push("ndvi");
  const inColour = new Set(["R", "G", "B", "NIR"]);
  const single = bands.filter((band) => !inColour.has(band)).map((band) => `band-${band}`);
  const isHeight = (view: string): boolean => viewKind(view) === "height";
  return [...views, ...single.filter(isHeight), ...single.filter((view) => !isHeight(view))];
}

/**
 * Map tiles that hide their borders. Where these fall between the screen's pixels, each of two map tiles covers a part
 * of the pixel and the ground shows through both: a line along every border. Each map tile is therefore stretched about
 * its middle until it reaches half a pixel of the screen beyond its sides. Nothing in it moves by more than that, and
 * nothing is painted for it that was not before.
 */
class SeamlessTiles extends L.TileLayer {
  private readonly zooms = new Map<HTMLElement, number>();

  override onAdd(map: L.Map): this {
    this.on("tileloadstart", this.onTile, this);
    this.on("tileunload", this.onGone, this);
    map.on("zoomanim", this.onZoomAnim, this);
    map.on("zoom viewreset resize", this.onZoom, this);
    return super.onAdd(map);
  }

  override onRemove(map: L.Map): this {
    super.onRemove(map);
    this.off("tileloadstart", this.onTile, this);
    this.off("tileunload", this.onGone, this);
    map.off("zoomanim", this.onZoomAnim, this);
    map.off("zoom viewreset resize", this.onZoom, this);
    this.zooms.clear();
    return this;
  }

  private onTile({ tile, coords }: L.TileEvent): void {
    this.zooms.set(tile, coords.z);
    this.lay(tile, coords.z, this._map.getZoom());
  }

  private onGone({ tile }: L.TileEvent): void {
    this.zooms.delete(tile);
  }

  private onZoom(): void {
    const zoom = this._map.getZoom();
    for (const [tile, z] of this.zooms) this.lay(tile, z, zoom);
  }

  private lay(tile: HTMLElement, z: number, zoom: number): void {
    stretch(tile, isAligned(z, zoom) ? 0 : overlap(z, zoom));
  }

  /** On the way from one zoom to another, the smaller one asks for more. */
  private onZoomAnim({ zoom }: L.ZoomAnimEvent): void {
    const least = Math.min(zoom, this._map.getZoom());
    for (const [tile, z] of this.zooms) stretch(tile, overlap(z, least));
  }
}

const ratio = (): number => window.devicePixelRatio || 1;

/** Whether map tiles of a zoom begin and end with whole pixels of the screen: they lie side by side, as sharp as they came. */
function isAligned(tileZoom: number, zoom: number): boolean {
  return Number.isInteger(ratio()) && Number.isInteger(TILE_PX * 2 ** (zoom - tileZoom));
}

/** Half a pixel of the screen, in a map tile's own pixels. */
function overlap(tileZoom: number, zoom: number): number {
  return 0.5 / (2 ** (zoom - tileZoom) * ratio());
}

/** Makes a map tile reach so far beyond its sides. */
function stretch(tile: HTMLElement, beyond: number): void {
  const at = L.DomUtil.getPosition(tile);
  if (beyond === 0) L.DomUtil.setPosition(tile, at);
  else L.DomUtil.setTransform(tile, at.subtract([beyond, beyond]), 1 + (2 * beyond) / TILE_PX);
}

/** The layer's map tiles on its own pixel grid, enlarged without smoothing beyond the native zoom. */
export function imageryLayer(layer: Layer, view: string): L.TileLayer {
  const bounds = L.latLngBounds([0, 0], [layer.height, layer.width]);
  return new SeamlessTiles(layer.tiles_url ?? tileUrl(layer.slug, view), {
    tileSize: TILE_PX,
    minNativeZoom: 0,
    maxNativeZoom: layer.native_max_zoom,
    minZoom: 0,
    maxZoom: layer.native_max_zoom + 5,
    bounds,
    noWrap: true,
    keepBuffer: 3,
    className: "imagery",
  });
}

/** Asks for the pictures of a tile before they are needed, so that the next tile opens at once. */
export function preloadImagery(layer: Layer, tile: Tile, view: string): void {
  const z = layer.native_max_zoom;
  const [x0, y0] = tile.origin_px;
  for (let y = Math.floor(y0 / 256); y <= Math.floor((y0 + tile.tile_px - 1) / 256); y++) {
    for (let x = Math.floor(x0 / 256); x <= Math.floor((x0 + tile.tile_px - 1) / 256); x++) {
      new Image().src = tileUrl(layer.slug, view).replace("{z}", String(z)).replace("{x}", String(x)).replace("{y}", String(y));
    }
  }
}
