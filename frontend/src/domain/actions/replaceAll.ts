import { checkCoverage } from "../check";
import { CommandRefused } from "../command-refused";
import { type Action, draftOf, type Feature } from "../draft";

/** Replaces every shape, as with restored work. Refused "not_a_coverage" unless the features are one. */
export function replaceAll(features: readonly Feature[]): Action {
  return (draft) => {
    const fault = checkCoverage(features, draft.side);
    if (fault) throw new CommandRefused("not_a_coverage", `${fault.id} ${fault.reason}`);
    return draftOf(draft.side, features);
  };
}
