import { paint as paintGround } from "../coverage";
import type { Action } from "../draft";
import type { Rings } from "../geometry";

/** Gives the ground of a stroke ("drawn") or of segments a class, joined with what it meets of that class. */
export function paint(shapes: readonly Rings[], classCode: string, id: string, provenance: "drawn" | "segment"): Action {
  return (draft) => paintGround(draft, shapes, { id, class_code: classCode, provenance });
}
