/** What the page and the worker that computes coverages say to one another. */

import type { Command } from "../domain/command";
import type { Compact } from "../domain/compact";
import type { Delta } from "../domain/delta";
import type { Feature } from "../domain/draft";

export type Request =
  /** The whole draft, once. */
  | { readonly kind: "start"; readonly side: number; readonly features: Compact }
  /** How the draft moved otherwise than by an answer: undone, redone, or an answer that was not kept. */
  | { readonly kind: "move"; readonly delta: Delta }
  /** To carry out; the mirror moves with the answer. */
  | { readonly kind: "run"; readonly command: Command };

/** One for each "run", in their order. */
export type Answer =
  | { readonly kind: "nothing" }
  | { readonly kind: "changed"; readonly removed: readonly string[]; readonly added: readonly Feature[] }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };
