import type { Action } from "../draft";
import { layAgain } from "../coverage";
import type { Point } from "../geometry";
import { bent, sharingEdge } from "../shared";

/** Bends the edge ab through `at`, in every shape that has this edge. The shape `id` is laid last. */
export function insertVertex(id: string, a: Point, b: Point, at: Point): Action {
  return (draft) => {
    const concerned = sharingEdge(draft, a, b);
    const ordered = [...concerned.filter((f) => f.id !== id), ...concerned.filter((f) => f.id === id)];
    return layAgain(draft, ordered.map((feature) => bent(feature, a, b, at)));
  };
}
