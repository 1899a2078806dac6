/**
 * Points, rings and exact predicates on the tile's subpixel grid.
 *
 * A coordinate is an integer number of units, 8 to an image pixel, x right and y down. A tile side stays below 2^15
 * units, so every cross product is below 2^32 and exact in a double.
 */

export type Point = readonly [x: number, y: number];
/** Not closed by repetition, three points or more. */
export type Ring = readonly Point[];
/** One exterior, then its holes. */
export type Rings = readonly Ring[];

export const SUBPIXELS = 8;

export interface Box {
  readonly minX: number;
  readonly minY: number;
  readonly maxX: number;
  readonly maxY: number;
}

/** Twice the signed area of the triangle o, a, b; zero exactly when the three are in line. */
export function cross(o: Point, a: Point, b: Point): number {
  return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
}

export function samePoint(a: Point, b: Point): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** Twice the signed area of a ring, an exact integer. */
export function doubleSignedArea(ring: Ring): number {
  let sum = 0;
  let previous = ring[ring.length - 1];
  for (const point of ring) {
    if (previous) sum += previous[0] * point[1] - point[0] * previous[1];
    previous = point;
  }
  return sum;
}

/** Twice the area of a polygon, holes taken out, in square units: exact. */
export function doubleArea(rings: Rings): number {
  return rings.reduce((sum, ring, i) => sum + (i === 0 ? 1 : -1) * Math.abs(doubleSignedArea(ring)), 0);
}

export function boxOf(rings: Rings): Box {
  let minX = Infinity;
  let minY = Infinity;
  let maxX = -Infinity;
  let maxY = -Infinity;
  for (const ring of rings) {
    for (const [x, y] of ring) {
      if (x < minX) minX = x;
      if (x > maxX) maxX = x;
      if (y < minY) minY = y;
      if (y > maxY) maxY = y;
    }
  }
  return { minX, minY, maxX, maxY };
}

/** Whether two boxes share a point, once the first is grown by `margin`. */
export function boxesMeet(a: Box, b: Box, margin = 0): boolean {
  return (
    a.minX - margin <= b.maxX && a.maxX + margin >= b.minX && a.minY - margin <= b.maxY && a.maxY + margin >= b.minY
  );
}

const boxes = new WeakMap<Rings, Box>();

/** The box of rings that never change, computed once. */
export function cachedBox(rings: Rings): Box {
  let box = boxes.get(rings);
  if (!box) {
    box = boxOf(rings);
    boxes.set(rings, box);
  }
  return box;
}

/** Where a point lies: 1 inside, 0 on the boundary, -1 outside. Exact for integers and halves. */
export function locate(point: Point, rings: Rings): 1 | 0 | -1 {
  let inside = false;
  const [x, y] = point;
  for (const ring of rings) {
    let a = ring[ring.length - 1];
    for (const b of ring) {
      if (a) {
        const onSpanX = Math.min(a[0], b[0]) <= x && x <= Math.max(a[0], b[0]);
        const onSpanY = Math.min(a[1], b[1]) <= y && y <= Math.max(a[1], b[1]);
        const side = onSpanY ? cross(a, b, point) : 1;
        if (side === 0 && onSpanX && onSpanY) return 0;
        if (a[1] > y !== b[1] > y && side > 0 === b[1] > a[1]) inside = !inside;
      }
      a = b;
    }
  }
  return inside ? 1 : -1;
}

/** Whether the open segments ab and cd cross at one point interior to both. */
export function crossesProperly(a: Point, b: Point, c: Point, d: Point): boolean {
  const d1 = cross(a, b, c);
  const d2 = cross(a, b, d);
  if (d1 === 0 || d2 === 0 || d1 > 0 === d2 > 0) return false;
  const d3 = cross(c, d, a);
  const d4 = cross(c, d, b);
  return d3 !== 0 && d4 !== 0 && d3 > 0 !== d4 > 0;
}

/** The grid point nearest to where two properly crossing segments meet. */
export function roundedCrossing(a: Point, b: Point, c: Point, d: Point): Point {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const denominator = dx * (d[1] - c[1]) - dy * (d[0] - c[0]);
  const numerator = (c[0] - a[0]) * (d[1] - c[1]) - (c[1] - a[1]) * (d[0] - c[0]);
  return [
    Math.round((a[0] * denominator + numerator * dx) / denominator),
    Math.round((a[1] * denominator + numerator * dy) / denominator),
  ];
}

/** Whether p lies within half a unit of the open segment ab, its ends apart. */
export function isNearSegment(p: Point, a: Point, b: Point): boolean {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const px = p[0] - a[0];
  const py = p[1] - a[1];
  const along = px * dx + py * dy;
  const length2 = dx * dx + dy * dy;
  if (along <= 0 || along >= length2) return false;
  const side = dx * py - dy * px;
  return 4 * side * side <= length2;
}

/** The same ring without repeated neighbours. */
export function withoutRepeats(ring: Ring): Ring {
  const kept = ring.filter((point, i) => {
    const next = ring[(i + 1) % ring.length];
    return ring.length === 1 || (next !== undefined && !samePoint(point, next));
  });
  return kept;
}

/**
 * A ring cut to the square 0…side, on the grid (Sutherland and Hodgman 1974). Where the ring leaves the square twice
 * the result may run along the border and back: `resolve` in coverage.ts cleans that.
 */
export function clipToSquare(ring: Ring, side: number): Ring {
  let points: Ring = ring;
  for (const axis of [0, 1] as const) {
    for (const [limit, sign] of [
      [0, 1],
      [side, -1],
    ] as const) {
      const inside = (p: Point): boolean => sign * (p[axis] - limit) >= 0;
      const kept: Point[] = [];
      let a = points[points.length - 1];
      for (const b of points) {
        if (a && inside(a) !== inside(b)) {
          const other = 1 - axis;
          const t = (limit - a[axis]) / (b[axis] - a[axis]);
          const at = Math.round((a[other] as number) + t * ((b[other] as number) - (a[other] as number)));
          kept.push(axis === 0 ? [limit, at] : [at, limit]);
        }
        if (inside(b)) kept.push(b);
        a = b;
      }
      points = kept;
    }
  }
  return withoutRepeats(points);
}
