/** Superpixels and doubt: rasters of a tile's own pixels, and how they meet the subpixel grid. */

import { type Point, type Rings, SUBPIXELS } from "./geometry";
import { Boundary } from "./planar";

export interface Segments {
  readonly side_px: number;
  /** The segment of each pixel, row by row; each segment is connected by pixel sides. */
  readonly ids: Uint16Array;
  readonly count: number;
}

export type Direction = "left" | "right" | "up" | "down";

/** Pixels from minX to maxX and minY to maxY, both ends in. */
interface PixelBox {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/**
 * Segments as the server sends them: uint16, little-endian, row by row, numbered in the order they are first met.
 * Throws when the bytes are anything else.
 */
export function segmentsFromBytes(buffer: ArrayBuffer, side_px: number): Segments {
  const expected = side_px * side_px * 2;
  if (buffer.byteLength !== expected) {
    throw new Error(`Segments of a ${side_px} px tile take ${expected} bytes, not ${buffer.byteLength}`);
  }
  const view = new DataView(buffer);
  const ids = new Uint16Array(side_px * side_px);
  let count = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = view.getUint16(2 * i, true);
    if (id > count) throw new Error(`Segment ${id} at pixel ${i} comes before segment ${count}`);
    if (id === count) count += 1;
    ids[i] = id;
  }
  return { side_px, ids, count };
}

function pixelOf(v: number, side_px: number): number {
  return Math.min(Math.floor(v / SUBPIXELS), side_px - 1);
}

/** The segment at a point, the tile's sides counted in; null outside the tile. */
export function segmentAt({ side_px, ids }: Segments, [x, y]: Point): number | null {
  const side = side_px * SUBPIXELS;
  if (!(x >= 0 && y >= 0 && x <= side && y <= side)) return null;
  return ids[pixelOf(y, side_px) * side_px + pixelOf(x, side_px)] ?? null;
}

const knownBoxes = new WeakMap<Segments, PixelBox[]>();

function boxesOf(segments: Segments): PixelBox[] {
  let boxes = knownBoxes.get(segments);
  if (!boxes) {
    const { side_px, ids, count } = segments;
    boxes = Array.from({ length: count }, () => ({ minX: side_px, minY: side_px, maxX: -1, maxY: -1 }));
    for (let y = 0, i = 0; y < side_px; y++) {
      for (let x = 0; x < side_px; x++, i++) {
        const box = boxes[ids[i] as number] as PixelBox;
        if (x < box.minX) box.minX = x;
        if (x > box.maxX) box.maxX = x;
        if (y < box.minY) box.minY = y;
        box.maxY = y;
      }
    }
    knownBoxes.set(segments, boxes);
  }
  return boxes;
}

/** Whether each pixel of a box is of the segments asked, with a margin of one pixel that is not. */
interface Mask {
  readonly box: PixelBox;
  readonly width: number;
  readonly height: number;
  readonly inside: Uint8Array;
}

/** Null when the tile has none of the segments. */
function maskOf(segments: Segments, wanted: ReadonlySet<number>): Mask | null {
  const boxes = boxesOf(segments);
  const box: PixelBox = { minX: segments.side_px, minY: segments.side_px, maxX: -1, maxY: -1 };
  const isWanted = new Uint8Array(segments.count);
  for (const id of wanted) {
    const own = boxes[id];
    if (!own) continue;
    isWanted[id] = 1;
    box.minX = Math.min(box.minX, own.minX);
    box.minY = Math.min(box.minY, own.minY);
    box.maxX = Math.max(box.maxX, own.maxX);
    box.maxY = Math.max(box.maxY, own.maxY);
  }
  if (box.maxX < 0) return null;
  const width = box.maxX - box.minX + 3;
  const height = box.maxY - box.minY + 3;
  const inside = new Uint8Array(width * height);
  for (let y = box.minY; y <= box.maxY; y++) {
    const row = (y - box.minY + 1) * width + 1 - box.minX;
    for (let x = box.minX; x <= box.maxX; x++) {
      inside[row + x] = isWanted[segments.ids[y * segments.side_px + x] as number] as number;
    }
  }
  return { box, width, height, inside };
}

