import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draw as drawShape } from "../../src/domain/actions/draw";
import { resolve } from "../../src/domain/coverage";
import { draftOf, emptyDraft, featuresOf, type Draft } from "../../src/domain/draft";
import { doubleArea, locate, type Rings } from "../../src/domain/geometry";
import { coverageFault, fault, shareGround, toOutline } from "./exact";

const square = (x: number, y: number, size: number): Rings => [
  [
    [x, y],
    [x + size, y],
    [x + size, y + size],
    [x, y + size],
  ],
];
const areas = (draft: Draft): Record<string, number> =>
  Object.fromEntries(featuresOf(draft).map((f) => [f.id, doubleArea(f.rings) / 2]));
const draw = (draft: Draft, id: string, rings: Rings): Draft => drawShape(rings, id.toUpperCase(), id)(draft);

describe("a later shape takes ground from earlier ones", () => {
  it("cuts the overlap of two squares out of the first", () => {
    const draft = draw(draw(emptyDraft(100), "a", square(0, 0, 20)), "b", square(10, 10, 20));
    expect(areas(draft)).toEqual({ a: 300, b: 400 });
    expect(coverageFault(featuresOf(draft), 100)).toBeNull();
  });

  it("leaves a hole where a shape is drawn inside another", () => {
    const draft = draw(draw(emptyDraft(100), "a", square(0, 0, 30)), "b", square(10, 10, 10));
    expect(areas(draft)).toEqual({ a: 800, b: 100 });
    expect(draft.features.get("a")?.rings).toHaveLength(2);
  });

  it("removes a shape that is covered whole", () => {
    const draft = draw(draw(emptyDraft(100), "a", square(10, 10, 10)), "b", square(0, 0, 30));
    expect(areas(draft)).toEqual({ b: 900 });
  });

  it("makes two shapes of one that is cut through, the larger keeping the name", () => {
    const bar: Rings = [[[0, 0], [50, 0], [50, 10], [0, 10]]];
    const draft = draw(draw(emptyDraft(100), "a", bar), "b", square(10, 0, 10));
    const parts = featuresOf(draft).filter((f) => f.class_code === "A");
    expect(parts.map((f) => doubleArea(f.rings) / 2)).toEqual([300, 100]);
    expect(parts[0]?.id).toBe("a");
    expect(parts[1]?.id).not.toBe("a");
  });

  it("calls a model's shape corrected once it lost ground, and accepted while it did not", () => {
    const start = draftOf(100, [
      { id: "m", class_code: "M", rings: square(0, 0, 20), provenance: "accepted" },
      { id: "n", class_code: "N", rings: square(60, 60, 20), provenance: "accepted" },
    ]);
    const draft = draw(start, "b", square(10, 10, 20));
    expect(draft.features.get("m")?.provenance).toBe("corrected");
    expect(draft.features.get("n")).toBe(start.features.get("n"));
  });

  it("cuts what is drawn beyond the tile", () => {
    const draft = draw(emptyDraft(100), "a", square(-50, -50, 100));
    expect(areas(draft)).toEqual({ a: 2500 });
  });

  it("ignores a shape without ground", () => {
    const start = emptyDraft(100);
    expect(draw(start, "a", [[[0, 0], [10, 10], [20, 20]]])).toBe(start);
    expect(draw(start, "a", square(200, 200, 10))).toBe(start);
  });

  it("keeps both loops of a figure of eight", () => {
    const parts = resolve([[[0, 0], [20, 20], [20, 0], [0, 20]]]);
    expect(parts.map((p) => doubleArea(p) / 2)).toEqual([100, 100]);
  });

  it("rounds a crossing off the grid and leaves neither gap nor overlap there", () => {
    const triangle: Rings = [[[0, 0], [70, 10], [0, 30]]];
    const draft = draw(draw(emptyDraft(100), "a", triangle), "b", [[[33, -5], [51, 41], [90, 0]]]);
    expect(coverageFault(featuresOf(draft), 100)).toBeNull();
  });
});

const SIDE = 96;
const point = fc.tuple(fc.integer({ min: -10, max: SIDE + 10 }), fc.integer({ min: -10, max: SIDE + 10 }));
const ring = fc.array(point, { minLength: 3, maxLength: 9 });

describe("whatever is drawn", () => {
  it("stays a coverage on the grid, exactly", () => {
    fc.assert(
      fc.property(fc.array(ring, { minLength: 1, maxLength: 7 }), (rings) => {
        let draft = emptyDraft(SIDE);
        rings.forEach((points, i) => {
          draft = draw(draft, `s${i}`, [points]);
        });
        expect(coverageFault(featuresOf(draft), SIDE)).toBeNull();
        const total = featuresOf(draft).reduce((sum, f) => sum + doubleArea(f.rings), 0);
        expect(total).toBeLessThanOrEqual(2 * SIDE * SIDE);
      }),
      { numRuns: 120 },
    );
  }, 60_000);

  it("keeps the whole ground of the newest shape", () => {
    fc.assert(
      fc.property(ring, ring, (first, second) => {
        const draft = draw(draw(emptyDraft(SIDE), "a", [first]), "b", [second]);
        const newest = featuresOf(draft).filter((f) => f.class_code === "B");
        // Bent by rounding, an edge of the newest moves by less than a unit: points further inside stay its own.
        const alone = featuresOf(draw(emptyDraft(SIDE), "b", [second]));
        for (let x = 1.5; x < SIDE; x += 5) {
          for (let y = 1.5; y < SIDE; y += 5) {
            const deep = alone.some((f) => locate([x, y], f.rings) === 1 && toOutline([x, y], f.rings) > 1.5);
            if (deep) expect(newest.some((f) => locate([x, y], f.rings) >= 0)).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("leaves shapes alone that the new one does not come near", () => {
    fc.assert(
      fc.property(fc.array(ring, { minLength: 1, maxLength: 4 }), (rings) => {
        let draft = emptyDraft(4 * SIDE);
        rings.forEach((points, i) => {
          draft = draw(draft, `s${i}`, [points]);
        });
        const after = draw(draft, "far", square(3 * SIDE, 3 * SIDE, 50));
        for (const feature of featuresOf(draft)) expect(after.features.get(feature.id)).toBe(feature);
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});

describe("the checks of these tests", () => {
  it("see an overlap, a crossing and a vertex off the grid", () => {
    expect(shareGround(square(0, 0, 10), square(5, 0, 10))).toBe(true);
    expect(shareGround(square(0, 0, 10), square(2, 2, 3))).toBe(true);
    expect(shareGround(square(0, 0, 10), square(0, 0, 10))).toBe(true);
    expect(shareGround(square(0, 0, 10), square(10, 0, 10))).toBe(false);
    expect(fault([[[0, 0], [10, 10], [10, 0], [0, 10]]])).toContain("cross");
    expect(fault([[[0, 0], [10.5, 0], [10, 10]]])).toBe("not on the grid");
  });
});
