import fc from "fast-check";
import { expect, it } from "vitest";
import { type Delta, diff } from "../../src/domain/delta";
import { type Draft, draftOf, featuresOf } from "../../src/domain/draft";
import { type History, record, redo, startHistory, undo } from "../../src/domain/history";
import type { Head, LogRecord } from "../../src/save/journal";
import { replay, rewrite } from "../../src/save/replay";
import { box, shape } from "../domain/shapes";

const SIDE = 1000;
const START = [shape("s0", "A", box(0, 0, 5, 5))];

const head = (position: number, acknowledged: number | null): Head => ({
  position, acknowledged: { version: 3, position: acknowledged }, pending: null, draft_model: null, views_seen: [], kept_at: "",
});

/** Adds the shape of that number, or takes it away when it is there. */
function toggle(draft: Draft, n: number): Delta {
  const id = `s${n}`;
  const features = draft.features.has(id)
    ? featuresOf(draft).filter((f) => f.id !== id)
    : [...featuresOf(draft), shape(id, "A", box(n * 10, 0, n * 10 + 5, 5))];
  return diff(draft, draftOf(SIDE, features)) as Delta;
}

/** A person at work: numbers draw, "u" and "r" undo and redo where there is something to. */
function work(moves: readonly (number | "u" | "r")[]): { history: History; records: LogRecord[]; drafts: Draft[] } {
  let history = startHistory(draftOf(SIDE, START));
  const records: LogRecord[] = [];
  const drafts = [history.present];
  for (const move of moves) {
    const change: LogRecord = typeof move === "number" ? { kind: "do", delta: toggle(history.present, move) } : { kind: move === "u" ? "undo" : "redo" };
    const next = change.kind === "do" ? record(history, change.delta) : change.kind === "undo" ? undo(history) : redo(history);
    if (next === history) continue;
    history = next;
    records.push(change);
    drafts.push(history.present);
  }
  return { history, records, drafts };
}

const content = (draft: Draft): string => JSON.stringify(featuresOf(draft).sort((a, b) => (a.id < b.id ? -1 : 1)));

/** Every draft that undo and redo can reach, in order. */
function reachable(history: History): string[] {
  const back: string[] = [];
  for (let at = undo(history), last = history; at !== last; last = at, at = undo(at)) back.unshift(content(at.present));
  const forth: string[] = [];
  for (let at = redo(history), last = history; at !== last; last = at, at = redo(at)) forth.push(content(at.present));
  return [...back, content(history.present), ...forth];
}

const moves = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant<"u">("u"), fc.constant<"r">("r")), { maxLength: 40 });

it("tells the same history as the person made, and what the server had at any change", () => {
  fc.assert(fc.property(moves, fc.nat(), (list, n) => {
    const { history, records, drafts } = work(list);
    const at = n % drafts.length;
    const told = replay({ head: head(records.length, at), records, contents: { start: START } }, SIDE);
    expect(reachable(told.history)).toEqual(reachable(history));
    expect(content(told.base as Draft)).toBe(content(drafts[at] as Draft));
  }));
});

it("is the same history after it was written anew, whatever the number of the last change", () => {
  fc.assert(fc.property(moves, (list) => {
    const { history } = work(list);
    const { start, records } = rewrite(history);
    const told = replay({ head: head(500, null), records, contents: { start } }, SIDE);
    expect(reachable(told.history)).toEqual(reachable(history));
  }));
});

it("leaves the oldest changes beyond a limit out of the log, and says how many it can undo", () => {
  const { history } = work([1, 2, 3, 4, "u"]);
  const { start, records, undos } = rewrite(history, { count: 2, weight: Infinity });
  const told = replay({ head: head(9, null), records, contents: { start } }, SIDE);
  expect(reachable(told.history)).toEqual(reachable(history).slice(1));
  expect(told.history.past.size).toBe(undos);
});
