import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { moveEdge } from "../../src/domain/actions/moveEdge";
import { type Draft, draftOf, featuresOf } from "../../src/domain/draft";
import { doubleArea, type Point } from "../../src/domain/geometry";
import { coverages, wrong } from "./coverages";
import { box, neighbours, shape } from "./shapes";

const area = (draft: Draft, id: string): number => doubleArea(draft.features.get(id)?.rings ?? []) / 2;

describe("moveEdge", () => {
  it("moves both ends in both neighbours", () => {
    const start = draftOf(100, [shape("left", "A", box(10, 10, 20, 30), "accepted"), shape("right", "B", box(20, 10, 40, 30))]);
    const draft = moveEdge("left", [20, 10], [20, 30], [5, 2])(start);
    // The edge goes to x = 25; sliding along itself it takes a triangle on one side and leaves one on the other.
    expect([area(draft, "left"), area(draft, "right")]).toEqual([300, 300]);
    expect(draft.features.get("left")?.provenance).toBe("corrected");
    expect(wrong(featuresOf(draft), 100)).toBeNull();
  });

  it("keeps a vertex on the side of the tile on that side", () => {
    const draft = moveEdge("left", [20, 0], [20, 20], [6, 9])(neighbours());
    // (20,0) goes to (26,0), (20,20) to (26,29): left is 0,0 26,0 26,29 0,20.
    expect(area(draft, "left")).toBe(26 * 20 + (26 * 9) / 2);
    expect(wrong(featuresOf(draft), 100)).toBeNull();
  });

  it("leaves the corner of the tile where it is, and no vertex outside", () => {
    const start = draftOf(100, [shape("a", "A", box(0, 60, 40, 100))]);
    const corner = moveEdge("a", [0, 100], [0, 60], [-30, -20])(start);
    expect(area(corner, "a")).toBe(40 * 40 + (20 * 40) / 2);
    const out = moveEdge("a", [40, 60], [40, 100], [500, 0])(start);
    expect(area(out, "a")).toBe(100 * 40);
  });

  it("bends a longer edge of a neighbour that runs through both ends", () => {
    const start = draftOf(100, [shape("long", "A", box(0, 0, 60, 20)), shape("inlet", "B", box(20, 20, 40, 40))]);
    const draft = moveEdge("inlet", [20, 20], [40, 20], [0, -8])(start);
    expect(area(draft, "inlet")).toBe(20 * 28);
    // The long shape's side now runs 0,20 20,12 40,12 60,20.
    expect(area(draft, "long")).toBe(1200 - (60 + 20) * 4);
    expect(wrong(featuresOf(draft), 100)).toBeNull();
  });

  it("moves an edge along itself without losing an end", () => {
    const start = draftOf(100, [shape("a", "A", box(10, 10, 20, 20))]);
    expect(area(moveEdge("a", [10, 10], [20, 10], [10, 0])(start), "a")).toBe(100);
  });

  it("gives the same draft back when nothing moves or the shape has no such edge", () => {
    const start = neighbours();
    expect(moveEdge("left", [20, 0], [20, 20], [0, 0])(start)).toBe(start);
    expect(moveEdge("left", [0, 0], [0, 0], [-5, -5])(start)).toBe(start);
    expect(moveEdge("left", [70, 0], [70, 20], [5, 0])(start)).toBe(start);
  });

  it("stays a coverage, whichever edge goes wherever", () => {
    const by = fc.tuple(fc.integer({ min: -40, max: 40 }), fc.integer({ min: -40, max: 40 }));
    fc.assert(
      fc.property(coverages, fc.nat(), fc.nat(), by, (start, which, corner, offset) => {
        const all = featuresOf(start);
        const feature = all[which % Math.max(1, all.length)];
        const ring = feature?.rings[0];
        if (!feature || !ring) return;
        const [a, b] = [ring[corner % ring.length] as Point, ring[(corner + 1) % ring.length] as Point];
        expect(wrong(featuresOf(moveEdge(feature.id, a, b, offset)(start)))).toBeNull();
      }),
      { numRuns: 80 },
    );
  }, 60_000);
});
