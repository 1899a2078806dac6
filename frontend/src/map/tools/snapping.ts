import { edgeNear, snap, vertexNear } from "../../domain/hittest";
import type { Point, Rings } from "../../domain/geometry";

/** Where a gesture means to be, and on what. */
export interface Landing {
  readonly at: Point;
  /** What the place was drawn to: a vertex, an edge or the tile's side. */
  readonly on: "vertex" | "edge" | "side" | null;
}

/** The place meant by a point: a vertex within reach, else an edge, else the tile's side, else itself on the grid. */
export function land(shapes: readonly Rings[], point: Point, reach: number, side: number): Landing {
  const vertex = vertexNear(shapes, point, reach);
  if (vertex) return { at: vertex, on: "vertex" };
  const edge = edgeNear(shapes, point, reach);
  if (edge) return { at: edge.at, on: "edge" };
  const at = snap([], point, reach, side);
  const isFree = at[0] === Math.round(point[0]) && at[1] === Math.round(point[1]);
  return { at, on: isFree ? null : "side" };
}
