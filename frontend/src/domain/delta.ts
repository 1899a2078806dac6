/** What a command changed. */

import { type Draft, type Feature, sameFeature } from "./draft";

/** A changed feature is in both lists, as it was and as it is. */
export interface Delta {
  readonly removed: readonly Feature[];
  readonly added: readonly Feature[];
}

/** From one draft to another; null when they hold the same features. */
export function diff(before: Draft, after: Draft): Delta | null {
  if (before.features === after.features) return null;
  const removed: Feature[] = [];
  const added: Feature[] = [];
  for (const feature of before.features.values()) {
    const now = after.features.get(feature.id);
    if (!now || !sameFeature(feature, now)) removed.push(feature);
  }
  for (const feature of after.features.values()) {
    const was = before.features.get(feature.id);
    if (!was || !sameFeature(was, feature)) added.push(feature);
  }
  return removed.length === 0 && added.length === 0 ? null : { removed, added };
}

export function applyDelta(draft: Draft, delta: Delta): Draft {
  const features = new Map(draft.features);
  const stays = new Set(delta.added.map((f) => f.id));
  for (const { id } of delta.removed) if (!stays.has(id)) features.delete(id);
  for (const feature of delta.added) features.set(feature.id, feature);
  return { side: draft.side, features };
}

export function invert(delta: Delta): Delta {
  return { removed: delta.added, added: delta.removed };
}
