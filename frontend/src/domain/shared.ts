/** Vertices and edges that several shapes have in common. */

import { type Draft, edited, type Feature, featuresOf } from "./draft";
import { cachedBox, cross, type Point, type Ring, samePoint } from "./geometry";

function holds(feature: Feature, [x, y]: Point): boolean {
  const box = cachedBox(feature.rings);
  return box.minX <= x && x <= box.maxX && box.minY <= y && y <= box.maxY;
}

/** Whether p lies on the segment ab, ends apart. */
export function liesWithin(p: Point, a: Point, b: Point): boolean {
  if (cross(a, b, p) !== 0 || samePoint(p, a) || samePoint(p, b)) return false;
  return (p[0] - a[0]) * (p[0] - b[0]) <= 0 && (p[1] - a[1]) * (p[1] - b[1]) <= 0;
}

function mapEdges(ring: Ring, emit: (a: Point, b: Point) => Point[]): Ring {
  return ring.flatMap((a, i) => emit(a, ring[(i + 1) % ring.length] as Point));
}

/** Shapes with a vertex at p, or with an edge through it. */
export function passingThrough(draft: Draft, p: Point): Feature[] {
  return featuresOf(draft).filter(
    (f) =>
      holds(f, p) &&
      f.rings.some((ring) =>
        ring.some((a, i) => samePoint(a, p) || liesWithin(p, a, ring[(i + 1) % ring.length] as Point)),
      ),
  );
}

/** Shapes with the edge ab, whole or as a part of a longer one. */
export function sharingEdge(draft: Draft, a: Point, b: Point): Feature[] {
  const runs = (p: Point, c: Point, d: Point): boolean => samePoint(p, c) || samePoint(p, d) || liesWithin(p, c, d);
  return featuresOf(draft).filter(
    (f) =>
      holds(f, a) &&
      holds(f, b) &&
      f.rings.some((ring) =>
        ring.some((c, i) => {
          const d = ring[(i + 1) % ring.length] as Point;
          return runs(a, c, d) && runs(b, c, d);
        }),
      ),
  );
}

/** The feature with the vertex `from` brought to `to`; an edge that ran through it is bent. */
export function moved(feature: Feature, from: Point, to: Point): Feature {
  const rings = feature.rings.map((ring) =>
    mapEdges(ring, (a, b) => {
      const start = samePoint(a, from) ? to : a;
      return liesWithin(from, a, b) ? [start, to] : [start];
    }),
  );
  return { ...edited(feature), rings };
}

/** The feature with its edge ab bent through `at`. */
export function bent(feature: Feature, a: Point, b: Point, at: Point): Feature {
  const rings = feature.rings.map((ring) =>
    mapEdges(ring, (c, d) => {
      const on = (p: Point): boolean => samePoint(p, c) || samePoint(p, d) || liesWithin(p, c, d);
      if (!on(a) || !on(b)) return [c];
      const forward = (b[0] - a[0]) * (d[0] - c[0]) + (b[1] - a[1]) * (d[1] - c[1]) > 0;
      const [first, second] = forward ? [a, b] : [b, a];
      return [c, ...(samePoint(first, c) ? [] : [first]), at, ...(samePoint(second, d) ? [] : [second])];
    }),
  );
  return { ...edited(feature), rings };
}

/** The feature without its vertex at `at`, or itself when it has none or its outline has no vertex to spare. */
export function without(feature: Feature, at: Point): Feature {
  const rings = feature.rings.map((ring) => ring.filter((p) => !samePoint(p, at)));
  const exterior = rings[0];
  const same = rings.every((ring, i) => ring.length === feature.rings[i]?.length);
  if (same || !exterior || exterior.length < 3) return feature;
  return { ...edited(feature), rings: rings.filter((ring) => ring.length >= 3) };
}
