import { expect, it } from "vitest";
import { reconcile } from "../../src/domain/reconcile";
import { box, shape } from "./shapes";

const one = [shape("a", "A", box(0, 0, 5, 5))];
const two = [...one, shape("b", "B", box(5, 0, 9, 5))];
const three = [...two, shape("c", "C", box(20, 0, 29, 5))];

it("drops kept work that the server has", () => {
  expect(reconcile({ base_version: 1, features: two, pending: null }, { version: 4, features: [...two].reverse() })).toBe("drop");
});

it("restores kept work when nobody saved since", () => {
  expect(reconcile({ base_version: 1, features: two, pending: null }, { version: 1, features: one })).toBe("restore");
});

it("restores kept work on top of one's own save whose answer was lost", () => {
  expect(reconcile({ base_version: 1, features: three, pending: two }, { version: 2, features: two })).toBe("restore");
});

it("asks when someone else saved meanwhile", () => {
  expect(reconcile({ base_version: 1, features: two, pending: null }, { version: 2, features: three })).toBe("conflict");
});
