import type { Feature } from "../../domain/draft";
import { boxesMeet, cachedBox, type Point } from "../../domain/geometry";
import { MIN_MIDDLE_PX } from "../sketch-marks";

export interface EdgeHandle {
  readonly kind: "middle" | "edge";
  readonly id: string;
  readonly at: Point;
  readonly a: Point;
  readonly b: Point;
}

export type Handle = { readonly kind: "vertex"; readonly id: string; readonly at: Point } | EdgeHandle;

/** The handle of the shapes nearest to a point within `reach` units: a vertex before the middle of an edge. */
export function handleNear(
  shapes: readonly Feature[], [x, y]: Point, reach: number, units: (px: number) => number,
): Handle | null {
  const here = { minX: x, minY: y, maxX: x, maxY: y };
  const shortest = units(MIN_MIDDLE_PX);
  let vertex: Handle | null = null;
  let middle: Handle | null = null;
  let toVertex = reach;
  let toMiddle = reach;
  for (const { id, rings } of shapes) {
    if (!boxesMeet(cachedBox(rings), here, reach)) continue;
    for (const ring of rings) {
      let a = ring[ring.length - 1] as Point;
      for (const b of ring) {
        const away = Math.hypot(b[0] - x, b[1] - y);
        if (away < toVertex) [vertex, toVertex] = [{ kind: "vertex", id, at: b }, away];
        const at: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
        const aside = Math.hypot(at[0] - x, at[1] - y);
        if (aside < toMiddle && Math.hypot(b[0] - a[0], b[1] - a[1]) > shortest) {
          [middle, toMiddle] = [{ kind: "middle", id, at, a, b }, aside];
        }
        a = b;
      }
    }
  }
  return vertex ?? middle;
}
