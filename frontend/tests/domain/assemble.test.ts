import { describe, expect, it } from "vitest";
import { assemble } from "../../src/domain/assemble";
import { doubleArea, type Ring } from "../../src/domain/geometry";
import { fault } from "./exact";

const outline: Ring = [[0, 0], [40, 0], [40, 40], [0, 40]];

describe("assemble", () => {
  it("leaves a polygon with separate holes as it is", () => {
    const rings = [outline, [[5, 5], [10, 5], [10, 10]], [[20, 20], [30, 20], [30, 30]]] as Ring[];
    const [only, ...others] = assemble(rings);
    expect(others).toEqual([]);
    expect(doubleArea(only ?? [])).toBe(3200 - 25 - 100);
  });

  it("takes out the ground that four holes touching in a circle enclose", () => {
    // Four diamonds around a square of side 10√2 whose corners they share: half-diagonal 10, area 200.
    const holes: Ring[] = [
      [[20, 10], [30, 20], [32, 8]],
      [[30, 20], [20, 30], [32, 32]],
      [[20, 30], [10, 20], [8, 32]],
      [[10, 20], [20, 10], [8, 8]],
    ];
    const parts = assemble([outline, ...holes]);
    const areas = parts.map((p) => doubleArea(p) / 2).sort((a, b) => a - b);
    // Each hole is a triangle of area |(10,10)×(12,-2)|/2 = 70: 1600 = 200 + 4·70 + 1120.
    expect(areas).toEqual([200, 1120]);
    expect(parts.map(fault)).toEqual([null, null]);
  });

  it("cuts a polygon in two where its hole touches the outline twice", () => {
    const parts = assemble([outline, [[20, 0], [25, 20], [20, 40], [15, 20]]]);
    expect(parts.map((p) => doubleArea(p) / 2)).toEqual([700, 700]);
  });

  it("keeps a hole that touches the outline once", () => {
    const parts = assemble([outline, [[20, 0], [25, 20], [15, 20]]]);
    expect(parts).toHaveLength(1);
    expect(parts[0]).toHaveLength(2);
    expect(doubleArea(parts[0] ?? []) / 2).toBe(1500);
  });
});
