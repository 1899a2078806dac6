/** Every change that can be asked of a draft, as plain data: it can cross to a worker and be written down. */

import { deleteFeatures } from "./actions/deleteFeatures";
import { draw } from "./actions/draw";
import { erase } from "./actions/erase";
import { fill, fillAll } from "./actions/fill";
import { insertVertex } from "./actions/insertVertex";
import { merge } from "./actions/merge";
import { moveEdge } from "./actions/moveEdge";
import { moveVertex } from "./actions/moveVertex";
import { paint } from "./actions/paint";
import { relabel } from "./actions/relabel";
import { removeVertex } from "./actions/removeVertex";
import { replaceAll } from "./actions/replaceAll";
import { split } from "./actions/split";
import { take } from "./actions/take";
import type { AskedWindow } from "./asked";
import { applyDelta, type Delta, diff } from "./delta";
import type { Action, Draft, Feature } from "./draft";
import type { Point, Ring, Rings } from "./geometry";
import { requireLimits } from "./limits";

export { CommandRefused } from "./command-refused";

export type Command =
  | { readonly kind: "draw"; readonly rings: Rings; readonly class_code: string; readonly id: string }
  | {
      readonly kind: "paint";
      readonly shapes: readonly Rings[];
      readonly class_code: string;
      readonly id: string;
      readonly provenance: "drawn" | "segment";
    }
  | { readonly kind: "erase"; readonly shapes: readonly Rings[]; readonly within: string | null }
  | { readonly kind: "fill"; readonly at: Point; readonly class_code: string; readonly id: string; readonly asked: readonly AskedWindow[] }
  | { readonly kind: "fill_all"; readonly class_code: string; readonly id: string }
  | { readonly kind: "split"; readonly line: Ring; readonly ids: readonly string[] | null }
  | { readonly kind: "merge"; readonly ids: readonly string[] }
  | { readonly kind: "move_vertex"; readonly id: string; readonly from: Point; readonly to: Point }
  | { readonly kind: "insert_vertex"; readonly id: string; readonly a: Point; readonly b: Point; readonly at: Point }
  | { readonly kind: "remove_vertex"; readonly id: string; readonly at: Point }
  | { readonly kind: "move_edge"; readonly id: string; readonly a: Point; readonly b: Point; readonly by: Point }
  | { readonly kind: "delete"; readonly ids: readonly string[] }
  | { readonly kind: "relabel"; readonly ids: readonly string[]; readonly class_code: string }
  | { readonly kind: "take"; readonly features: readonly Feature[] }
  | { readonly kind: "replace"; readonly features: readonly Feature[] };

function actionOf(command: Command): Action {
  switch (command.kind) {
    case "draw":
      return draw(command.rings, command.class_code, command.id);
    case "paint":
      return paint(command.shapes, command.class_code, command.id, command.provenance);
    case "erase":
      return erase(command.shapes, command.within);
    case "fill":
      return fill(command.at, command.class_code, command.id, command.asked);
    case "fill_all":
      return fillAll(command.class_code, command.id);
    case "split":
      return split(command.line, command.ids);
    case "merge":
      return merge(command.ids);
    case "move_vertex":
      return moveVertex(command.id, command.from, command.to);
    case "insert_vertex":
      return insertVertex(command.id, command.a, command.b, command.at);
    case "remove_vertex":
      return removeVertex(command.id, command.at);
    case "move_edge":
      return moveEdge(command.id, command.a, command.b, command.by);
    case "delete":
      return deleteFeatures(command.ids);
    case "relabel":
      return relabel(command.ids, command.class_code);
    case "take":
      return take(command.features);
    case "replace":
      return replaceAll(command.features);
  }
}

/** What a command changes; null for nothing. Throws CommandRefused. */
export function changeOf(draft: Draft, command: Command): Delta | null {
  const after = actionOf(command)(draft);
  const delta = diff(draft, after);
  if (delta) requireLimits(draft, after, delta);
  return delta;
}

/** The draft after a command; the same draft when it changed nothing. Throws CommandRefused. */
export function runCommand(draft: Draft, command: Command): Draft {
  const delta = changeOf(draft, command);
  return delta ? applyDelta(draft, delta) : draft;
}
