import { type Action, featureOf } from "../draft";

/** Removes a shape; its ground becomes "not labelled". */
export function deleteFeature(id: string): Action {
  return (draft) => {
    featureOf(draft, id);
    const features = new Map(draft.features);
    features.delete(id);
    return { ...draft, features, order: draft.order.filter((other) => other !== id) };
  };
}
