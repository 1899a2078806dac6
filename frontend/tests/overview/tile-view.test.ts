import L from "leaflet";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { bboxOf, loadTiles, type TileProperties } from "../../src/overview/tiles";

const links = { studio: "/campaigns/c/studio/", open: true, language: "en" };
const asked: string[] = [];
let answers: { truncated: boolean; ids: number[] }[] = [];

function feature(id: number): GeoJSON.Feature<GeoJSON.Polygon, TileProperties> {
  const west = id / 1000;
  return {
    type: "Feature",
    geometry: { type: "Polygon", coordinates: [[[west, 44], [west + 0.001, 44], [west + 0.001, 44.001], [west, 44]]] },
    properties: { id, row: 0, col: id, state: "open", priority: null, role: "pool" },
  };
}

function newMap(): L.Map {
  const box = document.createElement("div");
  Object.defineProperties(box, { clientWidth: { value: 400 }, clientHeight: { value: 300 } });
  document.body.append(box);
  return L.map(box, { zoomAnimation: false, fadeAnimation: false }).setView([44, 0], 14);
}

function idsOn(layer: L.GeoJSON): number[] {
  return layer.getLayers().map((drawn) => (drawn as L.Polygon<TileProperties>).feature?.properties.id ?? -1).sort((a, b) => a - b);
}

const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(1000);

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  document.body.replaceChildren();
  const legend = document.createElement("div");
  legend.id = "tile-legend-box";
  document.body.append(legend);
  // The pages' Leaflet, drawing in SVG: this document's canvas has no pixels.
  window.L = { ...L, canvas: (options: L.RendererOptions) => L.svg(options) } as typeof L;
  vi.stubGlobal("fetch", (url: string) => {
    asked.push(url);
    const { truncated, ids } = answers.shift() ?? { truncated: false, ids: [] };
    return Promise.resolve(Response.json({ type: "FeatureCollection", truncated, features: ids.map(feature) }));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("asks for the view in degrees that exist", () => {
  expect(bboxOf(L.latLngBounds([43.5, 0.25], [44, 1]))).toBe("0.25000,43.50000,1.00000,44.00000");
  expect(bboxOf(L.latLngBounds([-95, -200], [95, 200]))).toBe("-180.00000,-90.00000,180.00000,90.00000");
});

it("loads a small campaign once, wherever the map goes", async () => {
  answers = [{ truncated: false, ids: [1, 2] }];
  const map = newMap();
  const layer = await loadTiles(map, "camp", links);
  map.panBy([300, 0], { animate: false });
  await rest();
  expect(asked).toEqual(["/api/v1/campaigns/camp/tiles.geojson"]);
  expect(layer && idsOn(layer)).toEqual([1, 2]);
  expect(document.getElementById("tile-legend-box")?.textContent).toBe("");
});

it("says that a large campaign is shown in part, and follows the map once it rests", async () => {
  answers = [{ truncated: true, ids: [1, 2] }, { truncated: false, ids: [2, 3] }];
  const map = newMap();
  const layer = await loadTiles(map, "camp", links);
  if (!layer) throw new Error("no tiles");
  expect(document.getElementById("tile-legend-box")?.textContent).toContain("the 2 most urgent tiles");
  const kept = layer.getLayers()[1];
  map.panBy([300, 0], { animate: false });
  map.panBy([100, 0], { animate: false });
  await rest();
  expect(asked).toHaveLength(2);
  expect(asked[1]).toMatch(/\?bbox=-?\d+\.\d{5},43\.9\d{4},0\.\d{5},44\.0\d{4}$/);
  expect(idsOn(layer)).toEqual([2, 3]);
  expect(layer.getLayers()).toContain(kept); // an open popup would have stayed
  expect(document.getElementById("tile-legend-box")?.textContent).toBe("");
});

it("asks nothing for a view that it has whole, nor while the tiles are hidden", async () => {
  answers = [{ truncated: true, ids: [1] }, { truncated: false, ids: [1] }, { truncated: true, ids: [1] }];
  const map = newMap();
  const layer = await loadTiles(map, "camp", links);
  if (!layer) throw new Error("no tiles");
  map.panBy([300, 0], { animate: false });
  await rest();
  map.panBy([10, 0], { animate: false });
  await rest();
  expect(asked).toHaveLength(2);
  layer.remove();
  map.panBy([900, 0], { animate: false });
  await rest();
  expect(asked).toHaveLength(2);
  layer.addTo(map);
  await rest();
  expect(asked).toHaveLength(3);
});
