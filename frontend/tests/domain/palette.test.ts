import { describe, expect, it } from "vitest";
import { classOfKey, LETTERS, remember, search, withKeys } from "../../src/domain/palette";
import { commandOf } from "../../src/pages/shortcuts";

const classes = withKeys(
  Array.from({ length: 30 }, (_, i) => ({ code: `C${i + 1}`, name: i === 4 ? "Zones bâties" : `Class ${i + 1}`, definition: "", colour: "#000000" })),
);

describe("the keys of classes", () => {
  it("run from 1 to 9, then 0, then letters, then out", () => {
    expect(classes.slice(0, 12).map((c) => c.key)).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "a", "b"]);
    expect(classes[29]?.key).toBeNull();
  });

  it("take no letter that a tool has", () => {
    const press = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };
    for (const key of LETTERS) expect(commandOf({ ...press, key })).toBeNull();
  });

  it("go by the digit's place, as on a French keyboard without Shift", () => {
    expect(classOfKey(classes, { key: "&", code: "Digit1" })?.code).toBe("C1");
    expect(classOfKey(classes, { key: "à", code: "Digit0" })?.code).toBe("C10");
    expect(classOfKey(classes, { key: "A", code: "KeyQ" })?.code).toBe("C11");
    expect(classOfKey(classes, { key: "!", code: "Slash" })).toBeNull();
  });
});

describe("search", () => {
  it("ignores accents and case and wants every word", () => {
    expect(search(classes, "BATIES zones").map((c) => c.code)).toEqual(["C5"]);
    expect(search(classes, "baties forest")).toEqual([]);
  });
});

describe("remember", () => {
  it("puts the last class first, once, and forgets the fourth", () => {
    expect(remember(["b", "a", "c"], "a")).toEqual(["a", "b", "c"]);
    expect(remember(["b", "a", "c"], "d")).toEqual(["d", "b", "a"]);
  });
});
