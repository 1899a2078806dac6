import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AskedPart, askedGaps, askedParts, askedShare, type AskedWindow, cutToAsked, nextPart, notAsked, partAt } from "../../src/domain/asked";
import { draftOf, emptyDraft, type Feature, featuresOf } from "../../src/domain/draft";
import { doubleArea } from "../../src/domain/geometry";
import { featureAt } from "../../src/domain/hittest";
import { labelPoint } from "../../src/domain/labelpoint";
import { askedWindows, coverages, groundOf, SIDE, wrong, wrongShapes } from "./coverages";
import { toOutline } from "./exact";
import { box, shape } from "./shapes";

/** On a tile of 32 pixels, that is 256 units: two parts of 8 × 8 pixels. */
const WINDOWS: readonly AskedWindow[] = [[16, 0, 8, 8], [0, 16, 8, 8]];
const told = (parts: readonly AskedPart[]): unknown => parts.map(({ number, share, state }) => [number, share, state]);

describe("the parts asked for", () => {
  it("are none where the whole tile is asked for", () => {
    expect(askedParts(emptyDraft(256), [])).toEqual([]);
    expect(askedShare([])).toBe(0);
  });

  it("count what is labelled within each, and nothing beside it", () => {
    const beside = shape("beside", "A", box(192, 0, 256, 256));
    expect(told(askedParts(draftOf(256, [beside]), WINDOWS))).toEqual([[1, 0, "empty"], [2, 0, "empty"]]);
    // Half of the first part, and what covers the second one whole.
    const half = shape("half", "A", box(128, 0, 160, 64));
    const more = shape("more", "B", box(0, 100, 100, 256));
    const parts = askedParts(draftOf(256, [half, more]), WINDOWS);
    expect(told(parts)).toEqual([[1, 0.5, "begun"], [2, 1, "done"]]);
    expect(askedShare(parts)).toBe(0.75);
  });

  it("are counted exactly where an outline goes in and out of them, holes left out", () => {
    const comb = shape("comb", "A", [[100, 0], [140, 0], [140, 100], [150, 100], [150, 0], [160, 0], [160, 200], [100, 200]]);
    expect(askedParts(draftOf(256, [comb]), WINDOWS)[0]?.share).toBe((12 * 64 + 10 * 64) / 4096);
    const ring = { ...shape("ring", "A", box(120, 0, 200, 80)), rings: [box(120, 0, 200, 80), box(100 + 44, 16, 176, 48)] };
    expect(askedParts(draftOf(256, [ring]), WINDOWS)[0]?.share).toBe(1 - (32 * 32) / 4096);
  });

  it("are done though a tenth of the ground cannot be told, and empty though a speck was drawn", () => {
    expect(askedParts(draftOf(256, [shape("most", "A", box(128, 0, 192, 58))]), WINDOWS)[0]?.state).toBe("done");
    expect(askedParts(draftOf(256, [shape("less", "A", box(128, 0, 192, 57))]), WINDOWS)[0]?.state).toBe("begun");
    expect(askedParts(draftOf(256, [shape("speck", "A", box(128, 0, 136, 8))]), WINDOWS)[0]?.state).toBe("empty");
  });

  it("have shares that add up to the tile's, whatever is drawn, when they fill it", () => {
    const side = SIDE / 8;
    const quarter = side / 2;
    expect(Number.isInteger(quarter)).toBe(true);
    const windows: AskedWindow[] = [[0, 0, quarter, quarter], [quarter, 0, quarter, quarter], [0, quarter, side, quarter]];
    fc.assert(fc.property(coverages, (draft) => {
      const parts = askedParts(draft, windows);
      const whole = askedParts(draft, [[0, 0, side, side]]);
      expect(askedShare(parts)).toBeCloseTo(whole[0]?.share as number, 9);
    }), { numRuns: 60 });
  });
});

describe("the next part", () => {
  const parts = (states: readonly AskedPart["state"][]): AskedPart[] =>
    states.map((state, i) => ({ number: i + 1, state, share: 0, box: { minX: 0, minY: 0, maxX: 8, maxY: 8 } }));

  it("is the most wanted that is left, then the one after it, then the first again", () => {
    const left = parts(["done", "begun", "empty", "done"]);
    expect(nextPart(left)?.number).toBe(2);
    expect(nextPart(left, 2)?.number).toBe(3);
    expect(nextPart(left, 3)?.number).toBe(2);
    expect(nextPart(parts(["done", "done"]))).toBeNull();
  });
});

describe("ground that is not asked for", () => {
  it("is the tile without its parts, as boxes", () => {
    const parts = askedParts(emptyDraft(256), WINDOWS);
    const rest = notAsked(parts, 256);
    const area = rest.reduce((sum, b) => sum + (b.maxX - b.minX) * (b.maxY - b.minY), 0);
    expect(area).toBe(256 * 256 - 2 * 64 * 64);
    for (const { minX, minY } of rest) expect(partAt(parts, [minX, minY])).toBeNull();
    expect(notAsked([], 256)).toEqual([]);
  });

  it("is right where parts overlap, touch, or reach the tile's edges", () => {
    const parts = askedParts(emptyDraft(256), [[0, 0, 16, 16], [8, 8, 16, 16], [24, 8, 8, 16]]);
    const area = notAsked(parts, 256).reduce((sum, b) => sum + (b.maxX - b.minX) * (b.maxY - b.minY), 0);
    expect(area).toBe(256 * 256 - (2 * 128 * 128 - 64 * 64) - 64 * 128);
  });
});

