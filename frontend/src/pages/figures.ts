import type { Draft } from "../domain/draft";
import { doubleArea, SUBPIXELS } from "../domain/geometry";

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

/** What is labelled of a tile, counted once for each draft. */
export function figuresOf(draft: Draft): DraftFigures {
  let figures = known.get(draft);
  if (!figures) {
    const tile = 2 * draft.side * draft.side;
    const byClass = new Map<string, ClassFigures>();
    let labelled = 0;
    for (const { class_code, rings } of draft.features.values()) {
      const share = doubleArea(rings) / tile;
      const before = byClass.get(class_code) ?? { count: 0, share: 0 };
      byClass.set(class_code, { count: before.count + 1, share: before.share + share });
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
