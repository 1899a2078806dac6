/** From an entry of the journal to a history, and back. */

import { applyDelta, type Delta, invert } from "../domain/delta";
import { type Draft, draftOf, type Feature, featuresOf } from "../domain/draft";
import { type History, record, redo, type Stack, startHistory, undo } from "../domain/history";
import type { Kept, LogRecord } from "./journal";

export interface Replayed {
  readonly history: History;
  /** What the server had when this work began or was last acknowledged; null when that is not known. */
  readonly base: Draft | null;
  /** What was last sent without an answer, if anything. */
  readonly sent: Draft | null;
}

function step(history: History, change: LogRecord): History {
  if (change.kind === "do") return record(history, change.delta);
  return change.kind === "undo" ? undo(history) : redo(history);
}

/** The history that an entry tells, with the contents at the positions it names. */
export function replay(kept: Kept, side: number): Replayed {
  const { head, records, contents } = kept;
  const apart = (features: readonly Feature[] | undefined): Draft | null => (features ? draftOf(side, features) : null);
  let history = startHistory(draftOf(side, contents.start ?? []));
  let position = head.position - records.length;
  let base = head.acknowledged.position === null ? apart(contents.base) : null;
  let sent = head.pending === null || head.pending.position === null ? apart(contents.sent) : null;
  const note = (): void => {
    if (head.acknowledged.position === position) base = history.present;
    if (head.pending && head.pending.position === position) sent = history.present;
  };
  note();
  for (const change of records) {
    history = step(history, change);
    position += 1;
    note();
  }
  return { history, base, sent };
}

/** How much of a log a change takes: its points, and a little for each shape. */
export function weightOf({ removed, added }: Delta): number {
  const weigh = (f: Feature): number => f.rings.reduce((sum, ring) => sum + ring.length, 4);
  return [...removed, ...added].reduce((sum, f) => sum + weigh(f), 1);
}

export interface Rewritten {
  readonly start: readonly Feature[];
  readonly records: readonly LogRecord[];
  /** Changes of `records` that can be undone. */
  readonly undos: number;
}

/**
 * The shortest log with this history: what was undone and drawn over is gone from it. Of what was done, only the latest
 * changes are in it where `limit` says so, in count and weight: the rest is the content to start from.
 */
export function rewrite(history: History, limit = { count: Infinity, weight: Infinity }): Rewritten {
  const past: Delta[] = [];
  let weight = 0;
  let start = history.present;
  for (let stack: Stack<Delta> | undefined = history.past; stack?.top; stack = stack.below) {
    weight += weightOf(stack.top);
    if (past.length >= limit.count || weight > limit.weight) break;
    start = applyDelta(start, invert(stack.top));
    past.push(stack.top);
  }
  past.reverse();
  const future: Delta[] = [];
  for (let stack: Stack<Delta> | undefined = history.future; stack?.top; stack = stack.below) future.push(stack.top);
  const records: LogRecord[] = [
    ...[...past, ...future].map((delta): LogRecord => ({ kind: "do", delta })),
    ...future.map((): LogRecord => ({ kind: "undo" })),
  ];
  return { start: featuresOf(start), records, undos: past.length };
}
