import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fill, fillAll } from "../../src/domain/actions/fill";
import { askedGaps, type AskedWindow } from "../../src/domain/asked";
import { CommandRefused } from "../../src/domain/command-refused";
import { draftOf, featuresOf } from "../../src/domain/draft";
import { gapsOf } from "../../src/domain/gaps";
import { boxOf, doubleArea, type Rings } from "../../src/domain/geometry";
import { labelPoint } from "../../src/domain/labelpoint";
import { askedWindows, coverages, groundOf, labelled, SIDE, wrong } from "./coverages";
import { box, shape } from "./shapes";

const outlineOf = (rings: Rings): number => rings.reduce((sum, ring) =>
  sum + ring.reduce((length, [x, y], i) => length + Math.hypot(x - (ring.at(i - 1)?.[0] ?? x), y - (ring.at(i - 1)?.[1] ?? y)), 0), 0);

const barred = () => draftOf(100, [shape("bar", "A", box(20, 0, 30, 100))]);

describe("fill", () => {
  it("gives the gap under the point a class and leaves the others", () => {
    const draft = fill([50.3, 50.7], "B", "new", [])(barred());
    expect(draft.features.get("new")).toMatchObject({ class_code: "B", provenance: "drawn" });
    expect(doubleArea(draft.features.get("new")?.rings ?? []) / 2).toBe(7000);
    expect(gapsOf(draft).map((rings) => doubleArea(rings) / 2)).toEqual([2000]);
  });

  it("makes a shape of its own beside one of the same class", () => {
    expect([...fill([5, 5], "A", "new", [])(barred()).features.keys()]).toEqual(["bar", "new"]);
  });

  it("takes a point on the border of a gap for one in it", () => {
    expect(fill([100, 100], "B", "new", [])(barred()).features.has("new")).toBe(true);
  });

  it("refuses ground that is labelled, or outside the tile", () => {
    expect(() => fill([25, 50], "B", "new", [])(barred())).toThrow("no_gap_here");
    expect(() => fill([125, 50], "B", "new", [])(barred())).toThrow(CommandRefused);
  });
});

describe("fill on a tile asked for by parts", () => {
  /** 512 units: one part of 16 × 16 pixels, of which all but the last two rows are labelled. */
  const asked: readonly AskedWindow[] = [[16, 16, 16, 16]];
  const most = () => draftOf(512, [shape("most", "A", box(128, 128, 256, 240))]);

  it("gives a class to what the part has of the gap, not to the rest of the tile", () => {
    const draft = fill([200, 250], "B", "new", asked)(most());
    expect(draft.features.get("new")).toMatchObject({ class_code: "B", provenance: "drawn" });
    expect(boxOf(draft.features.get("new")?.rings ?? [])).toEqual({ minX: 128, minY: 240, maxX: 256, maxY: 256 });
    expect(labelled(draft)).toBe(128 * 128);
  });

  it("takes a place on the part's border for one in the part", () => {
    expect(labelled(fill([256, 250], "B", "new", asked)(most()))).toBe(128 * 128);
  });

  it("fills all of the gap where somebody points beside the parts", () => {
    expect(labelled(fill([300, 250], "B", "new", asked)(most()))).toBe(512 * 512);
  });

  it("refuses labelled ground in a part, and goes on into a part beside it", () => {
    expect(() => fill([200, 200], "B", "new", asked)(most())).toThrow("no_gap_here");
    const two: readonly AskedWindow[] = [...asked, [32, 16, 16, 16]];
    expect(labelled(fill([200, 250], "B", "new", two)(most()))).toBe(2 * 128 * 128);
  });

  it("adds what was announced and leaves a coverage, whatever was drawn before", () => {
    fc.assert(
      fc.property(coverages, askedWindows, (start, windows) => {
        for (const { rings, doubled } of askedGaps(start, windows)) {
          const { at } = labelPoint(rings);
          const draft = fill(at, "Z", "z", windows)(start);
          expect(wrong(featuresOf(draft))).toBeNull();
          const added = featuresOf(draft).filter(({ class_code }) => class_code === "Z");
          // Cut again, an outline may be rounded otherwise where a part's border crosses it: by half a unit along it at most.
          const missing = Math.abs(groundOf(added.map((feature) => feature.rings)) - doubled / 2);
          expect(missing).toBeLessThanOrEqual(outlineOf(rings) / 2);
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
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
