import { CommandRefused } from "../command-refused";
import { type Action, draftOf, edited, featureOf } from "../draft";
import { Boundary } from "../planar";

/**
 * Makes one shape of several, with the id and the class of the first: their common borders go, their holes stay.
 * Refused "not_touching" unless shared borders join them all, one by one.
 */
export function merge(ids: readonly string[]): Action {
  return (draft) => {
    const merged = [...new Set(ids)].map((id) => featureOf(draft, id));
    const [first] = merged;
    if (!first || merged.length < 2) return draft;
    const boundary = new Boundary();
    for (const feature of merged) boundary.add(feature.rings);
    // The inside of each is connected, so their sum is one polygon exactly when borders join them.
    const [rings, ...apart] = boundary.polygons();
    if (!rings || apart.length > 0) throw new CommandRefused("not_touching");
    const gone = new Set(merged.map((feature) => feature.id));
    const kept = [...draft.features.values()].flatMap((feature) => {
      if (feature === first) return [{ ...edited(first), rings }];
      return gone.has(feature.id) ? [] : [feature];
    });
    return draftOf(draft.side, kept);
  };
}
