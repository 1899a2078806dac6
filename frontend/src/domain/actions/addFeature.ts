import { lay } from "../coverage";
import { type Action, type Feature, newFeatureId } from "../draft";
import type { Rings } from "../geometry";

/** Draws a new shape of a class; it takes the ground it covers. Its first part gets `id`. */
export function addFeature(rings: Rings, classCode: string, id: string = newFeatureId()): Action {
  const feature: Feature = { id, class_code: classCode, rings, provenance: "drawn" };
  return (draft) => lay(draft, feature);
}
