import { type AskedWindow, gapAt } from "../asked";
import { CommandRefused } from "../command-refused";
import { takeFree } from "../coverage";
import { type Action, type Draft, draftOf, type Feature, newFeatureId } from "../draft";
import { gapsOf } from "../gaps";
import type { Point, Rings } from "../geometry";

function filled(draft: Draft, gaps: readonly Rings[], classCode: string, id: string): Draft {
  const added = gaps.map((rings, i): Feature => {
    return { id: i === 0 ? id : newFeatureId(), class_code: classCode, rings, provenance: "drawn" };
  });
  return draftOf(draft.side, [...draft.features.values(), ...added]);
}

/**
 * Gives the gap around a point a class, as a shape of its own; in a part that is `asked` for, only what the parts have of
 * the gap. Refused "no_gap_here" where the ground is labelled.
 */
export function fill(at: Point, classCode: string, id: string, asked: readonly AskedWindow[]): Action {
  return (draft) => {
    const gap = gapAt(draft, at, asked);
    if (!gap) throw new CommandRefused("no_gap_here");
    if (gapsOf(draft).includes(gap)) return filled(draft, [gap], classCode, id);
    // Cut at a part's border: the shapes that the border crosses get a vertex there.
    return takeFree(draft, { id, class_code: classCode, rings: gap, provenance: "drawn" });
  };
}

/** Gives every gap a class. The largest gets `id`. Refused "no_gap_here" when the whole tile is labelled. */
export function fillAll(classCode: string, id: string): Action {
  return (draft) => {
    const gaps = gapsOf(draft);
    if (gaps.length === 0) throw new CommandRefused("no_gap_here");
    return filled(draft, gaps, classCode, id);
  };
}
