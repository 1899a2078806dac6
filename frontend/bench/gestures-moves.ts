/** The moves open to a simulated person, each with what it costs and what it should gain. */

import { asFeature } from "../src/domain/suggestion";
import { newFeatureId } from "../src/domain/draft";
import { type Point, type Ring, type Rings, SUBPIXELS } from "../src/domain/geometry";
import { centreOf, type Segments, segmentsUnder, traceSegments } from "../src/domain/raster";
import { simplify } from "../src/domain/simplify";
import { strokeOutline } from "../src/domain/stroke";
import { type Hand, keysFor, type Move, type Tile } from "./gestures-model";
import { gainOf, partsOf, pixelsOf } from "./gestures-raster";

/** How closely an outline is followed, in pixels: a rough one takes fewer clicks. */
const TOLERANCES_PX = [1.5, 3, 5, 8, 12];
const MIN_PART_PX = 12;
const DRAGS_A_SEGMENT = 10;

interface Outline {
  readonly key: string;
  readonly ring: Ring;
  readonly value: number;
  readonly pixels: Int32Array;
}

function outlinesOf(values: Uint8Array, sidePx: number, key: string): Outline[] {
  const { segments, members } = partsOf(values, sidePx);
  return members.flatMap((part, id): Outline[] => {
    if (part.length < MIN_PART_PX) return [];
    const exterior = traceSegments(segments, new Set([id]))[0]?.[0];
    const value = values[part[0] as number] as number;
    return TOLERANCES_PX.flatMap((tolerance): Outline[] => {
      const ring = exterior ? simplify(exterior, tolerance * SUBPIXELS) : [];
      if (ring.length < 3) return [];
      return [{ key: `${key}${id}/${tolerance}`, ring, value, pixels: pixelsOf([ring], sidePx) }];
    });
  });
}

const ofTruth = new WeakMap<Tile, Outline[]>();

/** Follow the outline of something, or of something still wrong, corner by corner. */
export function outlineMoves(tile: Tile, hand: Hand): Move[] {
  let whole = ofTruth.get(tile);
  if (!whole) ofTruth.set(tile, (whole = outlinesOf(tile.truth, tile.side_px, "thing ")));
  const wrong = tile.truth.map((value, i) => (value === hand.labels[i] ? 0 : value));
  return [...whole, ...outlinesOf(wrong, tile.side_px, `wrong at ${hand.moves}: `)].map(({ key, ring, value, pixels }): Move => {
    const after = { tool: "polygon", code: tile.codes[value - 1] as string };
    return {
      key,
      command: { kind: "draw", rings: [ring], class_code: after.code, id: newFeatureId() },
      gestures: ring.length + 1 + keysFor(hand, after),
      gain: gainOf(pixels, value, tile.truth, hand.labels),
      after,
    };
  });
}

function commonest(pixels: readonly number[], truth: Uint8Array): number {
  const counts = new Map<number, number>();
  for (const i of pixels) counts.set(truth[i] as number, (counts.get(truth[i] as number) ?? 0) + 1);
  counts.delete(0);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 0;
}

/** One click into unlabelled ground. */
export function fillMoves(tile: Tile, hand: Hand): Move[] {
  const unlabelled = hand.labels.map((value) => (value === 0 ? 1 : 0));
  return partsOf(unlabelled, tile.side_px).members.flatMap((part): Move[] => {
    const value = commonest(part, tile.truth);
    const inside = part[Math.floor(part.length / 2)] as number;
    if (value === 0) return [];
    const after = { tool: "fill", code: tile.codes[value - 1] as string };
    const at: Point = [(inside % tile.side_px) * SUBPIXELS + 4, Math.floor(inside / tile.side_px) * SUBPIXELS + 4];
    return [{
      key: `fill ${inside} at ${hand.moves}`,
      command: { kind: "fill", at, class_code: after.code, id: newFeatureId(), asked: [] },
      gestures: 1 + keysFor(hand, after),
      gain: gainOf(part, value, tile.truth, hand.labels),
      after,
    }];
  });
}

interface Cut {
  readonly pixels: number[][];
  readonly centres: Point[];
  readonly truth: number[];
}

const cuts = new WeakMap<Segments, Cut>();

function cutOf(segments: Segments, truth: Uint8Array): Cut {
  let cut = cuts.get(segments);
  if (!cut) {
    const pixels: number[][] = Array.from({ length: segments.count }, () => []);
    segments.ids.forEach((id, i) => pixels[id]?.push(i));
    cuts.set(segments, (cut = {
      pixels,
      centres: pixels.map((_, id) => centreOf(segments, id)),
      truth: pixels.map((part) => commonest(part, truth)),
    }));
  }
  return cut;
}

