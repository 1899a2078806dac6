import { expect, it } from "vitest";
import { type Found, reconcile } from "../../src/domain/reconcile";
import { box, shape } from "./shapes";

const one = [shape("a", "A", box(0, 0, 5, 5))];
const two = [...one, shape("b", "B", box(5, 0, 9, 5))];
const three = [...two, shape("c", "C", box(20, 0, 29, 5))];
const found: Found = { base_version: 1, features: two, base: one, sent: null, waits: false };

it("goes on with the history when the server has the same", () => {
  expect(reconcile(found, { version: 4, features: [...two].reverse() })).toBe("same");
});

it("restores kept work when nobody saved since", () => {
  expect(reconcile(found, { version: 1, features: one })).toBe("restore");
});

it("drops what the server had acknowledged and has gone beyond", () => {
  expect(reconcile({ ...found, base: two }, { version: 2, features: three })).toBe("drop");
});

it("sends a save without an answer again before anything is judged", () => {
  expect(reconcile({ ...found, sent: two, waits: true }, { version: 2, features: three })).toBe("replay");
});

it("restores work on top of one's own save whose answer was lost, known by its content", () => {
  expect(reconcile({ ...found, features: three, sent: two, base: null }, { version: 2, features: two })).toBe("restore");
});

it("asks when someone else saved meanwhile, also where the base is not known", () => {
  expect(reconcile(found, { version: 2, features: three })).toBe("conflict");
  expect(reconcile({ ...found, base: null }, { version: 2, features: three })).toBe("conflict");
});
