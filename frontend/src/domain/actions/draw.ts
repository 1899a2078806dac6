import { lay } from "../coverage";
import type { Action, Feature } from "../draft";
import type { Rings } from "../geometry";

/** Draws a new shape of a class; it takes the ground it covers. Its largest part gets `id`. */
export function draw(rings: Rings, classCode: string, id: string): Action {
  const feature: Feature = { id, class_code: classCode, rings, provenance: "drawn" };
  return (draft) => lay(draft, feature);
}
