import { erase as eraseGround } from "../coverage";
import type { Action } from "../draft";
import type { Rings } from "../geometry";

/** Makes the ground of shapes unlabelled, of one feature only when `within` names it. */
export function erase(shapes: readonly Rings[], within: string | null): Action {
  return (draft) => eraseGround(draft, shapes, within);
}
