import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fill, fillAll } from "../../src/domain/actions/fill";
import { CommandRefused } from "../../src/domain/command-refused";
import { draftOf, featuresOf } from "../../src/domain/draft";
import { gapsOf } from "../../src/domain/gaps";
import { doubleArea } from "../../src/domain/geometry";
import { coverages, labelled, SIDE, wrong } from "./coverages";
import { box, shape } from "./shapes";

const barred = () => draftOf(100, [shape("bar", "A", box(20, 0, 30, 100))]);

describe("fill", () => {
  it("gives the gap under the point a class and leaves the others", () => {
    const draft = fill([50.3, 50.7], "B", "new")(barred());
    expect(draft.features.get("new")).toMatchObject({ class_code: "B", provenance: "drawn" });
    expect(doubleArea(draft.features.get("new")?.rings ?? []) / 2).toBe(7000);
    expect(gapsOf(draft).map((rings) => doubleArea(rings) / 2)).toEqual([2000]);
  });

  it("makes a shape of its own beside one of the same class", () => {
    expect([...fill([5, 5], "A", "new")(barred()).features.keys()]).toEqual(["bar", "new"]);
  });

  it("takes a point on the border of a gap for one in it", () => {
    expect(fill([100, 100], "B", "new")(barred()).features.has("new")).toBe(true);
  });

  it("refuses ground that is labelled, or outside the tile", () => {
    expect(() => fill([25, 50], "B", "new")(barred())).toThrow("no_gap_here");
    expect(() => fill([125, 50], "B", "new")(barred())).toThrow(CommandRefused);
  });
});

describe("fillAll", () => {
  it("leaves no ground unlabelled, the largest gap having the id", () => {
    const draft = fillAll("B", "new")(barred());
    expect(doubleArea(draft.features.get("new")?.rings ?? []) / 2).toBe(7000);
    expect(draft.features.size).toBe(3);
    expect(gapsOf(draft)).toEqual([]);
    expect(() => fillAll("B", "again")(draft)).toThrow("no_gap_here");
  });

  it("labels the whole tile exactly, whatever was drawn before", () => {
    fc.assert(
      fc.property(coverages, (start) => {
        fc.pre(gapsOf(start).length > 0);
        const draft = fillAll("Z", "z")(start);
        expect(labelled(draft)).toBe(SIDE * SIDE);
        expect(wrong(featuresOf(draft))).toBeNull();
        for (const feature of featuresOf(start)) expect(draft.features.get(feature.id)).toBe(feature);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
