/** The annotation being drawn: immutable, so that history is a stack of drafts and undo is free. */

import type { Rings } from "./geometry";

export type Provenance = "drawn" | "corrected" | "accepted" | "segment" | "copied" | "imported";

export interface Feature {
  readonly id: string;
  readonly class_code: string;
  readonly rings: Rings;
  readonly provenance: Provenance;
}

export interface Draft {
  /** The tile's side in units: 8 × tile_px. */
  readonly side: number;
  readonly features: ReadonlyMap<string, Feature>;
  /** Ids, oldest first. */
  readonly order: readonly string[];
}

/** A change of the draft, `(draft) => draft`. The same draft comes back when nothing changed. */
export type Action = (draft: Draft) => Draft;

export function emptyDraft(side: number): Draft {
  return { side, features: new Map(), order: [] };
}

export function draftOf(side: number, features: Iterable<Feature>): Draft {
  const list = [...features];
  return { side, features: new Map(list.map((f) => [f.id, f])), order: list.map((f) => f.id) };
}

/** The feature of that id. Throws, naming the id, when there is none. */
export function featureOf(draft: Draft, id: string): Feature {
  const feature = draft.features.get(id);
  if (!feature) throw new Error(`No shape ${id} in this draft of ${draft.order.length} shapes`);
  return feature;
}

export function featuresInOrder(draft: Draft): Feature[] {
  return draft.order.map((id) => featureOf(draft, id));
}

/** A model's shape is "accepted" only while nobody touched it. */
export function edited(feature: Feature): Feature {
  return feature.provenance === "accepted" ? { ...feature, provenance: "corrected" } : feature;
}

/** Whether two lists hold the same features, whatever their order. */
export function sameFeatures(a: readonly Feature[], b: readonly Feature[]): boolean {
  if (a.length !== b.length) return false;
  const others = new Map(b.map((f) => [f.id, f]));
  return a.every((f) => {
    const other = others.get(f.id);
    return (
      other !== undefined &&
      other.class_code === f.class_code &&
      other.provenance === f.provenance &&
      JSON.stringify(other.rings) === JSON.stringify(f.rings)
    );
  });
}

let counter = 0;

/** A short id, unlike any other made in this or another browser. */
export function newFeatureId(): string {
  counter += 1;
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `f-${(random[0] ?? 0).toString(36)}${(random[1] ?? 0).toString(36)}-${counter.toString(36)}`;
}
