import { describe, expect, it } from "vitest";
import { classOfKey, depthOf, remember, search, shortCode, withKeys } from "../../src/domain/palette";

const classes = withKeys(
  Array.from({ length: 30 }, (_, i) => ({ code: `C${i + 1}`, name: i === 4 ? "Zones bâties" : `Class ${i + 1}`, definition: "", colour: "#000000" })),
);
const classAt = (key: string, code: string, shiftKey = false): string | undefined => classOfKey(classes, { key, code, shiftKey })?.code;

describe("the keys of classes", () => {
  it("run from 1 to 9, then 0, then the same with Shift, then out", () => {
    expect(classes.slice(8, 12).map((c) => c.key)).toEqual(["9", "0", "⇧1", "⇧2"]);
    expect(classes.slice(19, 22).map((c) => c.key)).toEqual(["⇧0", null, null]);
  });

  it("go by the digit's place, on a French keyboard as on an English one", () => {
    expect([classAt("&", "Digit1"), classAt("1", "Digit1")]).toEqual(["C1", "C1"]);
    expect([classAt("à", "Digit0"), classAt("0", "Digit0")]).toEqual(["C10", "C10"]);
    expect([classAt("1", "Digit1", true), classAt("!", "Digit1", true)]).toEqual(["C11", "C11"]);
    expect([classAt("0", "Digit0", true), classAt(")", "Digit0", true)]).toEqual(["C20", "C20"]);
  });

  it("take the number pad's digits, but not the arrows it makes of them", () => {
    expect(classAt("7", "Numpad7")).toBe("C7");
    expect(classAt("Home", "Numpad7")).toBeUndefined();
    expect(classAt("Home", "Numpad7", true)).toBeUndefined();
  });

  it("are no letters and no signs", () => {
    expect(classAt("a", "KeyQ")).toBeUndefined();
    expect(classAt("!", "Slash")).toBeUndefined();
  });
});

describe("search", () => {
  it("ignores accents and case and wants every word", () => {
    expect(search(classes, "BATIES zones").map((c) => c.code)).toEqual(["C5"]);
    expect(search(classes, "baties forest")).toEqual([]);
  });
});

describe("remember", () => {
  it("puts the last class first, once, and forgets the sixth", () => {
    expect(remember(["b", "a", "c"], "a")).toEqual(["a", "b", "c"]);
    expect(remember(["b", "a", "c", "e", "f"], "d")).toEqual(["d", "b", "a", "c", "e"]);
  });
});

describe("classes of a theme", () => {
  const orchards = { code: "CS2.1.3", name: "Vergers", selectable: false };
  const vine = { code: "CS2.1.3/vine", name: "Vigne", definition: "", colour: "#8a2be2", under: orchards };

  it("stand below the national one by the part of the code that is their own", () => {
    expect([depthOf("CS2.1.3"), depthOf("CS2.1.3/vine"), depthOf("CS2.1.3/vine/old")]).toEqual([0, 1, 2]);
    expect([shortCode("CS2.1.3"), shortCode("CS2.1.3/vine/old")]).toEqual(["CS2.1.3", "/old"]);
  });

  it("are found by the name of the class that they refine", () => {
    expect(search(withKeys([vine]), "vergers").map((c) => c.code)).toEqual(["CS2.1.3/vine"]);
  });
});
