import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AskedPart, askedGaps, askedParts, askedShare, type AskedWindow, nextPart, notAsked, partAt } from "../../src/domain/asked";
import { draftOf, emptyDraft } from "../../src/domain/draft";
import { coverages, SIDE } from "./coverages";
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
  const gaps = askedGaps(draft, askedParts(draft, WINDOWS));
  expect(gaps.map(({ doubled }) => doubled / 2)).toEqual([64 * 16, 64 * 64]);
  expect(askedGaps(draftOf(256, [shape("all", "A", box(0, 0, 256, 256))]), askedParts(draft, WINDOWS))).toEqual([]);
});
