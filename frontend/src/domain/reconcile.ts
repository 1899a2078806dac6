/** What to do with unsaved work found in this browser when a tile is opened again. */

import { type Feature, sameFeatures } from "./draft";

export interface Kept {
  /** The version of the server's annotation this work started from. */
  readonly base_version: number;
  readonly features: readonly Feature[];
  /** What was last sent without an answer, if anything. */
  readonly pending: readonly Feature[] | null;
}

export type Reconciled = "drop" | "restore" | "conflict";

/**
 * "drop" when the server already has it, "restore" when nobody else saved since, "conflict" when someone did.
 * A save whose answer was lost is recognised by its content.
 */
export function reconcile(kept: Kept, server: { version: number; features: readonly Feature[] }): Reconciled {
  if (sameFeatures(kept.features, server.features)) return "drop";
  if (kept.base_version === server.version) return "restore";
  if (kept.pending && sameFeatures(kept.pending, server.features)) return "restore";
  return "conflict";
}
