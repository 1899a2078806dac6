/** Shapes as flat arrays: cheap to hand to a worker, and quick to draw from. */

import type { Box, Ring, Rings } from "../../domain/geometry";

/** What a sheet shows: a label or a suggestion. */
export interface Shape {
  readonly id: string;
  readonly class_code: string;
  readonly rings: Rings;
  readonly confidence?: number | null;
}

/** Many shapes in few arrays. Exteriors turn one way and holes the other. */
export interface Packed {
  readonly ids: readonly string[];
  readonly codes: readonly string[];
  readonly confidences: readonly (number | null)[];
  /** Rings of each shape, points of each ring, then x, y, x, y… */
  readonly rings: Int32Array;
  readonly points: Int32Array;
  readonly coordinates: Int32Array;
}

/** One shape drawn from its place in the arrays. */
export interface FlatShape extends Box {
  readonly id: string;
  readonly code: string;
  readonly confidence: number | null;
  readonly rings: readonly Int32Array[];
}

function isPositive(ring: Ring): boolean {
  let sum = 0;
  let [px, py] = ring[ring.length - 1] ?? [0, 0];
  for (const [x, y] of ring) {
    sum += px * y - x * py;
    px = x;
    py = y;
  }
  return sum > 0;
}

export function pack(shapes: readonly Shape[]): Packed {
  const rings = new Int32Array(shapes.length);
  const points: number[] = [];
  let total = 0;
  shapes.forEach((shape, i) => {
    rings[i] = shape.rings.length;
    for (const ring of shape.rings) {
      points.push(ring.length);
      total += ring.length;
    }
  });
  const coordinates = new Int32Array(2 * total);
  let at = 0;
  for (const shape of shapes) {
    shape.rings.forEach((ring, i) => {
      const keeps = isPositive(ring) === (i === 0);
      for (let k = 0; k < ring.length; k++) {
        const [x, y] = ring[keeps ? k : ring.length - 1 - k] as readonly [number, number];
        coordinates[at++] = x;
        coordinates[at++] = y;
      }
    });
  }
  return {
    ids: shapes.map((s) => s.id),
    codes: shapes.map((s) => s.class_code),
    confidences: shapes.map((s) => s.confidence ?? null),
    rings,
    points: Int32Array.from(points),
    coordinates,
  };
}

function boxOfRing(ring: Int32Array | undefined): Box {
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let k = 0; ring && k < ring.length; k += 2) {
    const [x, y] = [ring[k] as number, ring[k + 1] as number];
    if (x < minX) minX = x;
    if (x > maxX) maxX = x;
    if (y < minY) minY = y;
    if (y > maxY) maxY = y;
  }
  return { minX, minY, maxX, maxY };
}

export function unpack(packed: Packed): FlatShape[] {
  let ring = 0;
  let at = 0;
  return packed.ids.map((id, i) => {
    const rings: Int32Array[] = [];
    for (let k = 0; k < (packed.rings[i] ?? 0); k++) {
      const end = at + 2 * (packed.points[ring++] ?? 0);
      rings.push(packed.coordinates.subarray(at, end));
      at = end;
    }
    return { id, code: packed.codes[i] ?? "", confidence: packed.confidences[i] ?? null, rings, ...boxOfRing(rings[0]) };
  });
}

/** A shape's rings as the rules of drawing write them. */
export function ringsOf(shape: FlatShape): Rings {
  return shape.rings.map((ring) => {
    const points: [number, number][] = [];
    for (let k = 0; k < ring.length; k += 2) points.push([ring[k] as number, ring[k + 1] as number]);
    return points;
  });
}

export interface Change<T> {
  readonly removed: readonly string[];
  readonly added: readonly T[];
  /** Ground that looks different, before or after. */
  readonly places: readonly Rings[];
}

/** What differs between two lists; a shape is the same when it is the same object. */
export function changeBetween<T extends Shape>(before: ReadonlyMap<string, T>, after: readonly T[]): Change<T> {
  const removed: string[] = [];
  const added: T[] = [];
  const places: Rings[] = [];
  const kept = new Set<string>();
  for (const shape of after) {
    kept.add(shape.id);
    const old = before.get(shape.id);
    if (old === shape) continue;
    if (old && old.rings === shape.rings && old.class_code === shape.class_code && old.confidence === shape.confidence) continue;
    if (old) {
      removed.push(old.id);
      places.push(old.rings);
    }
    added.push(shape);
    places.push(shape.rings);
  }
  for (const [id, shape] of before) {
    if (kept.has(id)) continue;
    removed.push(id);
    places.push(shape.rings);
  }
  return { removed, added, places };
}
