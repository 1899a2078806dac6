import { type Action, featureOf } from "../draft";

/** Removes shapes; their ground becomes "not labelled". */
export function deleteFeatures(ids: readonly string[]): Action {
  return (draft) => {
    if (ids.length === 0) return draft;
    const features = new Map(draft.features);
    for (const id of ids) {
      featureOf(draft, id);
      features.delete(id);
    }
    return { ...draft, features };
  };
}
