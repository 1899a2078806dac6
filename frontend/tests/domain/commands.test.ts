import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkCoverage } from "../../src/domain/check";
import { changeOf, type Command, CommandRefused } from "../../src/domain/command";
import { type Delta } from "../../src/domain/delta";
import { type Draft, emptyDraft, featuresOf, sameFeatures } from "../../src/domain/draft";
import { type History, record, redo, startHistory, undo } from "../../src/domain/history";
import { coverageFault } from "./exact";
import { KINDS, Maker, numbers } from "./random-commands";

const done = new Map<Command["kind"], number>();

function attempt(draft: Draft, command: Command): Delta | null {
  try {
    const delta = changeOf(draft, command);
    done.set(command.kind, (done.get(command.kind) ?? 0) + 1);
    return delta;
  } catch (error) {
    if (error instanceof CommandRefused) return null;
    throw error;
  }
}

/** Runs commands from seeds; checks the coverage after each, then walks all the way back and forth. */
function walk(side: number, steps: readonly (readonly [kind: number, seed: number])[], check: (draft: Draft, delta: Delta) => void): void {
  let history: History = startHistory(emptyDraft(side));
  const drafts = [history.present];
  for (const [i, [kind, seed]] of steps.entries()) {
    const maker = new Maker(numbers(seed), side, `s${i}`);
    const command = maker.command(KINDS[kind % KINDS.length] as Command["kind"], history.present);
    const delta = attempt(history.present, command);
    if (!delta) continue;
    history = record(history, delta);
    drafts.push(history.present);
    check(history.present, delta);
  }
  const last = history;
  for (const draft of [...drafts].reverse()) {
    expect(sameFeatures(featuresOf(history.present), featuresOf(draft))).toBe(true);
    history = undo(history);
  }
  expect(history.present.features.size).toBe(0);
  while (history.future.size > 0) history = redo(history);
  expect(sameFeatures(featuresOf(history.present), featuresOf(last.present))).toBe(true);
}

const steps = (count: number): fc.Arbitrary<[number, number][]> =>
  fc.array(fc.tuple(fc.nat(KINDS.length - 1), fc.nat(0x7fffffff)), { minLength: count, maxLength: count + 20, size: "max" });

describe("any sequence of commands", () => {
  it("leaves a coverage on the grid after each, by an independent check, and is undone and redone exactly", () => {
    fc.assert(
      fc.property(steps(200), (all) => {
        walk(96, all, (draft, delta) => {
          expect(coverageFault(featuresOf(draft), 96, delta.added)).toBeNull();
        });
      }),
      { numRuns: 2, seed: 20261122 },
    );
  }, 120_000);

  it("passes the server's rule after each, on a small tile", () => {
    fc.assert(
      fc.property(steps(200), (all) => {
        walk(64, all, (draft) => { expect(checkCoverage(featuresOf(draft), 64)).toBeNull(); });
      }),
      { numRuns: 4, seed: 7 },
    );
  }, 120_000);

  it("passes the server's rule after each, on a large tile", () => {
    fc.assert(
      fc.property(steps(200), (all) => {
        walk(4096, all, (draft) => { expect(checkCoverage(featuresOf(draft), 4096)).toBeNull(); });
      }),
      { numRuns: 2, seed: 8 },
    );
  }, 120_000);

  it("was tried with every kind of command", () => {
    for (const kind of new Set(KINDS)) expect(done.get(kind) ?? 0, kind).toBeGreaterThan(4);
  });
});
