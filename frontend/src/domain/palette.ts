/** Which key draws which class, and which classes a search keeps. */

export interface PaletteClass {
  readonly code: string;
  readonly name: string;
  readonly definition: string;
  readonly colour: string;
  readonly key: string | null;
}

/** Letters that tools do not use. */
export const LETTERS = "abcdgijkmoqstuwxyz";

/** Keys in the nomenclature's order: 1 to 9, 0, then letters; none once they run out. */
export function withKeys(classes: readonly Omit<PaletteClass, "key">[]): PaletteClass[] {
  const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", ...LETTERS];
  return classes.map((c, i) => ({ ...c, key: keys[i] ?? null }));
}

/** The class of a key press. Digits go by their place, so that keyboards that shift them work too. */
export function classOfKey(
  classes: readonly PaletteClass[],
  event: { readonly key: string; readonly code: string },
): PaletteClass | null {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code)?.[1];
  const key = digit ?? event.key.toLowerCase();
  return classes.find((c) => c.key === key) ?? null;
}

const plain = (text: string): string => text.normalize("NFD").replace(/\p{Diacritic}/gu, "").toLowerCase();

/** Classes whose code, name or definition holds every word, accents and case aside. */
export function search(classes: readonly PaletteClass[], words: string): PaletteClass[] {
  const wanted = plain(words).split(/\s+/).filter(Boolean);
  return classes.filter((c) => {
    const text = plain(`${c.code} ${c.name} ${c.definition}`);
    return wanted.every((word) => text.includes(word));
  });
}

const RECENT = 3;

/** The classes used last, newest first. */
export function remember(recent: readonly string[], code: string): string[] {
  return [code, ...recent.filter((other) => other !== code)].slice(0, RECENT);
}
