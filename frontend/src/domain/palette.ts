/** Which key draws which class, and which classes a search keeps. */

/** A class that a theme refines; one that may still be drawn stands above its own. */
export interface RefinedClass {
  readonly code: string;
  readonly name: string;
  readonly selectable: boolean;
}

export interface PaletteClass {
  readonly code: string;
  readonly name: string;
  readonly definition: string;
  readonly colour: string;
  /** As shown: a digit, after ⇧ when it goes with Shift. */
  readonly key: string | null;
  /** Of a theme's own class: the one that it refines. */
  readonly under?: RefinedClass | undefined;
}

const SEPARATOR = "/";

/** How far below the national classes a class is: 0 for these, 1 for what refines one. */
export function depthOf(code: string): number {
  return code.split(SEPARATOR).length - 1;
}

/** A code as it stands below its parent's: "/vine" for "CS2.1.3/vine"; any other as it is. */
export function shortCode(code: string): string {
  return depthOf(code) ? code.slice(code.lastIndexOf(SEPARATOR)) : code;
}

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
const KEYS = [...DIGITS, ...DIGITS.map((digit) => `⇧${digit}`)];

/** Keys in the nomenclature's order: 1 to 9, 0, then the same with Shift; none once they run out. */
export function withKeys(classes: readonly Omit<PaletteClass, "key">[]): PaletteClass[] {
  return classes.map((c, i) => ({ ...c, key: KEYS[i] ?? null }));
}

/**
 * The class of a key press. Digits go by their place, so that keyboards that shift them work too; those of the number
 * pad go without Shift, which turns them into arrows.
 */
export function classOfKey(
  classes: readonly PaletteClass[],
  event: { readonly key: string; readonly code: string; readonly shiftKey: boolean },
): PaletteClass | null {
  const row = /^Digit([0-9])$/.exec(event.code)?.[1];
  const pad = /^Numpad([0-9])$/.exec(event.code)?.[1];
  if (pad && (event.shiftKey || event.key !== pad)) return null;
  // Without a code, as from some screen keyboards, the digit itself is what there is.
  const digit = row ?? pad ?? (event.code === "" && /^[0-9]$/.test(event.key) ? event.key : undefined);
  if (digit === undefined) return null;
  const key = event.shiftKey && row ? `⇧${digit}` : digit;
  return classes.find((c) => c.key === key) ?? null;
}

const plain = (text: string): string => text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();

/** Classes whose code, name, definition or parent's name holds every word, accents and case aside. */
export function search(classes: readonly PaletteClass[], words: string): PaletteClass[] {
  const wanted = plain(words).split(/\s+/).filter(Boolean);
  return classes.filter((c) => {
    const text = plain(`${c.code} ${c.name} ${c.definition} ${c.under?.name ?? ""}`);
    return wanted.every((word) => text.includes(word));
  });
}

const RECENT = 5;

/** The classes used last, newest first. */
export function remember(recent: readonly string[], code: string): string[] {
  return [code, ...recent.filter((other) => other !== code)].slice(0, RECENT);
}
