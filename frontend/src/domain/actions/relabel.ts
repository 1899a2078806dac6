import { type Action, edited, featureOf } from "../draft";

/** Gives a shape another class. */
export function relabel(id: string, classCode: string): Action {
  return (draft) => {
    const feature = featureOf(draft, id);
    if (feature.class_code === classCode) return draft;
    const features = new Map(draft.features).set(id, { ...edited(feature), class_code: classCode });
    return { ...draft, features };
  };
}
