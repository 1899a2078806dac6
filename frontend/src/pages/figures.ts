import type { Draft } from "../domain/draft";
import { doubleArea, type Rings, SUBPIXELS } from "../domain/geometry";

export interface ClassFigures {
  readonly count: number;
  /** Part of the tile, 0 to 1. */
  readonly share: number;
}

export interface DraftFigures {
  readonly byClass: ReadonlyMap<string, ClassFigures>;
  readonly labelled: number;
}

const known = new WeakMap<Draft, DraftFigures>();
const areas = new WeakMap<Rings, number>();

/** Twice the area of a polygon, computed once: a change leaves nearly all polygons of a tile as they were. */
function cachedArea(rings: Rings): number {
  let area = areas.get(rings);
  if (area === undefined) areas.set(rings, (area = doubleArea(rings)));
  return area;
}

/** What is labelled of a tile, counted once for each draft. */
export function figuresOf(draft: Draft): DraftFigures {
  let figures = known.get(draft);
  if (!figures) {
    const tile = 2 * draft.side * draft.side;
    const byClass = new Map<string, { count: number; share: number }>();
    let labelled = 0;
    for (const { class_code, rings } of draft.features.values()) {
      const share = cachedArea(rings) / tile;
      let own = byClass.get(class_code);
      if (!own) byClass.set(class_code, (own = { count: 0, share: 0 }));
      own.count += 1;
      own.share += share;
      labelled += share;
    }
    figures = { byClass, labelled };
    known.set(draft, figures);
  }
  return figures;
}

/** Square metres of a doubled area in units. */
export function squareMetres(doubled: number, gsdM: number): number {
  return (doubled / 2) * (gsdM / SUBPIXELS) ** 2;
}
