import { layAgain } from "../coverage";
import { type Action, edited, type Feature } from "../draft";
import { cross, type Point, type Ring, samePoint } from "../geometry";
import { passingThrough } from "../shared";

type Moves = readonly (readonly [from: Point, to: Point])[];

/** Where a vertex goes: one on a side of the tile stays on that side, and none leaves the tile. */
function movedBy([x, y]: Point, [dx, dy]: Point, side: number): Point {
  const along = (v: number, d: number): number =>
    v === 0 || v === side ? v : Math.min(Math.max(Math.round(v + d), 0), side);
  return [along(x, dx), along(y, dy)];
}

/** How far p lies along the segment ab when it is on it, its ends apart; else null. */
function placeOn(p: Point, a: Point, b: Point): number | null {
  if (cross(a, b, p) !== 0) return null;
  const along = (p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1]);
  return along > 0 && along < (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2 ? along : null;
}

/** The ring with vertices moved, all at once; an edge that ran through one is bent. */
function movedRing(ring: Ring, moves: Moves): Ring {
  return ring.flatMap((a, i) => {
    const b = ring[(i + 1) % ring.length] as Point;
    const start = moves.find(([from]) => samePoint(from, a))?.[1] ?? a;
    const between = moves.flatMap(([from, to]) => {
      const place = placeOn(from, a, b);
      return place === null ? [] : [{ place, to }];
    });
    return [start, ...between.sort((p, q) => p.place - q.place).map(({ to }) => to)];
  });
}

/**
 * Moves the edge ab by so much, in every shape that has one of its ends: neighbours stay neighbours. The shape `id` is
 * laid last, so it wins where the move makes shapes meet.
 */
export function moveEdge(id: string, a: Point, b: Point, by: Point): Action {
  return (draft) => {
    const moves = [a, b]
      .map((p) => [p, movedBy(p, by, draft.side)] as const)
      .filter(([from, to]) => !samePoint(from, to));
    const concerned = new Map(moves.flatMap(([from]) => passingThrough(draft, from)).map((f) => [f.id, f]));
    const last = concerned.get(id);
    if (!last) return draft;
    concerned.delete(id);
    const changed = [...concerned.values(), last].map((f): Feature => {
      return { ...edited(f), rings: f.rings.map((ring) => movedRing(ring, moves)) };
    });
    return layAgain(draft, changed);
  };
}
