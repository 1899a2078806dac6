/**
 * The studio's rival in the bench: the same tile, shapes, imagery and map options drawn by Leaflet's default renderer,
 * one L.Polygon (an SVG path) for each shape. A vertex is dragged by a marker that sets the outlines of its neighbours.
 */

import L from "leaflet";
import "leaflet/dist/leaflet.css";
import type { Layer, Tile } from "../src/api/types";
import type { Feature } from "../src/domain/draft";
import { type Point, SUBPIXELS } from "../src/domain/geometry";
import { pixelCrs, TileFrame } from "../src/map/frame";
import { imageryLayer } from "../src/map/imagery";
import "../src/map/layers.css";

interface Scene {
  readonly layer: Layer;
  readonly tile: Tile;
  readonly features: readonly Feature[];
  readonly colours: Readonly<Record<string, string>>;
  readonly vertex: Point;
}

/** Says where the vertex is now, and how many shapes pass through it there. */
function addVertex(
  map: L.Map, frame: TileFrame, shapes: readonly { feature: Feature; polygon: L.Polygon }[], vertex: Point,
): () => { at: Point; shapes: number } {
  const own = shapes.filter(({ feature }) => feature.rings.some((ring) => ring.some(([x, y]) => x === vertex[0] && y === vertex[1])));
  const icon = L.divIcon({ className: "vertex", iconSize: [11, 11] });
  const marker = L.marker(frame.toLatLng(vertex), { draggable: true, icon }).addTo(map);
  marker.on("drag", () => {
    for (const { feature, polygon } of own) {
      polygon.setLatLngs(
        feature.rings.map((ring) => ring.map(([x, y]) => (x === vertex[0] && y === vertex[1] ? marker.getLatLng() : frame.toLatLng([x, y])))),
      );
    }
  });
  return () => {
    const at = marker.getLatLng();
    const through = own.filter(({ polygon }) => (polygon.getLatLngs() as L.LatLng[][]).some((ring) => ring.some((p) => p.equals(at))));
    return { at: frame.toUnits(at), shapes: through.length };
  };
}

async function open(): Promise<void> {
  const { layer, tile, features, colours, vertex } = (await (await fetch("/bench/scene.json")).json()) as Scene;
  const map = L.map("map", {
    crs: pixelCrs(layer.native_max_zoom),
    zoomControl: false,
    attributionControl: false,
    doubleClickZoom: false,
    boxZoom: false,
    fadeAnimation: false,
    zoomSnap: 0.25,
    zoomDelta: 0.5,
    wheelPxPerZoomLevel: 90,
    maxZoom: layer.native_max_zoom + 5,
    minZoom: layer.native_max_zoom - 3,
  });
  const frame = new TileFrame(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
  map.fitBounds(frame.bounds, { padding: [24, 24], animate: false });
  const imagery = imageryLayer(layer, "rgb");
  const loaded = new Promise((resolve) => imagery.once("load", resolve));
  imagery.addTo(map);
  const shapes = features.map((feature) => ({
    feature,
    polygon: L.polygon(
      feature.rings.map((ring) => ring.map((point) => frame.toLatLng(point))),
      { color: colours[feature.class_code] ?? "#888888", weight: 1, fillOpacity: 0.45 },
    ).addTo(map),
  }));
  const whereVertex = addVertex(map, frame, shapes, vertex);
  const projectToScreen = (xPx: number, yPx: number): { x: number; y: number } => {
    const at = map.latLngToContainerPoint(frame.toLatLng([xPx * SUBPIXELS, yPx * SUBPIXELS]));
    const corner = map.getContainer().getBoundingClientRect();
    return { x: corner.left + at.x, y: corner.top + at.y };
  };
  Object.assign(document.body, { projectToScreen, whereVertex });
  await loaded;
  document.body.dataset["ready"] = "true";
}

void open();
