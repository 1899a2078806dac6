import { expect, it } from "vitest";
import type { Rings } from "../../src/domain/geometry";
import { edgeNeighbours } from "../../src/domain/neighbours";

const box = (x0: number, y0: number, x1: number, y1: number): { rings: Rings } => ({ rings: [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]] });

it("shapes are neighbours along an edge or a part of one, the longest common limit first; a corner is not enough", () => {
  const shape = box(0, 0, 10, 10);
  const whole = box(10, 0, 20, 10);
  const part = box(-5, 7, 0, 30);
  const longer = box(-10, -10, 8, 0);
  const corner = box(10, 10, 20, 20);
  const apart = box(30, 0, 40, 10);
  const over = box(5, 5, 15, 9);
  expect(edgeNeighbours(shape, [part, corner, shape, longer, apart, over, whole])).toEqual([whole, longer, part]);
});

it("limits at a slant count by their length, in either direction", () => {
  const shape = { rings: [[[0, 0], [8, 4], [0, 4]]] as Rings };
  const across = { rings: [[[12, 6], [-4, -2], [12, -2]]] as Rings };
  const below = box(0, 4, 8, 6);
  expect(edgeNeighbours(shape, [below, across])).toEqual([across, below]);
  const parallel = { rings: [[[0, -1], [8, 3], [8, -1]]] as Rings };
  expect(edgeNeighbours(shape, [parallel])).toEqual([]);
});

it("a shape in another's hole is beside it", () => {
  const inner = box(2, 2, 4, 4);
  const outer = { rings: [...box(0, 0, 9, 9).rings, ...box(2, 2, 4, 4).rings] };
  expect(edgeNeighbours(inner, [outer])).toEqual([outer]);
  expect(edgeNeighbours(outer, [inner])).toEqual([inner]);
});