/** The straight runs of a mask's border along one axis, each as long as the ground stays on the same hand. */
function addRuns(boundary: Boundary, mask: Mask, axis: "rows" | "columns"): void {
  const { box, width, height, inside } = mask;
  const isRows = axis === "rows";
  const [lines, places] = isRows ? [height, width] : [width, height];
  const [acrossStep, alongStep] = isRows ? [width, 1] : [1, width];
  const pointAt = (line: number, place: number): Point => {
    const [x, y] = isRows ? [place, line] : [line, place];
    return [(box.minX + x - 1) * SUBPIXELS, (box.minY + y - 1) * SUBPIXELS];
  };
  for (let line = 1; line < lines; line++) {
    let [start, hand] = [0, 0];
    for (let place = 0; place < places; place++) {
      const i = line * acrossStep + place * alongStep;
      const now = (inside[i] as number) - (inside[i - acrossStep] as number);
      if (now === hand) continue;
      if (hand !== 0) {
        const [a, b] = [pointAt(line, start), pointAt(line, place)];
        // Ground of larger y is on the left of an edge towards larger x, ground of larger x on that of one towards smaller y.
        if (hand > 0 === isRows) boundary.addEdge(a, b);
        else boundary.addEdge(b, a);
      }
      [start, hand] = [place, now];
    }
  }
}

/**
 * The ground of segments as polygons along pixel sides, with a vertex only where the outline turns or touches itself.
 * Pixels that meet at a corner alone are in separate polygons.
 */
export function traceSegments(segments: Segments, ids: ReadonlySet<number>): Rings[] {
  const mask = maskOf(segments, ids);
  if (!mask) return [];
  const boundary = new Boundary();
  addRuns(boundary, mask, "rows");
  addRuns(boundary, mask, "columns");
  return boundary.polygons();
}

/** How many steps along pixel sides lead out of a mask from each of its pixels; 0 outside it. */
function depthsOf({ width, inside }: Mask): Uint16Array {
  const depths = Uint16Array.from(inside);
  const deepen = (i: number, a: number, b: number): void => {
    if (inside[i]) depths[i] = Math.min(depths[a] as number, depths[b] as number) + 1;
  };
  for (let i = width; i < depths.length; i++) deepen(i, i - 1, i - width);
  for (let i = depths.length - width - 1; i >= 0; i--) {
    if (inside[i]) depths[i] = Math.min(depths[i] as number, (depths[i + 1] as number) + 1, (depths[i + width] as number) + 1);
  }
  return depths;
}

const knownCentres = new WeakMap<Segments, Map<number, Point>>();

/**
 * The middle of the pixel of a segment that lies furthest from its border; of several, the one nearest to the middle
 * of its ground.
 */
export function centreOf(segments: Segments, id: number): Point {
  const known = knownCentres.get(segments) ?? new Map<number, Point>();
  knownCentres.set(segments, known);
  const centre = known.get(id) ?? centreOfMask(maskOf(segments, new Set([id])));
  if (!centre) throw new Error(`No segment ${id} among ${segments.count}`);
  known.set(id, centre);
  return centre;
}

function centreOfMask(mask: Mask | null): Point | null {
  if (!mask) return null;
  const depths = depthsOf(mask);
  let [sumX, sumY, pixels, deepest] = [0, 0, 0, 0];
  depths.forEach((depth, i) => {
    if (depth === 0) return;
    sumX += i % mask.width;
    sumY += Math.floor(i / mask.width);
    pixels += 1;
    if (depth > deepest) deepest = depth;
  });
  let [bestX, bestY, least] = [0, 0, Infinity];
  depths.forEach((depth, i) => {
    if (depth !== deepest) return;
    const [x, y] = [i % mask.width, Math.floor(i / mask.width)];
    const off = (x - sumX / pixels) ** 2 + (y - sumY / pixels) ** 2;
    if (off < least) [bestX, bestY, least] = [x, y, off];
  });
  return [(mask.box.minX + bestX - 0.5) * SUBPIXELS, (mask.box.minY + bestY - 0.5) * SUBPIXELS];
}