/** A click on one segment, or one straight drag over several, at any size. */
export function segmentMoves(tile: Tile, hand: Hand): Move[] {
  const levels = [...tile.segments.keys()];
  return levels.flatMap((level) => {
    const segments = tile.segments.get(level) as Segments;
    const cut = cutOf(segments, tile.truth);
    const single = cut.pixels.map((part, id) => gainOf(part, cut.truth[id] as number, tile.truth, hand.labels));
    const worth = single.flatMap((gain, id) => (gain > 0 ? [id] : []));
    return worth.flatMap((id, n): Move[] => {
      const value = cut.truth[id] as number;
      const after = { tool: "segments", code: tile.codes[value - 1] as string, level };
      const same = worth.filter((other) => cut.truth[other] === value && other !== id);
      const ends = same.filter((_, k) => k % Math.max(1, Math.floor(same.length / DRAGS_A_SEGMENT)) === n % Math.max(1, Math.floor(same.length / DRAGS_A_SEGMENT)));
      const drags = ends.map((end) => segmentsUnder(segments, [cut.centres[id] as Point, cut.centres[end] as Point]));
      return [new Set([id]), ...drags].map((ids): Move => {
        const gain = [...ids].reduce((sum, one) => sum + gainOf(cut.pixels[one] ?? [], value, tile.truth, hand.labels), 0);
        return {
          key: `${level} ${[...ids].join(",")} at ${hand.moves}`,
          command: {
            kind: "paint", class_code: after.code, id: newFeatureId(), provenance: "segment",
            get shapes(): readonly Rings[] { return traceSegments(segments, ids); },
          },
          gestures: 1 + keysFor(hand, after, levels),
          gain,
          after,
        };
      });
    });
  });
}

interface Stroke {
  readonly from: Point;
  readonly to: Point;
  readonly width_px: number;
}

/** One straight drag along the longer axis of a part, as wide as the part is on average. */
function strokeAlong(part: readonly number[], sidePx: number): Stroke {
  const xs = part.map((i) => i % sidePx);
  const ys = part.map((i) => Math.floor(i / sidePx));
  const mean = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const xx = mean(xs.map((x) => (x - mx) ** 2));
  const yy = mean(ys.map((y) => (y - my) ** 2));
  const xy = mean(xs.map((x, k) => (x - mx) * ((ys[k] as number) - my)));
  const angle = Math.atan2(2 * xy, xx - yy) / 2;
  const along = xs.map((x, k) => (x - mx) * Math.cos(angle) + ((ys[k] as number) - my) * Math.sin(angle)).sort((a, b) => a - b);
  const [first, last] = [along[0] as number, along[along.length - 1] as number];
  const width = Math.max(2, Math.min(64, Math.round((part.length / (last - first + 1)) * 0.9)));
  const inset = Math.min(width / 2, (last - first) / 2);
  const at = (t: number): Point => [
    Math.round((mx + t * Math.cos(angle) + 0.5) * SUBPIXELS),
    Math.round((my + t * Math.sin(angle) + 0.5) * SUBPIXELS),
  ];
  return { from: at(first + inset), to: at(last - inset), width_px: width };
}

/** Paint over something still wrong in one straight drag. */
export function brushMoves(tile: Tile, hand: Hand): Move[] {
  const wrong = tile.truth.map((value, i) => (value === hand.labels[i] ? 0 : value));
  return partsOf(wrong, tile.side_px).members.flatMap((part, id): Move[] => {
    if (part.length < MIN_PART_PX) return [];
    const value = wrong[part[0] as number] as number;
    const { from, to, width_px } = strokeAlong(part, tile.side_px);
    // The brush in hand will do when it is nearly as wide: changing it takes key presses.
    return [...new Set([width_px, hand.brush_px])].map((brush_px): Move => {
      const shapes = strokeOutline([from, to], (brush_px * SUBPIXELS) / 2);
      const pixels = shapes.flatMap((rings) => [...pixelsOf(rings, tile.side_px)]);
      const after = { tool: "brush", code: tile.codes[value - 1] as string, brush_px };
      return {
        key: `brush ${brush_px} on ${id} at ${hand.moves}`,
        command: { kind: "paint", shapes, class_code: after.code, id: newFeatureId(), provenance: "drawn" },
        gestures: 1 + keysFor(hand, after),
        gain: gainOf(pixels, value, tile.truth, hand.labels),
        after,
      };
    });
  });
}

/** Show the model's draft and take all of it: two keys. */
export function takeAllMove(tile: Tile): Move[] {
  const features = tile.drafted.map((f) =>
    asFeature({ id: f.id, class_code: f.class_code, rings: f.rings, confidence: null, source: "model" }),
  );
  return [{ key: "take all", command: { kind: "take", features }, gestures: 2, gain: 1, after: { tool: "draft" } }];
}

/** Click a shape, press the key of its right class. */
export function relabelMoves(tile: Tile, hand: Hand): Move[] {
  return [...hand.draft.features.values()].flatMap((feature): Move[] => {
    const pixels = pixelsOf(feature.rings, tile.side_px);
    const value = commonest([...pixels], tile.truth);
    const code = tile.codes[value - 1];
    if (code === undefined || code === feature.class_code) return [];
    const after = { tool: "edit" };
    return [{
      key: `relabel ${feature.id} ${code}`,
      command: { kind: "relabel", ids: [feature.id], class_code: code },
      gestures: 2 + keysFor(hand, after),
      gain: gainOf(pixels, value, tile.truth, hand.labels),
      after: { ...after, code },
    }];
  });
}
