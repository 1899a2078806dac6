import { applyDelta, type Delta, invert } from "./delta";
import type { Draft } from "./draft";

/** A linked stack, never mutated: every version shares what lies below. */
export interface Stack<T> {
  readonly size: number;
  readonly top: T | undefined;
  readonly below: Stack<T> | undefined;
}

export const EMPTY: Stack<never> = { size: 0, top: undefined, below: undefined };

export function push<T>(stack: Stack<T>, top: T): Stack<T> {
  return { size: stack.size + 1, top, below: stack };
}

/** What was done, what is, what was undone: undo and redo without limit. */
export interface History {
  readonly past: Stack<Delta>;
  readonly present: Draft;
  readonly future: Stack<Delta>;
}

export function startHistory(draft: Draft): History {
  return { past: EMPTY, present: draft, future: EMPTY };
}

/** The history after one more change; what was undone is forgotten. */
export function record(history: History, delta: Delta): History {
  return { past: push(history.past, delta), present: applyDelta(history.present, delta), future: EMPTY };
}

/** One change back; the same history when there is none. */
export function undo(history: History): History {
  const { top, below } = history.past;
  if (!top || !below) return history;
  return { past: below, present: applyDelta(history.present, invert(top)), future: push(history.future, top) };
}

/** One change forth; the same history when there is none. */
export function redo(history: History): History {
  const { top, below } = history.future;
  if (!top || !below) return history;
  return { past: push(history.past, top), present: applyDelta(history.present, top), future: below };
}
