import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { featuresOf } from "../../src/domain/draft";
import { doubleArea, type Point, type Ring, type Rings } from "../../src/domain/geometry";
import { Boundary } from "../../src/domain/planar";
import { coverages, groundOf, labelled, wrongShapes } from "./coverages";
import { fault } from "./exact";
import { box } from "./shapes";

const areas = (shapes: readonly Rings[]): number[] => shapes.map((p) => doubleArea(p) / 2).sort((a, b) => a - b);
const outline: Ring = box(0, 0, 40, 40);

describe("Boundary", () => {
  it("joins two squares along their common border, whichever way they are drawn", () => {
    const parts = new Boundary().add([box(0, 0, 20, 20)]).add([[...box(20, 0, 40, 20)].reverse()]).polygons();
    expect(parts).toHaveLength(1);
    expect(new Set(parts[0]?.[0]?.map(String))).toEqual(new Set(["0,0", "40,0", "40,20", "0,20"]));
  });

  it("joins along a part of an edge, upright, level or slanting", () => {
    const upright = new Boundary().add([box(0, 0, 20, 40)]).add([box(20, 10, 30, 20)]).polygons();
    expect(areas(upright)).toEqual([900]);
    const level = new Boundary().add([box(0, 0, 40, 20)]).add([box(10, 20, 20, 30)]).polygons();
    expect(areas(level)).toEqual([900]);
    const slanting = new Boundary()
      .add([[[0, 0], [30, 30], [0, 30]]])
      .add([[[10, 10], [20, 0], [20, 20]]])
      .polygons();
    // 30·30/2 and 10·20/2.
    expect(areas(slanting)).toEqual([550]);
    expect([upright, level, slanting].flat().map(fault)).toEqual([null, null, null]);
  });

  it("keeps squares that meet at a corner apart", () => {
    const parts = new Boundary().add([box(0, 0, 10, 10)]).add([box(10, 10, 20, 20)]).polygons();
    expect(areas(parts)).toEqual([100, 100]);
  });

  it("takes ground away and leaves a hole, also one with an island in it", () => {
    const parts = new Boundary().add([outline]).remove([box(10, 10, 30, 30)]).add([box(15, 15, 20, 20)]).polygons();
    expect(areas(parts)).toEqual([25, 1200]);
    expect(parts.map((p) => p.length).sort()).toEqual([1, 2]);
  });

  it("gives each hole to the outline around it, past others of the same polygon", () => {
    const boundary = new Boundary().add([outline]).add([box(50, 0, 90, 40)]);
    for (const x of [5, 15, 25, 55, 65]) boundary.remove([box(x, 10, x + 5, 20)]);
    const parts = boundary.polygons();
    expect(areas(parts)).toEqual([1600 - 150, 1600 - 100]);
    expect(parts.map((p) => p.length).sort()).toEqual([3, 4]);
  });

  it("takes out the ground that four holes touching in a circle enclose", () => {
    const boundary = new Boundary().add([outline]);
    const triangles: Ring[] = [
      [[20, 10], [30, 20], [32, 8]],
      [[30, 20], [20, 30], [32, 32]],
      [[20, 30], [10, 20], [8, 32]],
      [[10, 20], [20, 10], [8, 8]],
    ];
    for (const ring of triangles) boundary.remove([ring]);
    const parts = boundary.polygons();
    // Each triangle has |(10,10)×(12,-2)|/2 = 70, the square between them 200: 1600 = 200 + 4·70 + 1120.
    expect(areas(parts)).toEqual([200, 1120]);
    expect(parts.map(fault)).toEqual([null, null]);
  });

  it("cuts a polygon in two where its hole touches the outline twice, and keeps a hole that touches it once", () => {
    const diamond: Ring = [[20, 0], [25, 20], [20, 40], [15, 20]];
    expect(areas(new Boundary().add([outline]).remove([diamond]).polygons())).toEqual([700, 700]);
    const [only, ...others] = new Boundary().add([outline]).remove([[[20, 0], [25, 20], [15, 20]]]).polygons();
    expect(others).toEqual([]);
    expect(only).toHaveLength(2);
    // The outline keeps a vertex where the hole touches its straight edge.
    expect(only?.[0]?.map(String)).toContain("20,0");
  });

  it("leaves nothing of ground taken back whole", () => {
    expect(new Boundary().add([outline]).remove([outline]).polygons()).toEqual([]);
  });

  it("parts ground along a wall from border to border, and not along one that ends within", () => {
    expect(areas(new Boundary().add([outline]).addWall([10, 0], [10, 40]).polygons())).toEqual([400, 1200]);
    const [whole, ...others] = new Boundary().add([outline]).addWall([10, 0], [10, 30]).polygons();
    expect(others).toEqual([]);
    expect(whole?.[0]).toHaveLength(4);
    expect(areas(new Boundary().add([outline]).addWall([10, 10], [20, 20]).polygons())).toEqual([1600]);
  });

  it("parts ground along a closed wall that touches nothing, with a tail to its left", () => {
    const boundary = new Boundary().add([outline]).addWall([5, 10], [10, 10]);
    const square = box(10, 10, 20, 20);
    square.forEach((p, i) => boundary.addWall(p, square[(i + 1) % 4] as Point));
    const parts = boundary.polygons();
    expect(areas(parts)).toEqual([100, 1500]);
    expect(parts.map(fault)).toEqual([null, null]);
  });

  it("refuses a boundary that does not close", () => {
    expect(() => new Boundary().addEdge([0, 0], [10, 0]).polygons()).toThrow("not closed");
  });

  it("adds up whatever parts of a coverage, exactly", () => {
    fc.assert(
      fc.property(coverages, fc.integer({ min: 0, max: 127 }), (draft, chosen) => {
        const some = featuresOf(draft).filter((_, i) => (chosen >> (i % 7)) & 1);
        const boundary = new Boundary();
        for (const feature of some) boundary.add(feature.rings);
        const parts = boundary.polygons();
        expect(wrongShapes(parts)).toBeNull();
        expect(groundOf(parts)).toBe(groundOf(some.map((f) => f.rings)));
        const all = new Boundary();
        for (const feature of featuresOf(draft)) all.add(feature.rings);
        expect(groundOf(all.polygons())).toBe(labelled(draft));
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
