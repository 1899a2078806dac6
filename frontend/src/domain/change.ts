/** What each of the keys says of a place seen at two dates, and which class it still needs. */

import type { ChangeCell, ChangeKind, ChangeSaid } from "../api/change";

/** Digits in the order of the buttons. */
export const CHANGE_KINDS: readonly ChangeKind[] = ["unchanged", "changed", "first_wrong", "second_wrong", "unsure"];

/** The class of a date that is to be named. */
export type Wanted = "first" | "second";

export interface Chosen {
  readonly first?: string;
  readonly second?: string;
  /** Another class than what the labels say is to be named. */
  readonly other: boolean;
}

type Codes = Pick<ChangeCell, "first_code" | "second_code">;

/** Whether an answer makes sense at all: a label that is not there cannot be wrong. */
export function isOffered({ first_code, second_code }: Codes, kind: ChangeKind): boolean {
  if (kind === "first_wrong") return first_code !== "";
  return kind !== "second_wrong" || second_code !== "";
}

/** The classes that an answer gives the two dates, as far as they are known; empty: still to be named. */
function codesOf({ first_code, second_code }: Codes, kind: ChangeKind, { first, second, other }: Chosen): [string, string] {
  const same = first_code === second_code;
  switch (kind) {
    case "unsure":
      return ["", ""];
    case "unchanged": {
      const code = second ?? (other ? "" : first_code);
      return [code, code];
    }
    case "changed":
      return [first ?? first_code, second ?? (other || same ? "" : second_code)];
    case "first_wrong": {
      const right = first ?? (other || same ? "" : second_code);
      return [right, second_code || right];
    }
    case "second_wrong":
      return [first_code, second ?? ""];
  }
}

/** The class that must be named before this can be said; null when all is known. */
export function wantedOf(cell: Codes, kind: ChangeKind, chosen: Chosen): Wanted | null {
  if (kind === "unsure") return null;
  const [first, second] = codesOf(cell, kind, chosen);
  if (kind === "unchanged") return second === "" ? "second" : null;
  if (first === "" && kind !== "second_wrong") return "first";
  return second === "" ? "second" : null;
}

/** The answer, once `wantedOf` wants nothing more. */
export function saidOf(cell: Codes, kind: ChangeKind, chosen: Chosen): ChangeSaid {
  const [first_code, second_code] = codesOf(cell, kind, chosen);
  return { verdict: kind, first_code, second_code };
}

/** A class that may not be named: the one that is said to be wrong, or the one it changed from. */
export function excludedOf(cell: Codes, kind: ChangeKind, chosen: Chosen): string {
  if (kind === "changed") return chosen.first ?? cell.first_code;
  if (kind === "first_wrong") return cell.first_code;
  return kind === "second_wrong" ? cell.second_code : "";
}

/** The answer of a digit, by its place on the keyboard: with Shift another class is to be named. */
export function kindOfKey({ code, key, shiftKey }: { readonly code: string; readonly key: string; readonly shiftKey: boolean }): { readonly kind: ChangeKind; readonly other: boolean } | null {
  const row = /^Digit([1-5])$/.exec(code)?.[1];
  const pad = /^Numpad([1-5])$/.exec(code)?.[1];
  const digit = row ?? (pad && key === pad ? pad : undefined) ?? (code === "" && /^[1-5]$/.test(key) ? key : undefined);
  const kind = digit === undefined ? undefined : CHANGE_KINDS[Number(digit) - 1];
  return kind === undefined ? null : { kind, other: shiftKey && row !== undefined };
}
