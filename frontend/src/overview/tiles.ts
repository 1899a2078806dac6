// The campaign's tiles on its map: what is done, what waits, where the model doubts most.

import type * as Leaflet from "leaflet";
import { gettext, interpolate } from "../i18n";
import { element, formatNumber } from "./web-map";

export type TileState = "open" | "submitted" | "sent_back" | "accepted" | "unusable";

export interface TileProperties {
  id: number;
  row: number;
  col: number;
  state: TileState;
  priority: number | null;
  role: "pool" | "control";
  /** It is given out in quarters. */
  split?: boolean;
}

const COLOURS: Record<TileState, string> = {
  open: "#ffffff",
  submitted: "#f5b82e",
  sent_back: "#e5484d",
  accepted: "#3fbf7f",
  unusable: "#8d8d8d",
};
const CONTROL_COLOUR = "#00a3ff";
const DOUBT_COLOUR = "#d6409f";
/** A score, in nats, drawn as full doubt: half of what 8 classes allow. */
const FULL_DOUBT_NATS = 1;

function stateName(state: TileState): string {
  return {
    open: gettext("to do"),
    submitted: gettext("waiting for review"),
    sent_back: gettext("sent back to its author"),
    accepted: gettext("accepted"),
    unusable: gettext("unusable imagery"),
  }[state];
}

type Drawn = Pick<TileProperties, "state" | "priority" | "role">;

/** How a tile is drawn: done ones by their state, those to do the stronger the more the model doubts; as outlines alone where
 * other layers' colours lie below. */
export function tileStyle(tile: Drawn, { filled = true } = {}): Leaflet.PathOptions {
  const style = filledStyle(tile);
  return filled ? style : { ...style, fillOpacity: 0 };
}

function filledStyle(tile: Drawn): Leaflet.PathOptions {
  if (tile.role === "control") {
    return { color: CONTROL_COLOUR, weight: 2, dashArray: "5 4", fillColor: CONTROL_COLOUR, fillOpacity: 0.08 };
  }
  if (tile.state !== "open") {
    return { color: COLOURS[tile.state], weight: 1.5, fillColor: COLOURS[tile.state], fillOpacity: 0.4 };
  }
  const doubt = tile.priority === null ? 0 : Math.min(Math.max(tile.priority / FULL_DOUBT_NATS, 0), 1);
  return { color: "#ffffff", weight: 1, opacity: 0.8, fillColor: DOUBT_COLOUR, fillOpacity: 0.06 + 0.54 * doubt };
}

export interface TileLinks {
  studio: string;
  /** Whether the campaign takes work. */
  open: boolean;
  language: string;
}

export function tilePopup(tile: TileProperties, links: TileLinks): HTMLElement {
  const box = element("div");
  const pool = tile.role === "pool";
  box.append(
    element("strong", interpolate(gettext("Tile row %(row)s, column %(col)s"), { row: tile.row, col: tile.col })),
    element("p", pool ? stateName(tile.state) : gettext("Control tile: it judges the model.")),
  );
  if (pool && tile.split) box.append(element("p", gettext("Given out in quarters.")));
  if (pool && tile.state === "open" && tile.priority !== null) {
    const score = formatNumber(tile.priority, 2, links.language);
    box.append(element("p", interpolate(gettext("Doubt of the model: %(score)s nats"), { score })));
  }
  if (links.open && pool && (tile.state === "open" || tile.state === "sent_back")) {
    box.append(element("a", gettext("Label this tile"), { href: `${links.studio}?tile=${tile.id}`, class: "button" }));
  }
  return box;
}

