import { type Action, edited, featureOf } from "../draft";

/** Gives shapes another class. */
export function relabel(ids: readonly string[], classCode: string): Action {
  return (draft) => {
    const changing = ids.map((id) => featureOf(draft, id)).filter((f) => f.class_code !== classCode);
    if (changing.length === 0) return draft;
    const features = new Map(draft.features);
    for (const feature of changing) features.set(feature.id, { ...edited(feature), class_code: classCode });
    return { ...draft, features };
  };
}
