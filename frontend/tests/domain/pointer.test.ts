import { describe, expect, it } from "vitest";
import { draftOf } from "../../src/domain/draft";
import { clipToSquare, doubleArea } from "../../src/domain/geometry";
import { featureAt, snap } from "../../src/domain/hittest";
import { labelPoint } from "../../src/domain/labelpoint";
import { simplify } from "../../src/domain/simplify";
import { box, neighbours, shape } from "./shapes";

describe("featureAt", () => {
  it("finds the shape under a point, the newest on a shared edge, none in a hole or outside", () => {
    const draft = draftOf(100, [{ id: "ring", class_code: "A", provenance: "drawn", rings: [box(0, 0, 30, 30), box(10, 10, 20, 20)] }]);
    expect(featureAt(draft, [5, 5])?.id).toBe("ring");
    expect(featureAt(draft, [15, 15])).toBeNull();
    expect(featureAt(draft, [31, 5])).toBeNull();
    expect(featureAt(neighbours(), [20, 10])?.id).toBe("right");
  });
});

describe("snap", () => {
  const shapes = [[box(10, 10, 40, 40)]];
  it("prefers a vertex, then an edge, then the tile's side", () => {
    expect(snap(shapes, [12, 11], 4, 100)).toEqual([10, 10]);
    expect(snap(shapes, [25.2, 42], 4, 100)).toEqual([25, 40]);
    expect(snap(shapes, [97.5, 60.4], 4, 100)).toEqual([100, 60]);
  });
  it("rounds a point that is near nothing, and leaves it outside the tile when it is there", () => {
    expect(snap(shapes, [60.4, 70.6], 4, 100)).toEqual([60, 71]);
    expect(snap(shapes, [-30.2, 50], 4, 100)).toEqual([-30, 50]);
  });
});

describe("clipToSquare", () => {
  it("cuts a diamond at the four sides", () => {
    // A diamond of half-diagonal 60 on the middle of a square of 100 loses four corners of 2·(10·10)/2.
    const cut = clipToSquare([[50, -10], [110, 50], [50, 110], [-10, 50]], 100);
    expect(cut).toHaveLength(8);
    expect(doubleArea([cut]) / 2).toBe(7200 - 4 * 100);
  });
});

describe("simplify", () => {
  it("drops points within the tolerance and keeps corners", () => {
    expect(simplify([[0, 0], [10, 1], [20, 0], [20, 10], [20, 20]], 2)).toEqual([[0, 0], [20, 0], [20, 20]]);
  });
});

describe("labelPoint", () => {
  it("stays on the ground of a shape whose middle is a hole", () => {
    const draft = draftOf(100, [{ ...shape("ring", "A", box(0, 0, 40, 40)), rings: [box(0, 0, 40, 40), box(12, 12, 36, 28)] }]);
    const place = labelPoint(draft.features.get("ring")?.rings ?? []);
    expect(featureAt(draft, place.at)?.id).toBe("ring");
    expect(place.width).toBe(40);
  });
});