const knownNeighbours = new WeakMap<Segments, number[][]>();

/** The segments that share a pixel side with this one, in order. */
export function neighboursOf(segments: Segments, id: number): readonly number[] {
  let neighbours = knownNeighbours.get(segments);
  if (!neighbours) {
    const { side_px, ids, count } = segments;
    const sets = Array.from({ length: count }, () => new Set<number>());
    const meet = (a: number, b: number): void => {
      if (a === b) return;
      sets[a]?.add(b);
      sets[b]?.add(a);
    };
    for (let i = 0; i < ids.length; i++) {
      if ((i + 1) % side_px !== 0) meet(ids[i] as number, ids[i + 1] as number);
      if (i + side_px < ids.length) meet(ids[i] as number, ids[i + side_px] as number);
    }
    neighbours = sets.map((set) => [...set].sort((a, b) => a - b));
    knownNeighbours.set(segments, neighbours);
  }
  return neighbours[id] ?? [];
}

const STEPS: Readonly<Record<Direction, Point>> = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

/**
 * The neighbour that lies most nearly in a direction, by their centres; null when none lies further that way. Each step
 * gets further, so that a key held down always comes to the side of the tile.
 */
export function segmentTowards(segments: Segments, from: number, direction: Direction): number | null {
  const [dx, dy] = STEPS[direction];
  const [x0, y0] = centreOf(segments, from);
  let best: number | null = null;
  let least = Infinity;
  for (const id of neighboursOf(segments, from)) {
    const [x, y] = centreOf(segments, id);
    const along = (x - x0) * dx + (y - y0) * dy;
    const aside = Math.abs((x - x0) * dy) + Math.abs((y - y0) * dx);
    const cost = along + 2 * aside;
    if (along > 0 && cost < least) [best, least] = [id, cost];
  }
  return best;
}

/** Calls `visit` with every pixel that the straight line ab passes (Amanatides and Woo 1987). */
function visitPixels(a: Point, b: Point, side_px: number, visit: (i: number) => void): void {
  let [x, y] = [Math.floor(a[0] / SUBPIXELS), Math.floor(a[1] / SUBPIXELS)];
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const [stepX, stepY] = [Math.sign(dx), Math.sign(dy)];
  // The share of the line at which it crosses the next column and the next row of pixels.
  let nextX = dx === 0 ? Infinity : ((x + (dx > 0 ? 1 : 0)) * SUBPIXELS - a[0]) / dx;
  let nextY = dy === 0 ? Infinity : ((y + (dy > 0 ? 1 : 0)) * SUBPIXELS - a[1]) / dy;
  for (;;) {
    if (x >= 0 && y >= 0 && x < side_px && y < side_px) visit(y * side_px + x);
    if (Math.min(nextX, nextY) > 1) return;
    if (nextX <= nextY) {
      x += stepX;
      nextX += SUBPIXELS / Math.abs(dx);
    } else {
      y += stepY;
      nextY += SUBPIXELS / Math.abs(dy);
    }
  }
}

/** The segments that a drawn line passes over; what is outside the tile passes over none. */
export function segmentsUnder(segments: Segments, points: readonly Point[]): Set<number> {
  const found = new Set<number>();
  const [first] = points;
  points.forEach((b, i) => {
    const a = i === 0 ? (first as Point) : (points[i - 1] as Point);
    visitPixels(a, b, segments.side_px, (pixel) => found.add(segments.ids[pixel] as number));
  });
  return found;
}

/** Doubt as a byte says it: 0 for none, 1 for as much as there can be; bytes of 0 (no imagery) have none to say. */
function doubtOf(byte: number): number {
  return (byte - 1) / 254;
}

