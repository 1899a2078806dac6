import type { Action } from "../draft";
import { layAgain } from "../coverage";
import type { Point } from "../geometry";
import { bent, liesWithin, sharingEdge } from "../shared";

/**
 * Bends the edge ab through `at`, in every shape that has this edge. The shape `id` is laid last. A corner on the edge
 * itself moves no ground: shapes laid again would lose it, being in line with its neighbours.
 */
export function insertVertex(id: string, a: Point, b: Point, at: Point): Action {
  return (draft) => {
    const concerned = sharingEdge(draft, a, b);
    if (liesWithin(at, a, b)) {
      const features = new Map(draft.features);
      for (const feature of concerned) features.set(feature.id, { ...feature, rings: bent(feature, a, b, at).rings });
      return concerned.length > 0 ? { ...draft, features } : draft;
    }
    const ordered = [...concerned.filter((f) => f.id !== id), ...concerned.filter((f) => f.id === id)];
    return layAgain(draft, ordered.map((feature) => bent(feature, a, b, at)));
  };
}
