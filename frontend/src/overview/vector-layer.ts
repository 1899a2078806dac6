// Reviewed labels and polygons of maps: vector tiles drawn on canvases, and what is said of a place one points at.

import type * as Leaflet from "leaflet";
import { gettext, interpolate, percent } from "../i18n";
import { contains, readVectorTile, type VectorFeature, type VectorLayer } from "./vector-tile";
import { element, formatNumber } from "./web-map";

export interface ClassLook {
  readonly name: string;
  readonly colour: string;
}

export interface LabelLooks {
  readonly classes: Readonly<Record<string, ClassLook>>;
  readonly language: string;
}

export type VectorKind = "labels" | "agreement" | "polygons";

const UNKNOWN = "#8d8d8d";
/** Share of agreement, in percent, from which a colour counts: dark is far apart, light is of one mind. */
export const AGREEMENT_STEPS: readonly (readonly [number, string])[] = [
  [0, "#8c2d04"], [60, "#d95f0e"], [75, "#fe9929"], [85, "#fed98e"], [95, "#ffffd4"],
];

export function agreementColour(percent: number): string {
  return AGREEMENT_STEPS.filter(([from]) => percent >= from).at(-1)?.[1] ?? UNKNOWN;
}

/** What of a tile a layer of the map draws. */
export function shownPart(layers: readonly VectorLayer[], kind: VectorKind): VectorLayer[] {
  const wanted = kind === "labels" ? ["labels", "cells"] : [kind];
  return layers.filter((layer) => wanted.includes(layer.name));
}

/** Labels say `class`; a map's polygons `class_code`, as the files that people take away do. */
function codeOf({ properties }: VectorFeature): string {
  return String(properties.class ?? properties.class_code);
}

export function fillOf(feature: VectorFeature, looks: LabelLooks): string {
  const { agreement } = feature.properties;
  if (typeof agreement === "number") return agreementColour(agreement);
  return looks.classes[codeOf(feature)]?.colour ?? UNKNOWN;
}

/** What is said of a polygon, a cell or a tile. */
export function describe(feature: VectorFeature, looks: LabelLooks): HTMLElement {
  const { area_m2, share, tiles, agreement, people, class_code } = feature.properties;
  const box = element("div");
  if (typeof agreement === "number") {
    const told = { share: percent(agreement / 100), people: people ?? "" };
    box.append(element("p", interpolate(gettext("%(people)s people labelled this tile: they agree on %(share)s of its ground."), told)));
    return box;
  }
  box.append(element("strong", looks.classes[codeOf(feature)]?.name ?? codeOf(feature)));
  if (class_code !== undefined) box.append(...mapPolygon(feature, looks));
  else if (typeof area_m2 === "number") {
    box.append(element("p", interpolate(gettext("%(area)s m², drawn by people and accepted"), { area: formatNumber(area_m2, 0, looks.language) })));
  } else if (typeof share === "number") {
    const told = { share: percent(share / 100), n: formatNumber(Number(tiles), 0, looks.language) };
    box.append(element("p", interpolate(gettext("%(share)s of what is labelled here (labelled tiles: %(n)s)"), told)));
  }
  return box;
}

/** What is said of a polygon of a map, or of a square that stands for several from afar. */
function mapPolygon({ properties }: VectorFeature, looks: LabelLooks): HTMLElement[] {
  const { area_m2, reason } = properties;
  if (typeof area_m2 !== "number") return [element("p", gettext("Several small areas of this class: zoom in to see each."))];
  const told = [interpolate(gettext("%(area)s m², as the model sees it"), { area: formatNumber(area_m2, 0, looks.language) })];
  if (reason === "cut") told.push(gettext("A piece of a larger area, which is kept in pieces."));
  if (reason === "no_neighbour") told.push(gettext("Smaller than its class may be, with no imagery around it."));
  return told.map((text) => element("p", text));
}

type Box = readonly [left: number, top: number, right: number, bottom: number];
const boxes = new WeakMap<VectorFeature, Box>();

/** Where a feature lies in its tile; worked out once. */
function boxOf(feature: VectorFeature): Box {
  const known = boxes.get(feature);
  if (known) return known;
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const ring of feature.rings) {
    for (let at = 0; at < ring.length; at += 2) {
      const [x, y] = [ring[at] ?? 0, ring[at + 1] ?? 0];
      [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
    }
  }
  const box: Box = [left, top, right, bottom];
  boxes.set(feature, box);
  return box;
}

/** Features that lie in a part of a tile, `margin` units around it counted in. */
export function within(layer: VectorLayer, [left, top, right, bottom]: Box, margin = 0): VectorFeature[] {
  return layer.features.filter((feature) => {
    const box = boxOf(feature);
    return box[0] <= right + margin && box[2] >= left - margin && box[1] <= bottom + margin && box[3] >= top - margin;
  });
}

