import { describe, expect, it } from "vitest";
import { deleteFeatures } from "../../src/domain/actions/deleteFeatures";
import { insertVertex } from "../../src/domain/actions/insertVertex";
import { moveVertex } from "../../src/domain/actions/moveVertex";
import { relabel } from "../../src/domain/actions/relabel";
import { removeVertex } from "../../src/domain/actions/removeVertex";
import { replaceAll } from "../../src/domain/actions/replaceAll";
import { type Draft, draftOf, featuresOf } from "../../src/domain/draft";
import { doubleArea } from "../../src/domain/geometry";
import { coverageFault } from "./exact";
import { box, neighbours, shape } from "./shapes";

const area = (draft: Draft, id: string): number => doubleArea(draft.features.get(id)?.rings ?? []) / 2;

describe("moveVertex", () => {
  it("moves a shared vertex in both neighbours, so that no gap opens", () => {
    const draft = moveVertex("left", [20, 20], [26, 20])(neighbours());
    // The shared edge now leans from (20,0) to (26,20): a triangle of 6·20/2 = 60 changes sides.
    expect(area(draft, "left")).toBe(460);
    expect(area(draft, "right")).toBe(340);
    expect(coverageFault(featuresOf(draft), 100)).toBeNull();
  });

  it("bends the edge of a neighbour that runs through the vertex", () => {
    const start = draftOf(100, [
      shape("long", "A", box(0, 0, 60, 20)),
      shape("one", "B", box(0, 20, 30, 40)),
      shape("two", "C", box(30, 20, 60, 40)),
    ]);
    const draft = moveVertex("one", [30, 20], [30, 26])(start);
    expect(area(draft, "long")).toBe(1200 + (60 * 6) / 2);
    expect(coverageFault(featuresOf(draft), 100)).toBeNull();
  });

  it("takes the ground it is dragged over", () => {
    const start = draftOf(100, [shape("a", "A", box(0, 0, 20, 20)), shape("b", "B", box(30, 0, 50, 20))]);
    const draft = moveVertex("a", [20, 20], [40, 20])(start);
    expect(area(draft, "a")).toBe(600);
    expect(area(draft, "b")).toBeLessThan(400);
    expect(coverageFault(featuresOf(draft), 100)).toBeNull();
  });

  it("calls a model's shape corrected", () => {
    const draft = moveVertex("right", [20, 20], [22, 20])(neighbours());
    expect(draft.features.get("left")?.provenance).toBe("corrected");
  });

  it("gives the same draft back when nothing moved", () => {
    const start = neighbours();
    expect(moveVertex("left", [20, 20], [20, 20])(start)).toBe(start);
  });
});

describe("insertVertex", () => {
  it("bends a shared edge in both shapes", () => {
    const draft = insertVertex("left", [20, 0], [20, 20], [30, 10])(neighbours());
    expect(area(draft, "left")).toBe(500);
    expect(area(draft, "right")).toBe(300);
    expect(draft.features.get("left")?.rings[0]).toHaveLength(5);
  });

  it("puts a corner on a straight edge in both shapes, moves no ground, and leaves their origin as it was", () => {
    const start = neighbours();
    const draft = insertVertex("left", [20, 0], [20, 20], [20, 7])(start);
    for (const id of ["left", "right"]) {
      expect(draft.features.get(id)?.rings[0]).toContainEqual([20, 7]);
      expect(draft.features.get(id)?.provenance).toBe(start.features.get(id)?.provenance);
      expect(area(draft, id)).toBe(400);
    }
    const moved = moveVertex("left", [20, 7], [26, 7])(draft);
    expect([area(moved, "left"), area(moved, "right")]).toEqual([460, 340]);
    expect(coverageFault(featuresOf(moved), 100)).toBeNull();
  });
});

describe("removeVertex", () => {
  it("removes a shared vertex from both shapes", () => {
    const bent = insertVertex("left", [20, 0], [20, 20], [30, 10])(neighbours());
    const draft = removeVertex("left", [30, 10])(bent);
    expect(area(draft, "left")).toBe(400);
    expect(area(draft, "right")).toBe(400);
  });

  it("leaves a triangle as it is", () => {
    const start = draftOf(100, [shape("a", "A", [[0, 0], [10, 0], [0, 10]])]);
    expect(removeVertex("a", [0, 0])(start)).toBe(start);
  });
});

describe("relabel", () => {
  it("changes the class and leaves the earlier draft alone", () => {
    const start = neighbours();
    const draft = relabel(["left"], "C")(start);
    expect(draft.features.get("left")).toMatchObject({ class_code: "C", provenance: "corrected" });
    expect(start.features.get("left")).toMatchObject({ class_code: "A", provenance: "accepted" });
  });

  it("names the shape it cannot find", () => {
    expect(() => relabel(["gone"], "C")(neighbours())).toThrow("gone");
  });
});

describe("deleteFeature and replaceAll", () => {
  it("take shapes away and put others in their place", () => {
    expect([...deleteFeatures(["left"])(neighbours()).features.keys()]).toEqual(["right"]);
    expect([...replaceAll([shape("m", "M", box(0, 0, 5, 5))])(neighbours()).features.keys()]).toEqual(["m"]);
  });
});
