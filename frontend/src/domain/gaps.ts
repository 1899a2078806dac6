/** The ground of the tile that nobody has labelled yet. */

import type { Draft } from "./draft";
import { doubleArea, type Rings } from "./geometry";
import { Boundary } from "./planar";

const known = new WeakMap<Draft, Rings[]>();

/** The unlabelled ground as polygons that are each connected, exact, the largest first. */
export function gapsOf(draft: Draft): readonly Rings[] {
  let gaps = known.get(draft);
  if (!gaps) {
    const { side } = draft;
    const boundary = new Boundary().add([[[0, 0], [side, 0], [side, side], [0, side]]]);
    for (const feature of draft.features.values()) boundary.remove(feature.rings);
    gaps = boundary.polygons().sort((a, b) => doubleArea(b) - doubleArea(a));
    known.set(draft, gaps);
  }
  return gaps;
}
