import { takeFree } from "../coverage";
import type { Action, Feature } from "../draft";

/** Takes suggestions: each gets only the ground that nothing labels yet. */
export function take(features: readonly Feature[]): Action {
  return (draft) => features.reduce(takeFree, draft);
}
