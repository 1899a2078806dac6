import { expect, it } from "vitest";
import { deleteFeature } from "../../src/domain/actions/deleteFeature";
import { relabel } from "../../src/domain/actions/relabel";
import { perform, redo, startHistory, undo } from "../../src/domain/history";
import { neighbours } from "./shapes";

it("walks back to the first draft and forth to the last, draft for draft", () => {
  const start = startHistory(neighbours());
  const one = perform(start, relabel("left", "C"));
  const two = perform(one, deleteFeature("right"));
  expect(undo(two).present).toBe(one.present);
  expect(undo(undo(two)).present).toBe(start.present);
  expect(redo(redo(undo(undo(two)))).present).toBe(two.present);
});

it("forgets what was undone once something else is done", () => {
  const one = perform(startHistory(neighbours()), relabel("left", "C"));
  const other = perform(undo(one), relabel("right", "D"));
  expect(redo(other)).toBe(other);
});

it("keeps no step for an action that changed nothing", () => {
  const start = startHistory(neighbours());
  expect(perform(start, relabel("left", "A"))).toBe(start);
  expect(undo(start)).toBe(start);
});
