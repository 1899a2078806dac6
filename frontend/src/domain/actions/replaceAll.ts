import { type Action, draftOf, type Feature } from "../draft";

/** Replaces every shape, as when starting from the model's draft. The features must already be a coverage. */
export function replaceAll(features: readonly Feature[]): Action {
  return (draft) => draftOf(draft.side, features);
}
