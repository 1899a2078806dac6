import type { Action, Draft } from "./draft";

/** A stack of drafts, never mutated: undo and redo without limit. */
export interface History {
  readonly past: readonly Draft[];
  readonly present: Draft;
  readonly future: readonly Draft[];
}

export function startHistory(draft: Draft): History {
  return { past: [], present: draft, future: [] };
}

/** Applies an action; the same history comes back when the action changed nothing. */
export function perform(history: History, action: Action): History {
  const present = action(history.present);
  if (present === history.present) return history;
  return { past: [...history.past, history.present], present, future: [] };
}

export function undo(history: History): History {
  const previous = history.past[history.past.length - 1];
  if (!previous) return history;
  return { past: history.past.slice(0, -1), present: previous, future: [history.present, ...history.future] };
}

export function redo(history: History): History {
  const next = history.future[0];
  if (!next) return history;
  return { past: [...history.past, history.present], present: next, future: history.future.slice(1) };
}
