import L from "leaflet";
import type { Layer, Tile } from "../api/types";

const TILE_PX = 256;

/** Address of one native map tile. True colour is the server's default view and has the shortest address. */
export function tileUrl(layer: Pick<Layer, "slug" | "version">, view: string): string {
  const asked = new URLSearchParams();
  if (view !== "rgb") asked.set("view", view);
  if ((layer.version ?? 1) > 1) asked.set("v", String(layer.version));
  const query = asked.size > 0 ? `?${asked.toString()}` : "";
  return `/imagery/${encodeURIComponent(layer.slug)}/native/{z}/{x}/{y}.jpg${query}`;
}

/** What a view shows, for the words of a panel. */
export type ViewKind = "colour" | "infrared" | "vegetation" | "height" | "band";

/** Names that heights have: of the surface, of the ground, or of what stands on it; in English and in French. */
const HEIGHTS = new Set(["height", "h", "dsm", "dtm", "ndsm", "chm", "mnh", "mns", "mnt", "elevation"]);

const COLOURS = new Set(["band-R", "band-G", "band-B", "band-NIR"]);

export function viewKind(view: string): ViewKind {
  if (view === "rgb") return "colour";
  if (view === "irc") return "infrared";
  if (view === "ndvi") return "vegetation";
  return HEIGHTS.has(view.replace(/^band-/, "").toLowerCase()) ? "height" : "band";
}

/** The views that this layer's bands allow: combinations, heights, other bands, and last each colour by itself. */
export function viewsOf(bands: readonly string[]): string[] {
  const has = (...names: string[]): boolean => names.every((name) => bands.includes(name));
  const views = ["rgb"];
  if (has("NIR", "R", "G")) views.push("irc");
  if (has("NIR", "R")) views.push("ndvi");
  const single = bands.length === 1 ? [] : bands.map((band) => `band-${band}`);
  const rank = (view: string): number => (viewKind(view) === "height" ? 0 : COLOURS.has(view) ? 2 : 1);
  return [...views, ...[0, 1, 2].flatMap((wanted) => single.filter((view) => rank(view) === wanted))];
}

/** The map tiles of one zoom, as Leaflet keeps them. */
interface TileLevel {
  readonly el: HTMLElement;
  readonly origin: L.Point;
  readonly zoom: number;
}

/** What Leaflet's grids have beyond their types. */
interface Grid {
  readonly _levels: Readonly<Record<string, TileLevel>>;
}

/**
 * Map tiles laid out at the size they have on screen, from whole pixel to whole pixel of it. Leaflet lays them out at
 * their own size, each a picture of its own, and has the browser enlarge and join them at every frame: that shows
 * lines along their borders at fractional zooms, and moving the map costs more than all that is drawn on it. Laid out
 * at rest, all of a zoom are one picture, enlarged once; only while a zoom lasts is it stretched as a whole.
 */
class LaidOutTiles extends L.TileLayer {
  /** Of each level's element: pixels of the screen's CSS to one of its map tiles, as they are laid out. */
  private readonly scales = new WeakMap<HTMLElement, number>();

  override onAdd(map: L.Map): this {
    this.on("tileloadstart", this.onTile, this);
    map.on("zoomend viewreset resize", this.layOut, this);
    return super.onAdd(map);
  }

  override onRemove(map: L.Map): this {
    super.onRemove(map);
    this.off("tileloadstart", this.onTile, this);
    map.off("zoomend viewreset resize", this.layOut, this);
    return this;
  }

  private get levels(): Readonly<Record<string, TileLevel>> {
    return (this as unknown as Grid)._levels;
  }

  private onTile({ tile, coords }: L.TileEvent): void {
    const level = this.levels[coords.z];
    if (level) lay(tile, this.scales.get(level.el) ?? 1);
  }

  private layOut(): void {
    const map = this._map;
    for (const level of Object.values(this.levels)) {
      const scale = map.getZoomScale(map.getZoom(), level.zoom);
      this.scales.set(level.el, scale);
      for (const tile of level.el.children) lay(tile as HTMLElement, scale);
      this._setZoomTransform(level, map.getCenter(), map.getZoom());
    }
  }

  /** Leaflet's own, but for the scale at which the map tiles are laid out already. */
  protected _setZoomTransform(level: TileLevel, centre: L.LatLng, zoom: number): void {
    const map = this._map;
    const scale = map.getZoomScale(zoom, level.zoom);
    // On the way out over several zooms a new level would be laid out far larger than it will be.
    const laidOut = this.scales.get(level.el) ?? Math.min(scale, 2);
    this.scales.set(level.el, laidOut);
    const half = map.getSize().divideBy(2);
    const pixelOrigin = map.project(centre, zoom).subtract(map.containerPointToLayerPoint(half)).round();
    L.DomUtil.setTransform(level.el, level.origin.multiplyBy(scale).subtract(pixelOrigin).round(), scale / laidOut);
  }
}

/**
 * Places a map tile at a scale. Neighbours compute the side they share alike: there is neither a gap nor an overlap.
 * Where the screen has no whole number of pixels to one of CSS, the map itself may rest between two of its pixels: there
 * each map tile reaches one pixel of CSS over or under the next ones; less was seen to leave lines.
 */
function lay(tile: HTMLElement, scale: number): void {
  const ratio = window.devicePixelRatio || 1;
  const beyond = Number.isInteger(ratio) ? 0 : 1;
  const from = (v: number): number => Math.round(v * scale * ratio);
  const size = (v: number): number => (from(v + TILE_PX) - from(v)) / ratio + beyond;
  const { x, y } = L.DomUtil.getPosition(tile);
  const { style } = tile;
  style.transform = "none";
  [style.left, style.top] = [`${from(x) / ratio}px`, `${from(y) / ratio}px`];
  [style.width, style.height] = [`${size(x)}px`, `${size(y)}px`];
}

/** The layer's map tiles on its own pixel grid, enlarged without smoothing beyond the native zoom. */
export function imageryLayer(layer: Layer, view: string): L.TileLayer {
  const bounds = L.latLngBounds([0, 0], [layer.height, layer.width]);
  return new LaidOutTiles(layer.tiles_url ?? tileUrl(layer, view), {
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
      new Image().src = tileUrl(layer, view).replace("{z}", String(z)).replace("{x}", String(x)).replace("{y}", String(y));
    }
  }
}
