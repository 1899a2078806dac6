/** Independent, exact checks of a coverage, without polygon booleans: orientations and ray casts on integers. */
import type { Feature } from "../../src/domain/draft";
import { cross, crossesProperly, doubleSignedArea, locate, type Point, type Ring, type Rings, samePoint } from "../../src/domain/geometry";

const doubled = (rings: Rings): Rings => rings.map((ring) => ring.map(([x, y]): Point => [2 * x, 2 * y]));

function edges(rings: Rings): [Point, Point][] {
  return rings.flatMap((ring) => ring.map((a, i): [Point, Point] => [a, ring[(i + 1) % ring.length] as Point]));
}

/** Exterior one way round, holes the other: the inside is always on the same hand. */
function oriented(rings: Rings): Rings {
  return rings.map((ring, i): Ring => (doubleSignedArea(ring) > 0 === (i === 0) ? ring : [...ring].reverse()));
}

function within(p: Point, a: Point, b: Point): boolean {
  return (
    !samePoint(p, a) &&
    !samePoint(p, b) &&
    cross(a, b, p) === 0 &&
    (p[0] - a[0]) * (p[0] - b[0]) <= 0 &&
    (p[1] - a[1]) * (p[1] - b[1]) <= 0
  );
}

/** Edges of `a` cut wherever a vertex of `b` lies on them. */
function cutEdges(a: Rings, b: Rings): [Point, Point][] {
  const vertices = b.flat();
  return edges(a).flatMap(([from, to]) => {
    const on = vertices
      .filter((p) => within(p, from, to))
      .sort((p, q) => Math.abs(p[0] - from[0]) + Math.abs(p[1] - from[1]) - Math.abs(q[0] - from[0]) - Math.abs(q[1] - from[1]));
    const stops = [from, ...on, to];
    return stops.slice(1).map((p, i): [Point, Point] => [stops[i] as Point, p]).filter(([p, q]) => !samePoint(p, q));
  });
}

const middle = ([a, b]: [Point, Point]): Point => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

function liesApart(first: Rings, second: Rings, axis: 0 | 1): boolean {
  const [a, b] = [first, second].map((rings) => rings.flat().map((p) => p[axis])) as [number[], number[]];
  return Math.max(...a) <= Math.min(...b) || Math.max(...b) <= Math.min(...a);
}

/** Whether two valid polygons share ground. Exact. */
export function shareGround(first: Rings, second: Rings): boolean {
  if (liesApart(first, second, 0) || liesApart(first, second, 1)) return false;
  const a = oriented(doubled(first));
  const b = oriented(doubled(second));
  const edgesB = edges(b);
  if (edges(a).some(([p, q]) => edgesB.some(([r, s]) => crossesProperly(p, q, r, s)))) return true;
  const cutA = cutEdges(a, b);
  const cutB = cutEdges(b, a);
  if (cutA.some((e) => locate(middle(e), b) === 1) || cutB.some((e) => locate(middle(e), a) === 1)) return true;
  const same = new Set(cutB.map(([p, q]) => `${p}:${q}`));
  return cutA.some(([p, q]) => same.has(`${p}:${q}`));
}

/** How far a place is from the outline of a shape, in units. */
export function toOutline([x, y]: Point, rings: Rings): number {
  return Math.min(...rings.flatMap((ring) => ring.map(([ax, ay], i) => {
    const [bx, by] = ring[(i + 1) % ring.length] as Point;
    const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2);
    const t = Math.min(1, Math.max(0, along));
    return Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay));
  })));
}

/** What is wrong with a polygon: crossing or touching edges, a repeated vertex, a hole outside. Null when it is valid. */
export function fault(rings: Rings): string | null {
  for (const ring of rings) {
    if (ring.length < 3) return "fewer than three vertices";
    if (ring.some((p) => !Number.isInteger(p[0]) || !Number.isInteger(p[1]))) return "not on the grid";
    if (new Set(ring.map(String)).size !== ring.length) return `a ring passes twice through a vertex: ${ring.join(" ")}`;
    const all = edges([ring]);
    if (all.some(([a, b]) => ring.some((p) => within(p, a, b)))) return `a ring touches itself: ${ring.join(" ")}`;
  }
  const all = edges(rings);
  for (const [i, [a, b]] of all.entries()) {
    for (const [c, d] of all.slice(i + 1)) if (crossesProperly(a, b, c, d)) return `edges cross: ${a} ${b} ${c} ${d}`;
  }
  const [exterior, ...holes] = rings;
  if (!exterior) return "no ring";
  for (const hole of holes) {
    if (hole.some((p) => locate(p, [exterior]) === -1)) return "a hole outside its outline";
    if (holes.some((other) => other !== hole && shareGround([hole], [other]))) return "holes share ground";
  }
  return null;
}

/** The first fault of a coverage, or null. `fresh`: the features to look at, where the others were looked at before. */
export function coverageFault(
  features: readonly Feature[],
  side: number,
  fresh: readonly Feature[] = features,
): string | null {
  for (const feature of fresh) {
    const own = fault(feature.rings);
    if (own) return `${feature.id}: ${own}`;
    if (feature.rings.flat().some(([x, y]) => x < 0 || y < 0 || x > side || y > side)) return `${feature.id} leaves the tile`;
    for (const other of features) {
      if (other !== feature && shareGround(feature.rings, other.rings)) return `${feature.id} and ${other.id} share ground`;
    }
  }
  return null;
}
