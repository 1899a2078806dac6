/**
 * The rule of a coverage: one class per place, and a later shape takes the ground from earlier ones.
 *
 * Everything stays on the integer grid: edges are noded first (noding.ts), so the polygon boolean finds no crossing to
 * compute and its results have the vertices they were given.
 */

import * as polyclip from "polyclip-ts";
import { assemble } from "./assemble";
import { type Draft, edited, type Feature, featuresInOrder, newFeatureId } from "./draft";
import {
  boxesMeet,
  cachedBox,
  clipToSquare,
  doubleArea,
  doubleSignedArea,
  locate,
  type Point,
  type Ring,
  type Rings,
} from "./geometry";
import { node } from "./noding";
import { overlaps } from "./overlap";

type Geom = Parameters<typeof polyclip.union>[0];

function toGeom(rings: Rings): Geom {
  return rings.map((ring) => ring.map(([x, y]) => [x, y])) as Geom;
}

/** Polygons in one form: closing point dropped, exterior counted positive, no empty ring. */
function fromGeom(polygons: ReturnType<typeof polyclip.union>): Rings[] {
  const result: Rings[] = [];
  for (const polygon of polygons) {
    const rings = polygon
      .map((ring): Ring => ring.slice(0, -1).map(([x, y]): Point => [x, y]))
      .filter((ring) => ring.length >= 3 && doubleSignedArea(ring) !== 0);
    const exterior = rings[0];
    if (exterior && doubleArea(rings) > 0) result.push(...assemble(rings));
  }
  return result.sort((a, b) => doubleArea(b) - doubleArea(a));
}

/** A shape on its own, as valid polygons: loops and self-crossings resolved, nothing thinner than the grid. */
export function resolve(rings: Rings): Rings[] {
  const noded = node(rings, []).shape;
  return noded.length === 0 ? [] : fromGeom(polyclip.union(toGeom(noded)));
}

function keyOf([x, y]: Point): number {
  return x * 65536 + y;
}

/**
 * How two noded shapes without a common vertex lie: "inside" when b covers a, "apart" when they share no ground,
 * "mixed" when one must be cut.
 */
function relation(a: Rings, b: readonly Rings[]): "inside" | "apart" | "mixed" {
  const start = a[0]?.[0];
  if (!start) return "inside";
  const holdsPart = b.some((rings) => rings.some((ring) => ring[0] !== undefined && locate(ring[0], a) === 1));
  if (holdsPart) return "mixed";
  return b.some((rings) => locate(start, rings) === 1) ? "inside" : "apart";
}

/** What is left of a feature once the new shape has taken its ground: itself when it lost nothing. */
function remainder(feature: Feature, noded: Rings | undefined, shape: readonly Rings[], corners: ReadonlySet<number>): Feature[] {
  const rings = noded ?? feature.rings;
  const touches = rings.some((ring) => ring.some((point) => corners.has(keyOf(point))));
  if (!touches && !noded) {
    const lies = relation(rings, shape);
    if (lies === "apart") return [feature];
    if (lies === "inside") return [];
  }
  const parts = fromGeom(polyclip.difference(toGeom(rings), ...shape.map(toGeom)));
  const lost = parts.reduce((sum, part) => sum - doubleArea(part), doubleArea(rings)) !== 0;
  if (!lost && !noded) return [feature];
  const kept = lost ? edited(feature) : feature;
  return parts.map((part, i) => ({ ...kept, id: i === 0 ? feature.id : newFeatureId(), rings: part }));
}

/**
 * Rounding may turn a strip thinner than a unit over onto its neighbour. Of two earlier features that meet so, the one
 * whose border was bent gives way.
 */
function settleBent(kept: Feature[], bentIds: ReadonlySet<string>): Feature[] {
  if (bentIds.size === 0) return kept;
  let settled = kept;
  for (const id of bentIds) {
    const feature = settled.find((f) => f.id === id);
    if (!feature) continue;
    const rivals = settled.filter((f) => f !== feature && overlaps(feature.rings, f.rings)).map((f) => toGeom(f.rings));
    if (rivals.length === 0) continue;
    const parts = fromGeom(polyclip.difference(toGeom(feature.rings), ...rivals));
    const left = parts.map((rings, i) => ({ ...feature, id: i === 0 ? id : newFeatureId(), rings }));
    settled = settled.flatMap((f) => (f === feature ? left : [f]));
  }
  return settled;
}

/** Lays a feature over the draft. Outside the tile it is cut; what it covers is taken from the others. */
export function lay(draft: Draft, feature: Feature): Draft {
  const clipped = feature.rings
    .map((ring) => clipToSquare(ring, draft.side))
    .filter((ring) => ring.length >= 3);
  if (clipped.length === 0) return draft;
  const earlier = featuresInOrder(draft);
  const noded = node(clipped, earlier.map((f) => f.rings));
  const shape = fromGeom(polyclip.union(toGeom(noded.shape)));
  if (shape.length === 0) return draft;
  const corners = new Set(noded.shape.flatMap((ring) => ring.map(keyOf)));
  const reach = shape.map(cachedBox);
  const bentIds = new Set<string>();
  const cut = earlier.flatMap((other, i): Feature[] => {
    const bent = noded.others.get(i);
    if (!bent && !reach.some((box) => boxesMeet(box, cachedBox(other.rings)))) return [other];
    const left = remainder(other, bent, shape, corners);
    if (bent) for (const part of left) bentIds.add(part.id);
    return left;
  });
  const kept = settleBent(cut, bentIds);
  const laid = shape.map((rings, i): Feature => ({ ...feature, id: i === 0 ? feature.id : newFeatureId(), rings }));
  const all = [...kept, ...laid];
  return { ...draft, features: new Map(all.map((f) => [f.id, f])), order: all.map((f) => f.id) };
}

/** Takes features out of the draft and lays them again, changed: the last one wins where they meet. */
export function layAgain(draft: Draft, changed: readonly Feature[]): Draft {
  const ids = new Set(changed.map((f) => f.id));
  const features = new Map([...draft.features].filter(([id]) => !ids.has(id)));
  const rest: Draft = { ...draft, features, order: draft.order.filter((id) => !ids.has(id)) };
  return changed.reduce(lay, rest);
}
