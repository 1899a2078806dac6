import { layAgain } from "../coverage";
import type { Action } from "../draft";
import type { Point } from "../geometry";
import { passingThrough, without } from "../shared";

/**
 * Removes a vertex from every shape that has it. A hole left with two vertices closes; a shape whose outline would
 * have two is left as it is. The shape `id` is laid last.
 */
export function removeVertex(id: string, at: Point): Action {
  return (draft) => {
    const concerned = passingThrough(draft, at).filter((f) => without(f, at) !== f);
    if (concerned.length === 0) return draft;
    const ordered = [...concerned.filter((f) => f.id !== id), ...concerned.filter((f) => f.id === id)];
    return layAgain(draft, ordered.map((feature) => without(feature, at)));
  };
}
