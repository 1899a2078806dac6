import { layAgain } from "../coverage";
import type { Action } from "../draft";
import { type Point, samePoint } from "../geometry";
import { moved, passingThrough } from "../shared";

/**
 * Moves a vertex in every shape that has it, or whose edge runs through it: neighbours stay neighbours. The shape
 * `id` is laid last, so it wins where the move makes shapes meet.
 */
export function moveVertex(id: string, from: Point, to: Point): Action {
  return (draft) => {
    if (samePoint(from, to)) return draft;
    const concerned = passingThrough(draft, from);
    const ordered = [...concerned.filter((f) => f.id !== id), ...concerned.filter((f) => f.id === id)];
    return layAgain(draft, ordered.map((feature) => moved(feature, from, to)));
  };
}
