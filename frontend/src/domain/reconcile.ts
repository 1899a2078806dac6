/** What to do with work found in this browser when a tile is opened again. */

import { type Feature, sameFeatures } from "./draft";

export interface Found {
  /** The version of the server's annotation this work stands on. */
  readonly base_version: number;
  readonly features: readonly Feature[];
  /** What the server had then; null when that is not known. */
  readonly base: readonly Feature[] | null;
  /** What was last sent without an answer, if anything. */
  readonly sent: readonly Feature[] | null;
  /** A save under a known operation id waits to be sent again: the server will say what became of it. */
  readonly waits: boolean;
}

/**
 * "same": both hold the same, the history goes on. "restore": nobody else saved since, what is unsent is sent.
 * "replay": a save without an answer is sent again first. "drop": nothing is unsent here, and the server went on.
 * "conflict": both went on.
 */
export type Reconciled = "same" | "restore" | "replay" | "drop" | "conflict";

/** A save whose answer was lost is recognised by its content where its operation id is not known. */
export function reconcile(found: Found, server: { version: number; features: readonly Feature[] }): Reconciled {
  const has = (features: readonly Feature[] | null): boolean => features !== null && sameFeatures(features, server.features);
  if (has(found.features)) return "same";
  if (found.waits) return "replay";
  const isClean = found.base !== null && sameFeatures(found.features, found.base);
  if (isClean) return "drop";
  return found.base_version === server.version || has(found.sent) ? "restore" : "conflict";
}
