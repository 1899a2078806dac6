/** The annotation being drawn: immutable, so that history holds what each command changed and undo is exact. */

import { CommandRefused } from "./command-refused";
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
}

/** A change of the draft, `(draft) => draft`. The same draft comes back when nothing changed. */
export type Action = (draft: Draft) => Draft;

export function emptyDraft(side: number): Draft {
  return { side, features: new Map() };
}

export function draftOf(side: number, features: Iterable<Feature>): Draft {
  return { side, features: new Map([...features].map((f) => [f.id, f])) };
}

/** The feature of that id. Throws CommandRefused "no_such_shape", naming the id, when there is none. */
export function featureOf(draft: Draft, id: string): Feature {
  const feature = draft.features.get(id);
  if (!feature) throw new CommandRefused("no_such_shape", `${id} in a draft of ${draft.features.size} shapes`);
  return feature;
}

export function featuresOf(draft: Draft): Feature[] {
  return [...draft.features.values()];
}

/** A shape of the model, of segments or of another vintage is called so only while nobody touched it. */
export function edited(feature: Feature): Feature {
  return feature.provenance === "accepted" || feature.provenance === "segment" || feature.provenance === "copied"
    ? { ...feature, provenance: "corrected" }
    : feature;
}

function sameRings(a: Rings, b: Rings): boolean {
  return (
    a === b ||
    (a.length === b.length &&
      a.every((ring, i) => {
        const other = b[i];
        return other?.length === ring.length && ring.every((p, j) => p[0] === other[j]?.[0] && p[1] === other[j]?.[1]);
      }))
  );
}

export function sameFeature(a: Feature, b: Feature): boolean {
  return (
    a === b ||
    (a.id === b.id && a.class_code === b.class_code && a.provenance === b.provenance && sameRings(a.rings, b.rings))
  );
}

/** Whether two lists hold the same features, whatever their order. */
export function sameFeatures(a: readonly Feature[], b: readonly Feature[]): boolean {
  if (a.length !== b.length) return false;
  const others = new Map(b.map((f) => [f.id, f]));
  return a.every((f) => {
    const other = others.get(f.id);
    return other !== undefined && sameFeature(f, other);
  });
}

let counter = 0;

/** A short id, unlike any other made in this or another browser. */
export function newFeatureId(): string {
  counter += 1;
  const random = crypto.getRandomValues(new Uint32Array(2));
  return `f-${(random[0] ?? 0).toString(36)}${(random[1] ?? 0).toString(36)}-${counter.toString(36)}`;
}
