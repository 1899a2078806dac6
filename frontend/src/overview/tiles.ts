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

/** How a tile is drawn: done ones by their state, those to do the stronger the more the model doubts. */
export function tileStyle(tile: Pick<TileProperties, "state" | "priority" | "role">): Leaflet.PathOptions {
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

export async function loadTiles(map: Leaflet.Map, campaign: string, links: TileLinks): Promise<Leaflet.GeoJSON | null> {
  const answer = await fetch(`/api/v1/campaigns/${campaign}/tiles.geojson`);
  if (!answer.ok) return null;
  const options: Leaflet.GeoJSONOptions<TileProperties> & Leaflet.PathOptions = {
    // Thousands of outlines: one canvas, not one element each.
    renderer: window.L.canvas({ padding: 0.5 }),
    style: (feature) => (feature ? tileStyle(feature.properties) : {}),
    onEachFeature: (feature, path) => {
      path.bindPopup(() => tilePopup(feature.properties, links));
    },
  };
  return window.L.geoJSON<TileProperties>(await answer.json(), options).addTo(map);
}
