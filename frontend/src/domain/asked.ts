/** Parts of the tile that its labels are asked for: how far each is labelled, and what is left to do. */

import { bareGround, inside, united } from "./coverage";
import { type Draft, newFeatureId } from "./draft";
import { gapsOf } from "./gaps";
import { type Box, boxesMeet, cachedBox, doubleArea, doubleSignedArea, locate, type Point, type Ring, type Rings, SUBPIXELS } from "./geometry";

/** A part as the server asks for it, in pixels of the tile. */
export type AskedWindow = readonly [col: number, row: number, width: number, height: number];

export interface AskedPart {
  /** From 1, the most wanted first. */
  readonly number: number;
  /** In units. */
  readonly box: Box;
  /** Labelled share of its ground, 0 to 1. */
  readonly share: number;
  readonly state: "empty" | "begun" | "done";
}

/** A part with hardly a label is as good as forgotten; one with nearly all of its ground is done: a verge or a shadow that
 * nobody can name need not be labelled. */
const EMPTY_BELOW = 0.02;
const DONE_FROM = 0.9;

function boxOfWindow([col, row, width, height]: AskedWindow): Box {
  return { minX: col * SUBPIXELS, minY: row * SUBPIXELS, maxX: (col + width) * SUBPIXELS, maxY: (row + height) * SUBPIXELS };
}

export function ringOf({ minX, minY, maxX, maxY }: Box): Ring {
  return [[minX, minY], [maxX, minY], [maxX, maxY], [minX, maxY]];
}

export function middleOf({ minX, minY, maxX, maxY }: Box): Point {
  return [(minX + maxX) / 2, (minY + maxY) / 2];
}

/** A ring cut to a box, off the grid where it is cut. Where it leaves the box twice it may run along the border and back,
 * which bounds no ground (Sutherland and Hodgman 1974): good for an area, not for a shape. */
function clipped(ring: Ring, box: Box): Ring {
  let points: Ring = ring;
  for (const [axis, limit, sign] of [[0, box.minX, 1], [0, box.maxX, -1], [1, box.minY, 1], [1, box.maxY, -1]] as const) {
    const inside = (p: Point): boolean => sign * (p[axis] - limit) >= 0;
    const kept: Point[] = [];
    let a = points[points.length - 1];
    for (const b of points) {
      if (a && inside(a) !== inside(b)) {
        const t = (limit - a[axis]) / (b[axis] - a[axis]);
        kept.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
      }
      if (inside(b)) kept.push(b);
      a = b;
    }
    points = kept;
  }
  return points;
}

/** Twice the area that a polygon has of a box. */
function doubledWithin(rings: Rings, box: Box): number {
  const own = cachedBox(rings);
  if (!boxesMeet(own, box)) return 0;
  if (own.minX >= box.minX && own.minY >= box.minY && own.maxX <= box.maxX && own.maxY <= box.maxY) return doubleArea(rings);
  return rings.reduce((sum, ring, i) => sum + (i === 0 ? 1 : -1) * Math.abs(doubleSignedArea(clipped(ring, box))), 0);
}

function stateOf(share: number): AskedPart["state"] {
  if (share < EMPTY_BELOW) return "empty";
  return share < DONE_FROM ? "begun" : "done";
}

const known = new WeakMap<Draft, { readonly windows: readonly AskedWindow[]; readonly parts: readonly AskedPart[] }>();

/** The parts asked for and how far each is labelled, counted once for each draft. */
export function askedParts(draft: Draft, windows: readonly AskedWindow[]): readonly AskedPart[] {
  const found = known.get(draft);
  if (found?.windows === windows) return found.parts;
  const parts = windows.map((window, i): AskedPart => {
    const box = boxOfWindow(window);
    let doubled = 0;
    for (const { rings } of draft.features.values()) doubled += doubledWithin(rings, box);
    const share = doubled / doubleArea([ringOf(box)]);
    return { number: i + 1, box, share, state: stateOf(share) };
  });
  known.set(draft, { windows, parts });
  return parts;
}

/** Of some shapes, what they have of the parts asked for, cut on the grid; all of them where the whole tile is asked for. A
 * shape of several pieces becomes several shapes, the largest of which keeps its id. */
export function cutToAsked<T extends { readonly id: string; readonly rings: Rings }>(shapes: readonly T[], windows: readonly AskedWindow[]): readonly T[] {
  if (windows.length === 0) return shapes;
  const boxes = windows.map(boxOfWindow);
  const near = shapes.filter(({ rings }) => boxes.some((box) => boxesMeet(cachedBox(rings), box)));
  const side = Math.max(...boxes.flatMap(({ maxX, maxY }) => [maxX, maxY]));
  const pieces = inside(united(boxes.map((box) => [ringOf(box)]), side), near.map(({ rings }) => rings));
  return near.flatMap((shape, i) => (pieces[i] ?? []).map((rings, nth) => ({ ...shape, id: nth === 0 ? shape.id : newFeatureId(), rings })));
}