export function drawTileLegend(list: HTMLElement): void {
  const entries: [string, string][] = [
    [DOUBT_COLOUR, gettext("to do: the stronger, the more the model doubts")],
    [COLOURS.submitted, stateName("submitted")],
    [COLOURS.sent_back, stateName("sent_back")],
    [COLOURS.accepted, stateName("accepted")],
    [CONTROL_COLOUR, gettext("control tile, never learnt from")],
  ];
  list.replaceChildren(
    ...entries.map(([colour, name]) => {
      const item = element("li");
      const swatch = element("span", "", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = colour;
      item.append(swatch, name);
      return item;
    }),
  );
}

/** What the server answers: `truncated` when there are more tiles than it gives, these being the most urgent. */
interface TileAnswer extends GeoJSON.FeatureCollection<GeoJSON.Polygon, TileProperties> {
  truncated: boolean;
}

type DrawnTile = Leaflet.Path & { feature?: GeoJSON.Feature<GeoJSON.Polygon, TileProperties> };

/** How long the map must rest before it is asked for again. */
const REST_MS = 250;

async function fetchTiles(campaign: string, bbox = "", signal?: AbortSignal): Promise<TileAnswer | null> {
  const query = bbox && `?bbox=${bbox}`;
  const answer = await fetch(`/api/v1/campaigns/${campaign}/tiles.geojson${query}`, { signal: signal ?? null });
  return answer.ok ? ((await answer.json()) as TileAnswer) : null;
}

/** West, south, east, north in degrees, as the API takes them. */
export function bboxOf(area: Leaflet.LatLngBounds): string {
  const clamp = (degrees: number, most: number): string => Math.min(Math.max(degrees, -most), most).toFixed(5);
  return [
    clamp(area.getWest(), 180), clamp(area.getSouth(), 90), clamp(area.getEast(), 180), clamp(area.getNorth(), 90),
  ].join(",");
}

/** Draws what an answer holds; a tile that has not changed stays as it is, with its popup. */
function replaceTiles(layer: Leaflet.GeoJSON, answer: TileAnswer): void {
  const wanted = new Map(answer.features.map((feature) => [feature.properties.id, feature]));
  layer.eachLayer((drawn) => {
    const old = (drawn as DrawnTile).feature?.properties;
    const now = old && wanted.get(old.id)?.properties;
    if (now && now.state === old.state && now.priority === old.priority && now.split === old.split) wanted.delete(old.id);
    else layer.removeLayer(drawn);
  });
  layer.addData({ type: "FeatureCollection", features: [...wanted.values()] } as GeoJSON.FeatureCollection);
}

/** A line under the legend that says when the map does not show every tile. */
function saysWhenPartial(language: string): (answer: TileAnswer) => void {
  const line = element("p", "", { class: "soft small", role: "status" });
  document.getElementById("tile-legend-box")?.append(line);
  return (answer) => {
    const message = gettext("These are the %(n)s most urgent tiles of more than can be shown. Zoom in to see all of them.");
    line.textContent = answer.truncated
      ? interpolate(message, { n: formatNumber(answer.features.length, 0, language) })
      : "";
  };
}

/** Keeps showing the tiles of the map's view, for a campaign of more tiles than one answer holds. */
function followView(map: Leaflet.Map, layer: Leaflet.GeoJSON, campaign: string, tell: (answer: TileAnswer) => void): void {
  let waiting = 0;
  let asked = new AbortController();
  let complete: Leaflet.LatLngBounds | null = null;
  const refresh = async (): Promise<void> => {
    if (!map.hasLayer(layer) || complete?.contains(map.getBounds())) return;
    asked.abort();
    const mine = (asked = new AbortController());
    const area = map.getBounds().pad(0.2);
    const answer = await fetchTiles(campaign, bboxOf(area), mine.signal).catch(() => null);
    if (!answer || mine.signal.aborted) return;
    replaceTiles(layer, answer);
    complete = answer.truncated ? null : area;
    tell(answer);
  };
  const soon = (): void => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => void refresh(), REST_MS);
  };
  map.on("moveend", soon);
  layer.on("add", soon);
}

/** The campaign's tiles on its map; `isFilled` is asked whenever one is drawn. */
export async function loadTiles(
  map: Leaflet.Map, campaign: string, links: TileLinks, isFilled: () => boolean = () => true,
): Promise<Leaflet.GeoJSON | null> {
  const answer = await fetchTiles(campaign);
  if (!answer) return null;
  const options: Leaflet.GeoJSONOptions<TileProperties> & Leaflet.PathOptions = {
    // Thousands of outlines: one canvas, not one element each.
    renderer: window.L.canvas({ padding: 0.5 }),
    style: (feature) => (feature ? tileStyle(feature.properties, { filled: isFilled() }) : {}),
    onEachFeature: (feature, path) => {
      path.bindPopup(() => tilePopup(feature.properties, links));
    },
  };
  const layer = window.L.geoJSON<TileProperties>(answer, options).addTo(map);
  if (answer.truncated) {
    const tell = saysWhenPartial(links.language);
    tell(answer);
    followView(map, layer, campaign, tell);
  }
  return layer;
}
