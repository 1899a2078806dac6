/** What lies under the pointer. */

import { type Draft, type Feature, featuresOf } from "./draft";
import { cachedBox, locate, type Point, type Rings } from "./geometry";

/** The feature that covers a point; on a shared edge, the newest. */
export function featureAt(draft: Draft, point: Point): Feature | null {
  const [x, y] = point;
  for (const feature of featuresOf(draft).reverse()) {
    const box = cachedBox(feature.rings);
    if (x < box.minX || x > box.maxX || y < box.minY || y > box.maxY) continue;
    if (locate(point, feature.rings) >= 0) return feature;
  }
  return null;
}

export interface EdgeHit {
  readonly a: Point;
  readonly b: Point;
  /** The point of the edge nearest to the pointer, on the grid. */
  readonly at: Point;
}

function distance2(a: Point, b: Point): number {
  return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2;
}

/** The vertex nearest to a point within `reach` units. */
export function vertexNear(shapes: Iterable<Rings>, point: Point, reach: number): Point | null {
  let best: Point | null = null;
  let bestDistance = reach * reach;
  for (const rings of shapes) {
    if (!isNearBox(rings, point, reach)) continue;
    for (const ring of rings) {
      for (const vertex of ring) {
        const d = distance2(vertex, point);
        if (d <= bestDistance) {
          best = vertex;
          bestDistance = d;
        }
      }
    }
  }
  return best;
}

/** The edge nearest to a point within `reach` units. */
export function edgeNear(shapes: Iterable<Rings>, point: Point, reach: number): EdgeHit | null {
  let best: EdgeHit | null = null;
  let bestDistance = reach * reach;
  for (const rings of shapes) {
    if (!isNearBox(rings, point, reach)) continue;
    for (const ring of rings) {
      let a = ring[ring.length - 1] as Point;
      for (const b of ring) {
        const length2 = distance2(a, b);
        const along = (point[0] - a[0]) * (b[0] - a[0]) + (point[1] - a[1]) * (b[1] - a[1]);
        const t = length2 === 0 ? 0 : Math.max(0, Math.min(1, along / length2));
        const nearest: Point = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
        const d = distance2(nearest, point);
        if (d <= bestDistance) {
          best = { a, b, at: [Math.round(nearest[0]), Math.round(nearest[1])] };
          bestDistance = d;
        }
        a = b;
      }
    }
  }
  return best;
}

function isNearBox(rings: Rings, [x, y]: Point, reach: number): boolean {
  const box = cachedBox(rings);
  return x >= box.minX - reach && x <= box.maxX + reach && y >= box.minY - reach && y <= box.maxY + reach;
}

/**
 * Where a click means to be: the nearest vertex within reach, else the nearest edge or side of the tile, else the
 * point itself, rounded to the grid.
 */
export function snap(shapes: readonly Rings[], point: Point, reach: number, side: number): Point {
  const onTile = (v: number): number => (v < reach ? 0 : v > side - reach ? side : Math.round(v));
  const vertex = vertexNear(shapes, point, reach);
  if (vertex) return vertex;
  const edge = edgeNear(shapes, point, reach);
  if (edge) return edge.at;
  const [x, y] = point;
  const isAround = x >= -reach && y >= -reach && x <= side + reach && y <= side + reach;
  return isAround ? [onTile(x), onTile(y)] : [Math.round(x), Math.round(y)];
}
