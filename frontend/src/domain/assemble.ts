/**
 * From boundary edges to polygons whose inside is connected.
 *
 * A polygon boolean may return holes that touch one another in a circle: what they enclose is then another polygon,
 * and the two together are no valid one. Walking the boundary face by face tells them apart.
 */

import { cross, doubleArea, doubleSignedArea, locate, type Point, type Ring, type Rings, samePoint } from "./geometry";

interface Edge {
  readonly from: Point;
  readonly to: Point;
  used: boolean;
}

const keyOf = ([x, y]: Point): string => `${x},${y}`;

/** Edges with the inside on their left (y up), cut wherever a vertex lies on them. */
function boundary(rings: Rings): Edge[] {
  const vertices = rings.flat();
  return rings.flatMap((ring, i) => {
    const counted = doubleSignedArea(ring) > 0 === (i === 0) ? ring : [...ring].reverse();
    return counted.flatMap((from, j) => {
      const to = counted[(j + 1) % counted.length] as Point;
      const along = (p: Point): number => (p[0] - from[0]) * (to[0] - from[0]) + (p[1] - from[1]) * (to[1] - from[1]);
      const on = vertices
        .filter((p) => cross(from, to, p) === 0 && along(p) > 0 && along(p) < along(to))
        .sort((p, q) => along(p) - along(q));
      const stops = [from, ...on, to];
      return stops
        .slice(1)
        .map((p, k): Edge => ({ from: stops[k] as Point, to: p, used: false }))
        .filter((edge) => !samePoint(edge.from, edge.to));
    });
  });
}

/** Half of the turn (0 or 1) that the direction u lies in, counted from the direction w; w itself counts last. */
function half(w: Point, u: Point): number {
  const side = w[0] * u[1] - w[1] * u[0];
  return side > 0 ? 1 : side < 0 ? 0 : w[0] * u[0] + w[1] * u[1] > 0 ? 2 : 1;
}

/** Of the edges leaving a vertex, the first met turning clockwise from where one came: it bounds the same face. */
function nextEdge(came: Edge, leaving: readonly Edge[]): Edge | undefined {
  const back: Point = [came.from[0] - came.to[0], came.from[1] - came.to[1]];
  const direction = (e: Edge): Point => [e.to[0] - e.from[0], e.to[1] - e.from[1]];
  let best: Edge | undefined;
  for (const edge of leaving) {
    if (edge.used) continue;
    if (!best) {
      best = edge;
      continue;
    }
    const [u, v] = [direction(edge), direction(best)];
    const [hu, hv] = [half(back, u), half(back, v)];
    if (hu < hv || (hu === hv && u[0] * v[1] - u[1] * v[0] > 0)) best = edge;
  }
  return best;
}

/** Closed walks around faces, cut at the vertices they pass twice. */
function loops(edges: readonly Edge[]): Ring[] {
  const leaving = new Map<string, Edge[]>();
  for (const edge of edges) leaving.set(keyOf(edge.from), [...(leaving.get(keyOf(edge.from)) ?? []), edge]);
  const found: Ring[] = [];
  for (const start of edges) {
    if (start.used) continue;
    const stack: Point[] = [];
    let edge: Edge | undefined = start;
    while (edge) {
      edge.used = true;
      const from: Point = edge.from;
      const seen = stack.findIndex((p) => samePoint(p, from));
      if (seen >= 0) found.push(stack.splice(seen));
      stack.push(from);
      edge = samePoint(edge.to, start.from) && stack.length > 0 && closes(edge, start, leaving)
        ? undefined
        : nextEdge(edge, leaving.get(keyOf(edge.to)) ?? []);
    }
    found.push(stack);
  }
  return found.filter((ring) => ring.length >= 3 && doubleSignedArea(ring) !== 0);
}

/** Whether the walk that arrives by `last` goes on by `start`: then its face is closed. */
function closes(last: Edge, start: Edge, leaving: ReadonlyMap<string, readonly Edge[]>): boolean {
  const open = (leaving.get(keyOf(last.to)) ?? []).filter((edge) => !edge.used);
  return nextEdge(last, [...open, { ...start, used: false }])?.to === start.to;
}

/** Drops vertices in line with their neighbours, save where another ring touches: a touch without a vertex of both
 * rings misleads some readers' overlap tests (GEOS 3.14 among them). */
function withoutInline(ring: Ring, others: readonly Ring[]): Ring {
  const touched = new Set(others.filter((other) => other !== ring).flatMap((other) => other.map(keyOf)));
  return ring.filter((p, i) => {
    if (touched.has(keyOf(p))) return true;
    const before = ring[(i + ring.length - 1) % ring.length] as Point;
    const after = ring[(i + 1) % ring.length] as Point;
    return cross(before, p, after) !== 0;
  });
}

/** The same ground as polygons that are each connected. */
export function assemble(rings: Rings): Rings[] {
  if (rings.length < 3 && !touches(rings)) return [rings];
  const all = loops(boundary(rings));
  const exteriors = all.filter((ring) => doubleSignedArea(ring) > 0).sort((a, b) => doubleArea([a]) - doubleArea([b]));
  const polygons = exteriors.map((ring): Ring[] => [ring]);
  for (const hole of all.filter((ring) => doubleSignedArea(ring) < 0)) {
    const [a, b] = [hole[0] as Point, hole[1] as Point];
    const middle: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    const holder = polygons.find((polygon) => locate(middle, [polygon[0] as Ring]) === 1);
    if (holder) holder.push(hole);
  }
  return polygons.map((polygon) => polygon.map((ring) => withoutInline(ring, polygon)));
}

/** Whether a polygon's only hole touches its outline. */
function touches([exterior, hole]: Rings): boolean {
  if (!exterior || !hole) return false;
  return hole.some((p) => locate(p, [exterior]) === 0) || exterior.some((p) => locate(p, [hole]) === 0);
}
