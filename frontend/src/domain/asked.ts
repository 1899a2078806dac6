/** Parts of the tile that its labels are asked for: how far each is labelled, and what is left to do. */

import type { Draft } from "./draft";
import { gapsOf } from "./gaps";
import { type Box, boxesMeet, cachedBox, doubleArea, doubleSignedArea, type Point, type Ring, type Rings, SUBPIXELS } from "./geometry";

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
 * which bounds no ground (Sutherland and Hodgman 1974). */
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

/** What a polygon has of a box: its rings there, and twice their area. */
function within(rings: Rings, box: Box): { readonly rings: Rings; readonly doubled: number } {
  const own = cachedBox(rings);
  if (!boxesMeet(own, box)) return { rings: [], doubled: 0 };
  if (own.minX >= box.minX && own.minY >= box.minY && own.maxX <= box.maxX && own.maxY <= box.maxY) return { rings, doubled: doubleArea(rings) };
  const cut = rings.map((ring) => clipped(ring, box));
  const doubled = cut.reduce((sum, ring, i) => sum + (i === 0 ? 1 : -1) * Math.abs(doubleSignedArea(ring)), 0);
  return { rings: cut.filter((ring) => ring.length >= 3), doubled };
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
    for (const { rings } of draft.features.values()) doubled += within(rings, box).doubled;
    const share = doubled / doubleArea([ringOf(box)]);
    return { number: i + 1, box, share, state: stateOf(share) };
  });
  known.set(draft, { windows, parts });
  return parts;
}

/** Of some shapes, those that have ground in a part; all of them where the whole tile is asked for. */
export function meeting<T extends { readonly rings: Rings }>(shapes: readonly T[], windows: readonly AskedWindow[]): readonly T[] {
  if (windows.length === 0) return shapes;
  const boxes = windows.map(boxOfWindow);
  return shapes.filter(({ rings }) => boxes.some((box) => within(rings, box).doubled > 0));
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

/** Ground in the parts asked for that has no label, part by part, the largest piece of each first. */
export function askedGaps(draft: Draft, parts: readonly AskedPart[]): readonly AskedGap[] {
  return parts.flatMap(({ box }) =>
    gapsOf(draft).map((gap) => within(gap, box)).filter(({ doubled }) => doubled > 0).sort((a, b) => b.doubled - a.doubled));
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