/** The mean doubt over a segment, 0 to 1, of its pixels with imagery; 0 when it has none. */
export function meanDoubt(segments: Segments, doubt: Uint8Array, id: number): number {
  const box = boxesOf(segments)[id];
  if (!box) return 0;
  let [sum, seen] = [0, 0];
  for (let y = box.minY; y <= box.maxY; y++) {
    for (let x = box.minX; x <= box.maxX; x++) {
      const i = y * segments.side_px + x;
      const byte = doubt[i] as number;
      if (segments.ids[i] !== id || byte === 0) continue;
      sum += doubtOf(byte);
      seen += 1;
    }
  }
  return seen === 0 ? 0 : sum / seen;
}

export interface DoubtfulPlace {
  readonly at: Point;
  /** The mean doubt around it, 0 to 1. */
  readonly doubt: number;
}

/** Sums of `value` over the rectangle from the first pixel to each pixel, with a row and a column of zeros before. */
function summed(side_px: number, value: (i: number) => number): Float64Array {
  const width = side_px + 1;
  const sums = new Float64Array(width * width);
  for (let y = 0, i = 0; y < side_px; y++) {
    let row = 0;
    for (let x = 0; x < side_px; x++, i++) {
      row += value(i);
      sums[(y + 1) * width + x + 1] = (sums[y * width + x + 1] as number) + row;
    }
  }
  return sums;
}

const MAX_PLACES = 20;
const LEAST_DOUBT = 0.1;

/** The mean doubt around every `reach`th pixel of every `reach`th row, 0 where the pixel has no imagery. */
function smoothed(doubt: Uint8Array, side_px: number, reach: number): { means: Float64Array; size: number } {
  const sums = summed(side_px, (i) => (doubt[i] ? doubtOf(doubt[i]) : 0));
  const counts = summed(side_px, (i) => (doubt[i] ? 1 : 0));
  const size = Math.ceil(side_px / reach);
  const means = new Float64Array(size * size);
  for (let i = 0; i < means.length; i++) {
    const [x, y] = [(i % size) * reach, Math.floor(i / size) * reach];
    if (!doubt[y * side_px + x]) continue;
    const [left, right] = [Math.max(0, x - reach), Math.min(side_px, x + reach + 1)];
    const [top, bottom] = [Math.max(0, y - reach) * (side_px + 1), Math.min(side_px, y + reach + 1) * (side_px + 1)];
    const over = (table: Float64Array): number =>
      (table[bottom + right] as number) - (table[bottom + left] as number) - (table[top + right] as number) + (table[top + left] as number);
    means[i] = over(sums) / over(counts);
  }
  return { means, size };
}

/**
 * Where the model doubts most: peaks of the mean doubt over windows of a thirty-second of the tile, the most doubtful
 * first, no two nearer than an eighth of the tile.
 */
export function doubtfulPlaces(doubt: Uint8Array, side_px: number): DoubtfulPlace[] {
  const reach = Math.max(1, side_px >> 6);
  const { means, size } = smoothed(doubt, side_px, reach);
  const isPeak = (mean: number, i: number): boolean => {
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        const x = (i % size) + dx;
        if (x >= 0 && x < size && (means[i + dy * size + dx] ?? 0) > mean) return false;
      }
    }
    return mean >= LEAST_DOUBT;
  };
  const peaks: DoubtfulPlace[] = [];
  means.forEach((mean, i) => {
    const at: Point = [((i % size) * reach + 0.5) * SUBPIXELS, (Math.floor(i / size) * reach + 0.5) * SUBPIXELS];
    if (isPeak(mean, i)) peaks.push({ at, doubt: mean });
  });
  peaks.sort((a, b) => b.doubt - a.doubt);
  const apart = (side_px * SUBPIXELS) / 8;
  const kept: DoubtfulPlace[] = [];
  for (const place of peaks) {
    if (kept.length === MAX_PLACES) break;
    if (kept.every((k) => Math.hypot(k.at[0] - place.at[0], k.at[1] - place.at[1]) >= apart)) kept.push(place);
  }
  return kept;
}
