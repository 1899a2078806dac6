/** Polygons offered by the model or by another vintage: no labels until somebody takes them. */

import { BoxIndex } from "./boxindex";
import { type Draft, type Feature, featuresOf, type Provenance } from "./draft";
import { boxOf, locate, type Point, type Rings } from "./geometry";
import { labelPoint } from "./labelpoint";

export interface Suggestion {
  readonly id: string;
  readonly class_code: string;
  readonly rings: Rings;
  /** 0 to 1; null where nobody said. */
  readonly confidence: number | null;
  readonly source: "model" | "vintage";
}

/** The suggestions nobody took yet: not in the draft, and with unlabelled ground in their middle. */
export function openSuggestions(draft: Draft, suggestions: readonly Suggestion[]): Suggestion[] {
  const labelled = featuresOf(draft).map((f) => f.rings);
  const index = new BoxIndex(labelled);
  const isLabelled = (point: Point): boolean =>
    [...index.near(boxOf([[point]]))].some((i) => locate(point, labelled[i] as Rings) >= 0);
  return suggestions.filter((s) => !draft.features.has(s.id) && !isLabelled(labelPoint(s.rings).at));
}

/** The suggestions at least so confident, and those whose confidence nobody said. */
export function above(suggestions: readonly Suggestion[], confidence: number): Suggestion[] {
  return suggestions.filter((s) => s.confidence === null || s.confidence >= confidence);
}

function provenanceOf(suggestion: Suggestion, classCode: string): Provenance {
  if (suggestion.source === "vintage") return "copied";
  return classCode === suggestion.class_code ? "accepted" : "corrected";
}

/** The label a suggestion becomes when it is taken, with its own class or another. */
export function asFeature(suggestion: Suggestion, classCode: string = suggestion.class_code): Feature {
  const { id, rings } = suggestion;
  return { id, class_code: classCode, rings, provenance: provenanceOf(suggestion, classCode) };
}
