/** How far a draft of the practice tile is, read off its content on a grid of places. */

import type { Draft } from "../domain/draft";
import { type Point, SUBPIXELS } from "../domain/geometry";
import { featureAt } from "../domain/hittest";
import { ANSWER, CLASS_OF, type Letter, SAMPLE_PX } from "./scene";

export interface Marks {
  /** The share of a kind of place that has this class. */
  share(letter: Letter, code: string): number;
  /** The share of this class's ground that lies on such places; 0 where it has none. */
  precision(letter: Letter, code: string): number;
  /** The share of the tile that has a class. */
  readonly labelled: number;
  /** The share of the tile that has the right class. */
  readonly right: number;
}

interface Place {
  readonly at: Point;
  readonly letter: Letter;
}

const unit = (i: number): number => (i + 0.5) * SAMPLE_PX * SUBPIXELS;
const places: readonly Place[] = ANSWER.flatMap((row, y) => [...row].map((letter, x) => ({ at: [unit(x), unit(y)] as const, letter: letter as Letter })));

const known = new WeakMap<Draft, Marks>();

function read(draft: Draft): Marks {
  const counts = new Map<string, number>();
  const count = (key: string): void => { counts.set(key, (counts.get(key) ?? 0) + 1); };
  const of = (key: string): number => counts.get(key) ?? 0;
  for (const { at, letter } of places) {
    const code = featureAt(draft, at)?.class_code;
    count(letter);
    if (code === undefined) continue;
    for (const key of ["labelled", code, `${letter} ${code}`]) count(key);
    if (code === CLASS_OF[letter]) count("right");
  }
  return {
    share: (letter, code) => of(`${letter} ${code}`) / of(letter),
    precision: (letter, code) => of(`${letter} ${code}`) / Math.max(1, of(code)),
    labelled: of("labelled") / places.length,
    right: of("right") / places.length,
  };
}

/** The marks of a draft, read once. */
export function marksOf(draft: Draft): Marks {
  const marks = known.get(draft) ?? read(draft);
  known.set(draft, marks);
  return marks;
}
