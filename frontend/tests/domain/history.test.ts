import { expect, it } from "vitest";
import { runCommand } from "../../src/domain/command";
import { type Delta, diff } from "../../src/domain/delta";
import { featuresOf } from "../../src/domain/draft";
import { type History, record, redo, startHistory, undo } from "../../src/domain/history";
import { neighbours } from "./shapes";

function relabelled(history: History, id: string, classCode: string): History {
  const after = runCommand(history.present, { kind: "relabel", ids: [id], class_code: classCode });
  return record(history, diff(history.present, after) as Delta);
}

it("walks back to the first draft and forth to the last, shape for shape", () => {
  const start = startHistory(neighbours());
  const one = relabelled(start, "left", "C");
  const two = record(one, diff(one.present, runCommand(one.present, { kind: "delete", ids: ["right"] })) as Delta);
  expect(featuresOf(undo(two).present)).toEqual(featuresOf(one.present));
  expect(featuresOf(undo(undo(two)).present)).toEqual(featuresOf(start.present));
  expect(featuresOf(redo(redo(undo(undo(two)))).present)).toEqual(featuresOf(two.present));
  expect([two.past.size, undo(two).past.size, undo(two).future.size]).toEqual([2, 1, 1]);
});

it("gives back the very shapes, not copies", () => {
  const start = startHistory(neighbours());
  expect(undo(relabelled(start, "left", "C")).present.features.get("left")).toBe(start.present.features.get("left"));
});

it("forgets what was undone once something else is done", () => {
  const one = relabelled(startHistory(neighbours()), "left", "C");
  const other = relabelled(undo(one), "right", "D");
  expect(redo(other)).toBe(other);
});

it("has no step back from the first draft", () => {
  const start = startHistory(neighbours());
  expect(undo(start)).toBe(start);
});

it("undoes a hundred thousand changes without running out of stack", () => {
  let history = startHistory(neighbours());
  const codes = ["X", "Y"];
  for (let i = 0; i < 100_000; i++) {
    const left = history.present.features.get("left");
    if (!left) throw new Error("lost");
    history = record(history, { removed: [left], added: [{ ...left, class_code: codes[i % 2] as string }] });
  }
  while (history.past.size > 0) history = undo(history);
  expect(history.present.features.get("left")?.class_code).toBe("A");
});
