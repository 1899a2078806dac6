/** What the server takes of one tile (annotation/core/features.py): a draft that could not be saved is not made. */

import { CommandRefused } from "./command-refused";
import type { Delta } from "./delta";
import type { Draft, Feature } from "./draft";

export const MAX_FEATURES = 5_000;
export const MAX_FEATURE_VERTICES = 10_000;
export const MAX_TILE_VERTICES = 200_000;

const counts = new WeakMap<Feature, number>();

export function verticesOf(feature: Feature): number {
  let count = counts.get(feature);
  if (count === undefined) {
    count = feature.rings.reduce((sum, ring) => sum + ring.length, 0);
    counts.set(feature, count);
  }
  return count;
}

function total(draft: Draft): number {
  let sum = 0;
  for (const feature of draft.features.values()) sum += verticesOf(feature);
  return sum;
}

/**
 * Throws CommandRefused "shape_too_complex", "too_many_shapes" or "too_many_vertices" when a change brings the draft over
 * a limit; one that was over already may still be made smaller.
 */
export function requireLimits(before: Draft, after: Draft, delta: Delta): void {
  for (const feature of delta.added) {
    const count = verticesOf(feature);
    if (count <= MAX_FEATURE_VERTICES) continue;
    const was = before.features.get(feature.id);
    if (!was || verticesOf(was) < count) throw new CommandRefused("shape_too_complex", feature.id);
  }
  if (after.features.size > Math.max(MAX_FEATURES, before.features.size)) throw new CommandRefused("too_many_shapes");
  const vertices = total(after);
  if (vertices > MAX_TILE_VERTICES && vertices > total(before)) throw new CommandRefused("too_many_vertices");
}
