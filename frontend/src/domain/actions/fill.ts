import { CommandRefused } from "../command-refused";
import { type Action, type Draft, draftOf, type Feature, newFeatureId } from "../draft";
import { gapsOf } from "../gaps";
import { locate, type Point, type Rings } from "../geometry";

function filled(draft: Draft, gaps: readonly Rings[], classCode: string, id: string): Draft {
  const added = gaps.map((rings, i): Feature => {
    return { id: i === 0 ? id : newFeatureId(), class_code: classCode, rings, provenance: "drawn" };
  });
  return draftOf(draft.side, [...draft.features.values(), ...added]);
}

/** Gives the gap around a point a class, as a shape of its own. Refused "no_gap_here" where the ground is labelled. */
export function fill(at: Point, classCode: string, id: string): Action {
  return (draft) => {
    const gaps = gapsOf(draft);
    const gap = gaps.find((rings) => locate(at, rings) === 1) ?? gaps.find((rings) => locate(at, rings) === 0);
    if (!gap) throw new CommandRefused("no_gap_here");
    return filled(draft, [gap], classCode, id);
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
