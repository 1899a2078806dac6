/**
 * The server's rule for a tile (annotation/core/tile_geometry.py), said again: each polygon is valid, and no two share
 * ground. Exact. tests/domain/corpus/coverage.json holds what both must answer alike.
 */

import { Arrangement, oriented } from "./arrangement";
import type { Feature } from "./draft";
import { crossesProperly, doubleSignedArea, type Point, type Ring, samePoint } from "./geometry";
import { cellsAlong, cutAtVertices, VertexTable } from "./vertextable";

export interface Fault {
  readonly id: string;
  readonly reason:
    | "ring_too_short"
    | "not_on_the_grid"
    | "outside_the_tile"
    | "vertex_repeated"
    | "no_ground"
    | "touches_itself"
    | "crosses"
    | "interior_cut"
    | "overlaps";
}

function ringFault(ring: Ring, side: number): Fault["reason"] | null {
  if (ring.length < 3) return "ring_too_short";
  if (!ring.flat().every(Number.isInteger)) return "not_on_the_grid";
  if (ring.flat().some((v) => v < 0 || v > side)) return "outside_the_tile";
  if (ring.some((p, i) => samePoint(p, ring[(i + 1) % ring.length] as Point))) return "vertex_repeated";
  return doubleSignedArea(ring) === 0 ? "no_ground" : null;
}

/** Ids in a forest; joining two that are joined already closes a circle. */
class Joined {
  private readonly parents = new Map<string, string>();

  private root(id: string): string {
    let at = id;
    for (let up = this.parents.get(at); up !== undefined; up = this.parents.get(at)) at = up;
    return at;
  }

  join(a: string, b: string): boolean {
    const [rootA, rootB] = [this.root(a), this.root(b)];
    if (rootA === rootB) return false;
    this.parents.set(rootA, rootB);
    return true;
  }
}

/** Whether a polygon's rings pass no line twice, touch themselves nowhere and leave its inside in one piece. */
function touchFault(feature: Feature): Fault["reason"] | null {
  const table = new VertexTable();
  for (const point of feature.rings.flat()) table.add(point);
  const segments = new Set<number>();
  const ringsAt = new Map<number, number[]>();
  for (const [i, ring] of feature.rings.entries()) {
    for (const [j, a] of ring.entries()) {
      const stops = cutAtVertices(table, a, ring[(j + 1) % ring.length] as Point);
      for (const [k, v] of stops.slice(1).entries()) {
        const u = stops[k] as number;
        const key = u < v ? u * 4194304 + v : v * 4194304 + u;
        if (segments.has(key)) return "touches_itself";
        segments.add(key);
        const rings = ringsAt.get(u) ?? [];
        if (rings.includes(i)) return "touches_itself";
        ringsAt.set(u, [...rings, i]);
      }
    }
  }
  const joined = new Joined();
  for (const [vertex, rings] of ringsAt) {
    if (rings.length > 1 && !rings.every((ring) => joined.join(`ring ${ring}`, `vertex ${vertex}`))) return "interior_cut";
  }
  return null;
}

/** A feature one of whose edges crosses another edge, of itself or of another. */
function crossing(features: readonly Feature[]): string | null {
  const cells = new Map<number, (readonly [Point, Point])[]>();
  for (const { id, rings } of features) {
    for (const ring of rings) {
      for (const [i, a] of ring.entries()) {
        const b = ring[(i + 1) % ring.length] as Point;
        for (const key of cellsAlong(a, b)) {
          const cell = cells.get(key);
          if (!cell) cells.set(key, [[a, b]]);
          else if (cell.some(([c, d]) => crossesProperly(a, b, c, d))) return id;
          else cell.push([a, b]);
        }
      }
    }
  }
  return null;
}

/** The first fault found, or null for a coverage. */
export function checkCoverage(features: readonly Feature[], side: number): Fault | null {
  for (const { id, rings } of features) {
    if (rings.length === 0) return { id, reason: "ring_too_short" };
    for (const ring of rings) {
      const reason = ringFault(ring, side);
      if (reason) return { id, reason };
    }
  }
  for (const feature of features) {
    const reason = touchFault(feature);
    if (reason) return { id: feature.id, reason };
  }
  const crossed = crossing(features);
  if (crossed !== null) return { id: crossed, reason: "crosses" };
  for (const winds of [...new Arrangement(features.map((f) => oriented(f.rings))).borders()].flat()) {
    const entries = [...winds];
    if (entries.length === 0 || (entries.length === 1 && entries[0]?.[1] === 1)) continue;
    return { id: features[entries.at(-1)?.[0] ?? 0]?.id ?? "", reason: "overlaps" };
  }
  return null;
}