it("finds unlabelled ground in the parts alone, in the order of the parts", () => {
  const draft = draftOf(256, [shape("most", "A", box(128, 0, 192, 48))]);
  const gaps = askedGaps(draft, WINDOWS);
  expect(gaps.map(({ doubled }) => doubled / 2)).toEqual([64 * 16, 64 * 64]);
  expect(askedGaps(draftOf(256, [shape("all", "A", box(0, 0, 256, 256))]), WINDOWS)).toEqual([]);
});

describe("unlabelled ground that is asked for", () => {
  it("is two gaps where a shape was drawn across a part, each of which is gone to", () => {
    // 128 pixels from the upper-left corner; the shape leaves 3 pixels above and 3 below, in the part and beside it.
    const draft = draftOf(4096, [shape("across", "A", box(0, 24, 2048, 1000))]);
    const gaps = askedGaps(draft, [[0, 0, 128, 128]]);
    expect(gaps.map(({ doubled }) => doubled / 2)).toEqual([1024 * 24, 1024 * 24]);
    expect(gaps.map(({ rings }) => labelPoint(rings).at[1]).sort((a, b) => a - b)).toEqual([12.01, 1012.01]);
  });

  it("is one piece where it goes on into a part beside it, and two where parts only touch at a corner", () => {
    expect(askedGaps(emptyDraft(256), [[0, 0, 8, 8], [8, 0, 8, 8]]).map(({ doubled }) => doubled / 2)).toEqual([64 * 128]);
    expect(askedGaps(emptyDraft(256), [[0, 0, 8, 8], [8, 8, 8, 8]]).map(({ doubled }) => doubled / 2)).toEqual([4096, 4096]);
  });

  it("is bare at the place that is gone to but for what is thinner than the grid, in the parts and as large as what they lack, whatever is drawn", () => {
    fc.assert(fc.property(coverages, askedWindows, (draft, windows) => {
      const gaps = askedGaps(draft, windows);
      const parts = askedParts(draft, windows);
      for (const { rings } of gaps) {
        const { at } = labelPoint(rings);
        // An outline that a part's border cuts is rounded, so that a label may reach in by a unit, an eighth of a pixel.
        const label = featureAt(draft, at);
        expect(label ? toOutline(at, label.rings) : 0).toBeLessThanOrEqual(1);
        expect(partAt(parts, at)).not.toBeNull();
        expect(rings.flat(2).every(Number.isInteger)).toBe(true);
      }
      expect(wrongShapes(gaps.map(({ rings }) => rings))).toBeNull();
      // Where an outline crosses a part's border it is rounded there, by half a unit at most along its length.
      const lacking = parts.reduce((sum, { share }) => sum + (1 - share) * 24 * 24, 0);
      expect(Math.abs(groundOf(gaps.map(({ rings }) => rings)) - lacking)).toBeLessThan(60);
    }), { numRuns: 60 });
  }, 60_000);
});

describe("shapes cut to the parts", () => {
  const cut = (shapes: readonly Feature[], windows: readonly AskedWindow[]): [string, number][] =>
    cutToAsked(shapes, windows).map(({ id, rings }) => [id, doubleArea(rings) / 2]);

  it("are all of them, as they are, where the whole tile is asked for", () => {
    const shapes = [shape("one", "A", box(0, 0, 256, 256))];
    expect(cutToAsked(shapes, [])).toBe(shapes);
  });

  it("have what lies in the parts: none of a shape beside them, a sliver of one that only enters", () => {
    const shapes = [shape("wide", "A", box(0, 0, 256, 256)), shape("enters", "B", box(184, 8, 256, 24)), shape("beside", "C", box(192, 0, 256, 64))];
    expect(cut(shapes.slice(1), WINDOWS)).toEqual([["enters", 8 * 16]]);
    const [first, second, ...none] = cut(shapes.slice(0, 1), WINDOWS);
    expect([first, second?.[1], none]).toEqual([["wide", 4096], 4096, []]);
    expect(second?.[0]).not.toBe("wide");
  });

  it("overlap nowhere, though an outline that is rounded turns over onto its neighbour", () => {
    const draft = draftOf(96, [
      shape("s0", "A", [[81, 22], [72, 24], [0, 0], [85, 0], [75, 76], [55, 56], [72, 34], [79, 26], [78, 26]]),
      shape("s1", "B", [[25, 36], [13, 56], [0, 0], [72, 24]]),
      shape("s2", "B", [[18, 75], [36, 71], [21, 87]]),
      shape("s3", "B", [[72, 34], [78, 26], [79, 26]]),
      shape("s4", "C", [[18, 75], [1, 78], [13, 56], [25, 36], [72, 24], [81, 22], [72, 34], [55, 56], [43, 70], [36, 71]]),
      shape("s5", "C", [[0, 79], [0, 78], [1, 78]]),
    ]);
    expect(wrong(cutToAsked(featuresOf(draft), [[9, 3, 3, 3], [0, 0, 3, 3]]))).toBeNull();
  });

  it("that share an edge share it still, on the grid, whatever their outlines are", () => {
    fc.assert(fc.property(coverages, askedWindows, (draft, windows) => {
      const shapes = cutToAsked(featuresOf(draft), windows);
      expect(wrong(shapes)).toBeNull();
      expect(cutToAsked(shapes, windows).map(({ rings }) => doubleArea(rings))).toEqual(shapes.map(({ rings }) => doubleArea(rings)));
    }), { numRuns: 60 });
  }, 60_000);
});
