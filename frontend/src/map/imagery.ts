import L from "leaflet";
import type { Layer, Tile } from "../api/types";

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

/** The layer's map tiles on its own pixel grid, enlarged without smoothing beyond the native zoom. */
export function imageryLayer(layer: Layer, view: string): L.TileLayer {
  const bounds = L.latLngBounds([0, 0], [layer.height, layer.width]);
  return L.tileLayer(layer.tiles_url ?? tileUrl(layer.slug, view), {
    tileSize: 256,
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
