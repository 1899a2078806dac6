import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { merge } from "../../src/domain/actions/merge";
import { split } from "../../src/domain/actions/split";
import { CommandRefused } from "../../src/domain/command-refused";
import { draftOf, featuresOf } from "../../src/domain/draft";
import { doubleArea } from "../../src/domain/geometry";
import { coverages, groundOf, labelled, wrong } from "./coverages";
import { box, neighbours, shape } from "./shapes";

describe("merge", () => {
  it("makes one shape with the id and the class of the first, without the common border", () => {
    const draft = merge(["right", "left"])(neighbours());
    expect([...draft.features.keys()]).toEqual(["right"]);
    const merged = draft.features.get("right");
    expect(merged).toMatchObject({ class_code: "B", provenance: "drawn" });
    expect(new Set(merged?.rings[0]?.map(String))).toEqual(new Set(["0,0", "40,0", "40,20", "0,20"]));
  });

  it("calls a model's shape corrected", () => {
    expect(merge(["left", "right"])(neighbours()).features.get("left")?.provenance).toBe("corrected");
  });

  it("joins shapes that only a third one connects", () => {
    const row = draftOf(100, [shape("a", "A", box(0, 0, 10, 10)), shape("b", "B", box(20, 0, 30, 10)), shape("c", "C", box(10, 2, 20, 8))]);
    expect(doubleArea(merge(["a", "b", "c"])(row).features.get("a")?.rings ?? []) / 2).toBe(260);
    expect(() => merge(["a", "b"])(row)).toThrow("not_touching");
  });

  it("refuses shapes that meet at a corner", () => {
    const corners = draftOf(100, [shape("a", "A", box(0, 0, 10, 10)), shape("b", "B", box(10, 10, 20, 20))]);
    expect(() => merge(["a", "b"])(corners)).toThrow(CommandRefused);
  });

  it("keeps holes, makes one where shapes close around unlabelled ground, and fills one with its island", () => {
    const around = draftOf(100, [
      shape("top", "A", box(0, 0, 30, 10)),
      { ...shape("rest", "B", box(0, 10, 30, 60)), rings: [[[0, 10], [10, 10], [10, 20], [20, 20], [20, 10], [30, 10], [30, 60], [0, 60]], box(5, 40, 15, 50)] },
      shape("island", "C", box(5, 40, 15, 50)),
    ]);
    const joined = merge(["top", "rest"])(around).features.get("top");
    expect(joined?.rings).toHaveLength(3);
    expect(doubleArea(joined?.rings ?? []) / 2).toBe(1800 - 100 - 100);
    expect(merge(["rest", "island"])(around).features.get("rest")?.rings).toHaveLength(1);
  });

  it("changes nothing for one shape, named once or twice", () => {
    const start = neighbours();
    expect(merge(["left"])(start)).toBe(start);
    expect(merge(["left", "left"])(start)).toBe(start);
    expect(() => merge(["left", "gone"])(start)).toThrow("gone");
  });

  it("takes a cut back", () => {
    const start = draftOf(100, [shape("a", "A", box(20, 20, 60, 60))]);
    const cut = split([[10, 33], [70, 47]], null)(start);
    const back = merge(["a", ...[...cut.features.keys()].filter((id) => id !== "a")])(cut);
    expect(new Set(back.features.get("a")?.rings[0]?.map(String))).toEqual(new Set(box(20, 20, 60, 60).map(String)));
  });

  it("keeps the coverage and the ground exactly, or refuses", () => {
    fc.assert(
      fc.property(coverages, fc.integer({ min: 0 }), fc.integer({ min: 0 }), (start, i, j) => {
        const all = featuresOf(start);
        const [a, b] = [all[i % Math.max(1, all.length)], all[j % Math.max(1, all.length)]];
        if (!a || !b || a === b) return;
        try {
          const draft = merge([a.id, b.id])(start);
          expect(wrong(featuresOf(draft))).toBeNull();
          expect(labelled(draft)).toBe(labelled(start));
          expect(groundOf([draft.features.get(a.id)?.rings ?? []])).toBe(groundOf([a.rings, b.rings]));
        } catch (error) {
          if (!(error instanceof CommandRefused)) throw error;
        }
      }),
      { numRuns: 80 },
    );
  }, 60_000);
});
