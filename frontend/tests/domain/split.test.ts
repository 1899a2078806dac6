import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { split } from "../../src/domain/actions/split";
import { CommandRefused } from "../../src/domain/command-refused";
import { type Draft, draftOf, featuresOf } from "../../src/domain/draft";
import { doubleArea } from "../../src/domain/geometry";
import { coverages, labelled, points, wrong } from "./coverages";
import { box, neighbours, shape } from "./shapes";

const areas = (draft: Draft, code: string): number[] =>
  featuresOf(draft).filter((f) => f.class_code === code).map((f) => doubleArea(f.rings) / 2).sort((a, b) => a - b);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const outline = (draft: Draft, code: string): number =>
  sum(
    featuresOf(draft)
      .filter((f) => f.class_code === code)
      .flatMap((f) => f.rings.flatMap((ring) => ring.map((p, i) => Math.hypot(p[0] - (ring.at(i - 1)?.[0] ?? 0), p[1] - (ring.at(i - 1)?.[1] ?? 0))))),
  );
const one = (): Draft => draftOf(100, [shape("a", "A", box(20, 20, 60, 60), "accepted")]);

describe("split", () => {
  it("cuts a shape in two, the larger part keeping its id and both called corrected", () => {
    const draft = split([[10, 30], [70, 30]], null)(one());
    expect(areas(draft, "A")).toEqual([400, 1200]);
    expect(doubleArea(draft.features.get("a")?.rings ?? []) / 2).toBe(1200);
    expect(featuresOf(draft).map((f) => f.provenance)).toEqual(["corrected", "corrected"]);
    expect(wrong(featuresOf(draft), 100)).toBeNull();
  });

  it("cuts in three with a line that passes twice", () => {
    const draft = split([[10, 30], [70, 30], [70, 50], [10, 50]], null)(one());
    expect(areas(draft, "A")).toEqual([400, 400, 800]);
  });

  it("cuts out the loop of a line that crosses itself inside", () => {
    const draft = split([[40, 10], [40, 50], [30, 50], [30, 40], [50, 40]], null)(one());
    // The loop encloses 10·10; the line's tails end inside.
    expect(areas(draft, "A")).toEqual([100, 1500]);
    expect(wrong(featuresOf(draft), 100)).toBeNull();
  });

  it("cuts a shape between its outline and its hole only when it passes the hole on both sides", () => {
    const frame = draftOf(100, [{ ...shape("f", "F", box(0, 0, 60, 60)), rings: [box(0, 0, 60, 60), box(20, 20, 40, 40)] }]);
    expect(() => split([[30, -10], [30, 30]], null)(frame)).toThrow(CommandRefused);
    expect(areas(split([[30, -10], [30, 70]], null)(frame), "F")).toEqual([1600, 1600]);
  });

  it("cuts every shape that it crosses, or only those asked", () => {
    const line: [number, number][] = [[-10, 5], [50, 5]];
    expect(areas(split(line, null)(neighbours()), "B")).toEqual([100, 300]);
    const draft = split(line, ["left"])(neighbours());
    expect(areas(draft, "A")).toEqual([100, 300]);
    expect(draft.features.get("right")).toEqual(neighbours().features.get("right"));
  });

  it("bends a neighbour's border through a vertex that rounding puts off it", () => {
    const start = draftOf(100, [shape("a", "A", [[0, 0], [31, 0], [38, 60], [0, 60]]), shape("b", "B", [[31, 0], [90, 0], [90, 60], [38, 60]])]);
    const draft = split([[-5, 21], [60, 24]], ["a"])(start);
    expect(areas(draft, "A")).toHaveLength(2);
    expect(labelled(draft)).toBe(labelled(start));
    expect(wrong(featuresOf(draft), 100)).toBeNull();
  });

  it("refuses a line that ends inside, follows a border or meets no shape", () => {
    for (const line of [[[10, 30], [50, 30]], [[20, 10], [20, 70]], [[70, 0], [70, 90]], [[30, 30]]] as [number, number][][]) {
      const cut = (): Draft => split(line, null)(one());
      expect(cut).toThrow(CommandRefused);
      expect(cut).toThrow("line_crosses_nothing");
    }
    expect(() => split([[10, 30], [70, 30]], [])(one())).toThrow("line_crosses_nothing");
  });

  it("takes points off the grid and far outside the tile", () => {
    expect(areas(split([[-9_000.4, 30.2], [9_000.7, 29.8]], null)(one()), "A")).toEqual([400, 1200]);
  });

  it("keeps the coverage and all classes' ground, whatever the line", () => {
    fc.assert(
      fc.property(coverages, fc.array(points, { minLength: 2, maxLength: 6 }), (start, line) => {
        let draft: Draft;
        try {
          draft = split(line, null)(start);
        } catch (error) {
          expect(error).toBeInstanceOf(CommandRefused);
          return;
        }
        expect(wrong(featuresOf(draft))).toBeNull();
        expect(draft.features.size).toBeGreaterThanOrEqual(start.features.size);
        // A border bent by rounding moves by less than a unit: no class gains or loses more than its outline is long.
        for (const code of new Set(featuresOf(start).map((f) => f.class_code))) {
          const change = Math.abs(sum(areas(draft, code)) - sum(areas(start, code)));
          expect(change).toBeLessThanOrEqual(outline(start, code));
        }
      }),
      { numRuns: 80 },
    );
  }, 60_000);
});