function trace(context: CanvasRenderingContext2D, feature: VectorFeature, scale: number): void {
  context.beginPath();
  for (const ring of feature.rings) {
    for (let at = 0; at < ring.length; at += 2) {
      const [x, y] = [(ring[at] ?? 0) * scale, (ring[at + 1] ?? 0) * scale];
      if (at) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
    context.closePath();
  }
}

const OUTLINE = "rgb(22 32 42 / 70%)";
/** Pixels of the canvas that a tile of polygons must have a side for their outlines to be told apart. */
const OUTLINED_FROM = 1024;

/** Draws the polygons of a part of a tile: a square of `size` pixels, whose tile has a side of `side` and begins at x, y. */
export function draw(
  context: CanvasRenderingContext2D, layers: readonly VectorLayer[], looks: LabelLooks,
  { side, size, x, y }: { side: number; size: number; x: number; y: number },
): void {
  for (const layer of layers) {
    const scale = side / layer.extent;
    const seen: Box = [-x / scale, -y / scale, (size - x) / scale, (size - y) / scale];
    const isFar = layer.name === "polygons" && side < OUTLINED_FROM;
    for (const feature of within(layer, seen, 2 / scale)) {
      trace(context, feature, scale);
      context.fillStyle = fillOf(feature, looks);
      context.fill("evenodd");
      // From afar in its own colour: it closes the seams that smooth edges leave, and does not darken the map.
      context.strokeStyle = isFar ? context.fillStyle : OUTLINE;
      context.lineWidth = layer.name === "cells" || layer.name === "polygons" ? 0.5 : 1;
      context.stroke();
    }
  }
}

/** As many tiles as a large screen shows, and some around it. */
const MOST_KEPT = 96;

/** A Leaflet layer of vector tiles. Leaflet is the page's own, so the class is made when the map is. */
export function vectorLayer(
  url: string, kind: VectorKind, looks: LabelLooks, { maxNativeZoom = 16, ...options }: Leaflet.GridLayerOptions,
): Leaflet.GridLayer & { featureAt: (place: Leaflet.LatLng, map: Leaflet.Map) => VectorFeature | null } {
  const kept = new Map<string, VectorLayer[]>();
  const asked = new Map<string, Promise<VectorLayer[]>>();

  /** The tile of the server that holds a place; several closer looks share one. */
  const tileAt = (z: number, x: number, y: number): Promise<VectorLayer[]> => {
    const key = `${z}/${x}/${y}`;
    const found = asked.get(key);
    if (found) return found;
    const fetched = fetchTile(url, z, x, y).then((layers) => {
      const part = shownPart(layers, kind);
      kept.set(key, part);
      return part;
    });
    fetched.catch(() => asked.delete(key));
    asked.set(key, fetched);
    for (const old of [...asked.keys()].slice(0, Math.max(0, asked.size - MOST_KEPT))) {
      asked.delete(old);
      kept.delete(old);
    }
    return fetched;
  };

  class Polygons extends window.L.GridLayer {
    protected override createTile({ x, y, z }: Leaflet.Coords, done: Leaflet.DoneCallback): HTMLElement {
      const size = this.getTileSize();
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [size.x * ratio, size.y * ratio];
      // Closer than the server's tiles go, a part of one is drawn anew: outlines stay sharp.
      const up = Math.max(0, z - maxNativeZoom);
      const parts = 2 ** up;
      tileAt(z - up, Math.floor(x / parts), Math.floor(y / parts)).then(
        (layers) => {
          const context = canvas.getContext("2d");
          const corner = { x: -(x % parts) * canvas.width, y: -(y % parts) * canvas.height };
          context?.translate(corner.x, corner.y);
          if (context) draw(context, layers, looks, { side: canvas.width * parts, size: canvas.width, ...corner });
          done(undefined, canvas);
        },
        (error: unknown) => {
          done(error instanceof Error ? error : new Error(String(error)), canvas);
        },
      );
      return canvas;
    }

    featureAt(place: Leaflet.LatLng, map: Leaflet.Map): VectorFeature | null {
      const zoom = Math.min(Math.round(map.getZoom()), maxNativeZoom);
      const at = map.project(place, zoom).divideBy(this.getTileSize().x);
      for (const layer of kept.get(`${zoom}/${Math.floor(at.x)}/${Math.floor(at.y)}`) ?? []) {
        const found = layer.features.findLast((one) => contains(one, (at.x % 1) * layer.extent, (at.y % 1) * layer.extent));
        if (found) return found;
      }
      return null;
    }
  }
  return new Polygons(options);
}

async function fetchTile(url: string, z: number, x: number, y: number): Promise<VectorLayer[]> {
  const answer = await fetch(url.replace("{z}", String(z)).replace("{x}", String(x)).replace("{y}", String(y)));
  if (answer.status === 204) return [];
  if (!answer.ok) throw new Error(`vector tile ${z}/${x}/${y}: ${answer.status}`);
  return readVectorTile(new Uint8Array(await answer.arrayBuffer()));
}
