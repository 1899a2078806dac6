/** What is being said of one place: a class at each date, one after the other. */

export interface Seeing {
  /** Dates that are asked about. */
  readonly dates: number;
  /** Classes said so far. */
  readonly codes: readonly string[];
  readonly isSure: boolean;
}

export function newSeeing(dates: number): Seeing {
  return { dates, codes: [], isSure: true };
}

/** Which date is asked about, from 0; none once all have a class. */
export function asked(seeing: Seeing): number | null {
  return seeing.codes.length < seeing.dates ? seeing.codes.length : null;
}

export function sayClass(code: string): (seeing: Seeing) => Seeing {
  return (seeing) => (asked(seeing) === null ? seeing : { ...seeing, codes: [...seeing.codes, code] });
}

/** The class of the date before: nothing changed there. The first date has none before it. */
export function saySame(seeing: Seeing): Seeing {
  const before = seeing.codes.at(-1);
  return before === undefined ? seeing : sayClass(before)(seeing);
}

export function toggleSure(seeing: Seeing): Seeing {
  return { ...seeing, isSure: !seeing.isSure };
}

/** Without what was said last; the same where nothing was. */
export function unsay(seeing: Seeing): Seeing {
  return seeing.codes.length === 0 ? seeing : { ...seeing, codes: seeing.codes.slice(0, -1) };
}

/** How far the image is shown around a place, in its pixels: enough to see what it belongs to. */
export function contextOf(side: number): number {
  return Math.max(48, 6 * side);
}
