import { describe, expect, it } from "vitest";
import { onlyClassesChanged, recode, recodeLike } from "../../src/domain/class-change";
import type { Feature } from "../../src/domain/draft";

function square(id: string, class_code: string, x = 0): Feature {
  return { id, class_code, rings: [[[x, 0], [x + 8, 0], [x + 8, 8], [x, 8]]], provenance: "drawn" };
}

const codes = (features: readonly Feature[]): Record<string, string> => Object.fromEntries(features.map((f) => [f.id, f.class_code]));

describe("a draft whose classes changed", () => {
  it("has each shape in what became of its class, and tells which have none", () => {
    const found = recode([square("a", "vine"), square("b", "wood"), square("c", "built")], { vine: "red", built: null });
    expect(codes(found.features)).toEqual({ a: "red", b: "wood" });
    expect(found.lost.map((f) => f.id)).toEqual(["c"]);
  });

  it("stands on the server's version where only classes differ", () => {
    const base = [square("a", "vine"), square("b", "wood"), square("c", "built")];
    const gone = { vine: "red", built: null };
    expect(onlyClassesChanged(base, [square("a", "white"), square("b", "wood")], gone)).toBe(true);
    expect(onlyClassesChanged(base, [square("a", "red", 1), square("b", "wood")], gone)).toBe(false);
    expect(onlyClassesChanged(base, [square("a", "red")], gone)).toBe(false);
    expect(onlyClassesChanged(base, [square("a", "red"), square("b", "red")], gone)).toBe(false);
    expect(onlyClassesChanged([], [square("new", "red")], gone)).toBe(false);
  });

  it("takes the server's class for a shape that was there, and the rule's for one drawn since", () => {
    const base = [square("a", "vine"), square("b", "wood")];
    const current = [square("a", "white"), square("b", "wood")];
    const mine = [square("a", "vine"), square("b", "vine"), square("c", "vine")];
    const found = recodeLike(mine, base, current, { vine: "red" });
    expect(codes(found.features)).toEqual({ a: "white", b: "red", c: "red" });
  });
});
