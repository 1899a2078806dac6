import { describe, expect, it } from "vitest";
import { asked, contextOf, newSeeing, sayClass, saySame, toggleSure, unsay } from "../../src/domain/seen";

describe("what is said of a place", () => {
  it("is a class at each date in turn, and no more", () => {
    const first = sayClass("A")(newSeeing(2));
    expect([asked(newSeeing(2)), asked(first)]).toEqual([0, 1]);
    const both = sayClass("B")(first);
    expect(both.codes).toEqual(["A", "B"]);
    expect(asked(both)).toBeNull();
    expect(sayClass("C")(both)).toBe(both);
  });

  it("may be the same as before, where there is a before", () => {
    expect(saySame(sayClass("A")(newSeeing(2))).codes).toEqual(["A", "A"]);
    expect(saySame(newSeeing(2)).codes).toEqual([]);
  });

  it("is taken back a class at a time", () => {
    const once = sayClass("A")(newSeeing(2));
    expect(unsay(once).codes).toEqual([]);
    expect(unsay(newSeeing(2)).codes).toEqual([]);
  });

  it("is sure until the person says otherwise", () => {
    expect(newSeeing(1).isSure).toBe(true);
    expect(toggleSure(newSeeing(1)).isSure).toBe(false);
    expect(toggleSure(toggleSure(newSeeing(1))).isSure).toBe(true);
  });

  it("is looked at with ground around it, however small the place", () => {
    expect([contextOf(1), contextOf(50)]).toEqual([48, 300]);
  });
});
