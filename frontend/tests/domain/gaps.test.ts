import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draftOf, emptyDraft, featuresOf } from "../../src/domain/draft";
import { gapsOf } from "../../src/domain/gaps";
import { doubleArea } from "../../src/domain/geometry";
import { overlaps } from "../../src/domain/overlap";
import { coverages, groundOf, labelled, SIDE, wrongShapes } from "./coverages";
import { box, shape } from "./shapes";

describe("gapsOf", () => {
  it("is the whole tile when nothing is labelled, and nothing when all is", () => {
    expect(gapsOf(emptyDraft(100)).map((rings) => doubleArea(rings) / 2)).toEqual([10_000]);
    expect(gapsOf(draftOf(100, [shape("a", "A", box(0, 0, 40, 100)), shape("b", "B", box(40, 0, 100, 100))]))).toEqual([]);
  });

  it("has the largest gap first, holes where shapes lie in it", () => {
    const draft = draftOf(100, [shape("bar", "A", box(20, 0, 30, 100)), shape("island", "B", box(50, 50, 60, 60))]);
    const gaps = gapsOf(draft);
    expect(gaps.map((rings) => doubleArea(rings) / 2)).toEqual([6900, 2000]);
    expect(gaps.map((rings) => rings.length)).toEqual([2, 1]);
  });

  it("finds the hole of a ring-shaped label", () => {
    const frame = { ...shape("frame", "A", box(0, 0, 100, 100)), rings: [box(0, 0, 100, 100), box(10, 10, 30, 30)] };
    expect(gapsOf(draftOf(100, [frame])).map((rings) => doubleArea(rings) / 2)).toEqual([400]);
  });

  it("has exactly the ground that no shape has, whatever is drawn", () => {
    fc.assert(
      fc.property(coverages, (draft) => {
        const gaps = gapsOf(draft);
        expect(groundOf(gaps) + labelled(draft)).toBe(SIDE * SIDE);
        expect(wrongShapes([...gaps, ...featuresOf(draft).map((f) => f.rings)])).toBeNull();
        const shapes = [...gaps, ...featuresOf(draft).map((f) => f.rings)];
        gaps.forEach((gap, i) => { for (const other of shapes.slice(i + 1)) expect(overlaps(gap, other)).toBe(false); });
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
