/** What a draft becomes when the campaign's classes change under it. */

import { type Feature, sameFeature } from "./draft";

/** The class now by the class before; null: unlabelled until somebody looks. */
export type GoneCodes = Readonly<Record<string, string | null>>;

export interface Recoded {
  readonly features: readonly Feature[];
  /** Shapes that have no class any more, as they were. */
  readonly lost: readonly Feature[];
}

function codeNow(code: string, gone: GoneCodes): string | null {
  return code in gone ? (gone[code] ?? null) : code;
}

/** Shapes in the classes of today. */
export function recode(features: readonly Feature[], gone: GoneCodes): Recoded {
  const kept: Feature[] = [];
  const lost: Feature[] = [];
  for (const feature of features) {
    const code = codeNow(feature.class_code, gone);
    if (code === null) lost.push(feature);
    else kept.push(code === feature.class_code ? feature : { ...feature, class_code: code });
  }
  return { features: kept, lost };
}

function withCode(feature: Feature, class_code: string): Feature {
  return { ...feature, class_code };
}

/** Whether the server's version is the one this work stands on but for its classes. */
export function onlyClassesChanged(base: readonly Feature[], current: readonly Feature[], gone: GoneCodes): boolean {
  const before = new Map(base.map((f) => [f.id, f]));
  const now = new Set(current.map((f) => f.id));
  const isSame = current.every((f) => {
    const was = before.get(f.id);
    return was !== undefined && sameFeature(withCode(was, f.class_code), f) && (f.class_code === was.class_code || was.class_code in gone);
  });
  return isSame && base.every((f) => now.has(f.id) || codeNow(f.class_code, gone) === null);
}

/**
 * What is drawn here, in the classes of today. A shape that still has the class it had on the server gets the one that
 * it has there now, which its ground may have decided; any other, what became of its class.
 */
export function recodeLike(mine: readonly Feature[], base: readonly Feature[], current: readonly Feature[], gone: GoneCodes): Recoded {
  const before = new Map(base.map((f) => [f.id, f.class_code]));
  const now = new Map(current.map((f) => [f.id, f.class_code]));
  const told = mine.map((f) => {
    const there = before.get(f.id) === f.class_code ? now.get(f.id) : undefined;
    return there === undefined ? f : withCode(f, there);
  });
  return recode(told, gone);
}
