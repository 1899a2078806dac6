import {
  boxesMeet,
  boxOf,
  cachedBox,
  cross,
  crossesProperly,
  doubleSignedArea,
  locate,
  type Point,
  type Rings,
  samePoint,
} from "./geometry";

type Edge = readonly [from: Point, to: Point];

/** Edges with the inside on one hand, whatever way the rings were drawn. */
function directedEdges(rings: Rings): Edge[] {
  return rings.flatMap((ring, i) => {
    const forward = doubleSignedArea(ring) > 0 === (i === 0);
    return ring.map((a, j): Edge => {
      const b = ring[(j + 1) % ring.length] as Point;
      return forward ? [a, b] : [b, a];
    });
  });
}

/** The edge in parts, cut at every given point that lies on it. */
function cutAt([from, to]: Edge, points: readonly Point[]): Edge[] {
  const span = (p: Point): number => (p[0] - from[0]) * (to[0] - from[0]) + (p[1] - from[1]) * (to[1] - from[1]);
  const length2 = span(to);
  const on = points
    .filter((p) => cross(from, to, p) === 0 && span(p) > 0 && span(p) < length2)
    .sort((p, q) => span(p) - span(q));
  const stops = [from, ...on, to];
  return stops
    .slice(1)
    .map((p, i): Edge => [stops[i] as Point, p])
    .filter(([p, q]) => !samePoint(p, q));
}

/** Whether two valid polygons share ground; touching is not sharing. Exact. */
export function overlaps(a: Rings, b: Rings): boolean {
  const [boxA, boxB] = [cachedBox(a), cachedBox(b)];
  if (!boxesMeet(boxA, boxB)) return false;
  const close = (edge: Edge): boolean => {
    const box = boxOf([edge]);
    return boxesMeet(box, boxA) && boxesMeet(box, boxB);
  };
  const edgesA = directedEdges(a).filter(close);
  const edgesB = directedEdges(b).filter(close);
  if (edgesA.some(([p, q]) => edgesB.some(([r, s]) => crossesProperly(p, q, r, s)))) return true;
  const endsA = edgesA.flat();
  const endsB = edgesB.flat();
  const partsA = edgesA.flatMap((edge) => cutAt(edge, endsB));
  const partsB = edgesB.flatMap((edge) => cutAt(edge, endsA));
  const isWithin = ([p, q]: Edge, rings: Rings): boolean =>
    locate([(p[0] + q[0]) / 2, (p[1] + q[1]) / 2], rings) === 1;
  if (partsA.some((edge) => isWithin(edge, b)) || partsB.some((edge) => isWithin(edge, a))) return true;
  const key = ([p, q]: Edge): string => `${p}:${q}`;
  const sameWay = new Set(partsB.map(key));
  return partsA.some((edge) => sameWay.has(key(edge)));
}