/** The most wanted part that is not done, of those after the part `last` was gone to; from the first again at the end. */
export function nextPart(parts: readonly AskedPart[], last = 0): AskedPart | null {
  const left = parts.filter(({ state }) => state !== "done");
  return left.find(({ number }) => number > last) ?? left[0] ?? null;
}

/** Labelled share of all the ground asked for, 0 to 1. */
export function askedShare(parts: readonly AskedPart[]): number {
  const areas = parts.map(({ box }) => (box.maxX - box.minX) * (box.maxY - box.minY));
  const all = areas.reduce((sum, area) => sum + area, 0);
  return all === 0 ? 0 : parts.reduce((sum, { share }, i) => sum + share * (areas[i] as number), 0) / all;
}

/** The part that a place lies in; null where nothing is asked for. */
export function partAt(parts: readonly AskedPart[], [x, y]: Point): AskedPart | null {
  return parts.find(({ box }) => x >= box.minX && x < box.maxX && y >= box.minY && y < box.maxY) ?? null;
}

export interface AskedGap {
  readonly rings: Rings;
  /** Twice its area, in units. */
  readonly doubled: number;
}

const bare = new WeakMap<Draft, { readonly windows: readonly AskedWindow[]; readonly gaps: readonly AskedGap[] }>();

/** Ground in the parts asked for that has no label, in connected pieces, found once for each draft: those of the most wanted
 * part first, the largest piece of each first. A piece may go on into a part beside it. */
export function askedGaps(draft: Draft, windows: readonly AskedWindow[]): readonly AskedGap[] {
  const found = bare.get(draft);
  if (found?.windows === windows) return found.gaps;
  const boxes = windows.map(boxOfWindow);
  const partOf = (rings: Rings): number => boxes.findIndex((box) => doubledWithin(rings, box) > 0);
  const gaps = bareGround(draft, boxes.map((box) => [ringOf(box)]))
    .map((rings) => ({ rings, doubled: doubleArea(rings), part: partOf(rings) }))
    .sort((a, b) => a.part - b.part || b.doubled - a.doubled);
  bare.set(draft, { windows, gaps });
  return gaps;
}

function around(at: Point, grounds: readonly Rings[]): Rings | null {
  return grounds.find((rings) => locate(at, rings) === 1) ?? grounds.find((rings) => locate(at, rings) === 0) ?? null;
}

/**
 * The unlabelled ground that is meant by a place: in a part asked for, what the parts have of it; elsewhere all of it, up to
 * the shapes around. Null where the ground is labelled.
 */
export function gapAt(draft: Draft, at: Point, windows: readonly AskedWindow[]): Rings | null {
  const [x, y] = at;
  const asked = around(at, windows.length > 0 ? askedGaps(draft, windows).map(({ rings }) => rings) : []);
  const isAsked = windows.map(boxOfWindow).some(({ minX, minY, maxX, maxY }) => x > minX && y > minY && x < maxX && y < maxY);
  return asked ?? (isAsked ? null : around(at, gapsOf(draft)));
}

/** The tile's ground that is not asked for, as boxes that meet at their edges. */
export function notAsked(parts: readonly AskedPart[], side: number): readonly Box[] {
  if (parts.length === 0) return [];
  const cuts = (from: "minX" | "minY", to: "maxX" | "maxY"): number[] =>
    [...new Set([0, side, ...parts.flatMap(({ box }) => [box[from], box[to]])])].filter((v) => v >= 0 && v <= side).sort((a, b) => a - b);
  const [xs, ys] = [cuts("minX", "maxX"), cuts("minY", "maxY")];
  const boxes: Box[] = [];
  ys.slice(0, -1).forEach((minY, j) => {
    const maxY = ys[j + 1] as number;
    let open: Box | null = null;
    xs.slice(0, -1).forEach((minX, i) => {
      const maxX = xs[i + 1] as number;
      const isAsked = partAt(parts, [minX, minY]) !== null;
      if (open && !isAsked) open = { ...open, maxX };
      else if (!isAsked) open = { minX, minY, maxX, maxY };
      if (open && (isAsked || i === xs.length - 2)) {
        boxes.push(open);
        open = null;
      }
    });
  });
  return boxes;
}
