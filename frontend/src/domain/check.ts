/**
 * The server's rule for a tile (annotation/core/tile_geometry.py), said again: each polygon is valid, and no two share
 * ground. Exact. tests/domain/corpus/coverage.json holds what both must answer alike.
 */

import { Arrangement, oriented } from "./arrangement";
import type { Feature } from "./draft";
import { crossesProperly, doubleSignedArea, type Point, type Ring, samePoint } from "./geometry";
import { VertexTable } from "./vertextable";

const CELL_BITS = 6;

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
  let touches = false;
  for (const [i, ring] of feature.rings.entries()) {
    for (const [j, a] of ring.entries()) {
      table.eachPart(table.add(a), table.add(ring[(j + 1) % ring.length] as Point), (u, v) => {
        const key = u < v ? u * 4194304 + v : v * 4194304 + u;
        const rings = ringsAt.get(u) ?? [];
        touches ||= segments.has(key) || rings.includes(i);
        segments.add(key);
        ringsAt.set(u, [...rings, i]);
      });
    }
  }
  if (touches) return "touches_itself";
  const joined = new Joined();
  for (const [vertex, rings] of ringsAt) {
    if (rings.length > 1 && !rings.every((ring) => joined.join(`ring ${ring}`, `vertex ${vertex}`))) return "interior_cut";
  }
  return null;
}

/** The cells that the segment ab runs through, and perhaps a few beside it. */
function* cellsAlong(a: Point, b: Point): Generator<number> {
  const [first, last] = a[0] <= b[0] ? [a, b] : [b, a];
  const slope = first[0] === last[0] ? 0 : (last[1] - first[1]) / (last[0] - first[0]);
  for (let cx = first[0] >> CELL_BITS; cx <= last[0] >> CELL_BITS; cx++) {
    const x0 = Math.max(first[0], cx << CELL_BITS);
    const x1 = Math.min(last[0], (cx + 1) << CELL_BITS);
    const y0 = slope === 0 ? Math.min(a[1], b[1]) : first[1] + slope * (x0 - first[0]);
    const y1 = slope === 0 ? Math.max(a[1], b[1]) : first[1] + slope * (x1 - first[0]);
    const [low, high] = y0 <= y1 ? [y0, y1] : [y1, y0];
    for (let cy = Math.floor(low - 1) >> CELL_BITS; cy <= Math.ceil(high + 1) >> CELL_BITS; cy++) yield cellKey(cx, cy);
  }
}

function cellKey(cx: number, cy: number): number {
  return cx * 65536 + cy;
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
