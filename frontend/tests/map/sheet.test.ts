import fc from "fast-check";
import { expect, it } from "vitest";
import type { Box } from "../../src/domain/geometry";
import { cellsOver, fromTheMiddle, holds, joined, patchOf } from "../../src/map/sheet/cells";
import { changeBetween, pack, ringsOf, type Shape, unpack } from "../../src/map/sheet/flat";
import { GridIndex } from "../../src/map/sheet/grid-index";

const SIDE = 4096;

const box = fc
  .tuple(fc.integer({ min: -200, max: SIDE }), fc.integer({ min: -200, max: SIDE }), fc.integer({ min: 0, max: 900 }), fc.integer({ min: 0, max: 900 }))
  .map(([x, y, w, h]): Box => ({ minX: x, minY: y, maxX: x + w, maxY: y + h }));

function square(id: string, x: number, y: number, side: number, code = "A"): Shape {
  return { id, class_code: code, rings: [[[x, y], [x + side, y], [x + side, y + side], [x, y + side]]] };
}

it("finds exactly the shapes whose boxes meet a box, in their order, also after changes", () => {
  const meets = (a: Box, b: Box): boolean => a.minX <= b.maxX && a.maxX >= b.minX && a.minY <= b.maxY && a.maxY >= b.minY;
  fc.assert(
    fc.property(fc.array(box, { maxLength: 60 }), fc.array(fc.nat(59), { maxLength: 20 }), box, (boxes, gone, asked) => {
      const index = new GridIndex<Box & { id: string }>(SIDE);
      const items = boxes.map((b, i) => ({ ...b, id: `${i}` }));
      for (const item of items) index.add(item);
      const without = new Set(gone.map(String));
      for (const id of without) index.remove(id);
      const left = items.filter((item) => !without.has(item.id));
      expect(index.size).toBe(left.length);
      expect(index.near(asked)).toEqual(left.filter((item) => meets(item, asked)));
    }),
  );
});

it("puts a shape in the place of one with the same id", () => {
  const index = new GridIndex<Box & { id: string }>(SIDE);
  index.add({ id: "a", minX: 0, minY: 0, maxX: 10, maxY: 10 });
  index.add({ id: "a", minX: 4000, minY: 4000, maxX: 4010, maxY: 4010 });
  expect(index.near({ minX: 0, minY: 0, maxX: 100, maxY: 100 })).toEqual([]);
  expect(index.near({ minX: 3990, minY: 3990, maxX: 4096, maxY: 4096 })).toHaveLength(1);
});

it("covers what the window shows of the tile with cells, and nothing beside the tile", () => {
  fc.assert(
    fc.property(box, fc.integer({ min: 90, max: 5000 }), (view, cell) => {
      const span = cellsOver(view, cell, SIDE);
      const isApart = view.maxX < 0 || view.maxY < 0 || view.minX > SIDE || view.minY > SIDE;
      if (isApart) {
        expect(fromTheMiddle(span, [0, 0])).toEqual([]);
        return;
      }
      for (const x of [Math.max(0, view.minX), Math.min(SIDE - 1, view.maxX)]) {
        for (const y of [Math.max(0, view.minY), Math.min(SIDE - 1, view.maxY)]) {
          if (x < SIDE && y < SIDE) expect(holds(span, Math.floor(x / cell), Math.floor(y / cell))).toBe(true);
        }
      }
      expect(span.toColumn * cell).toBeLessThan(SIDE);
      expect(span.fromRow).toBeGreaterThanOrEqual(0);
    }),
  );
});

it("takes the cells from the middle of the window outwards", () => {
  const order = fromTheMiddle({ fromColumn: 0, toColumn: 4, fromRow: 0, toRow: 4 }, [2.5, 2.5]);
  expect(order).toHaveLength(25);
  expect(order[0]).toEqual([2, 2]);
  expect(order.slice(-4).sort()).toEqual([[0, 0], [0, 4], [4, 0], [4, 4]]);
});

it("cuts a changed box into patches that cover it, line width included, and stay within their cells", () => {
  fc.assert(
    fc.property(box, fc.double({ min: 0.02, max: 4, noNaN: true }), (changed, scale) => {
      const size = 256;
      let area = 0;
      for (let row = 0; row < Math.ceil((SIDE * scale) / size); row++) {
        for (let column = 0; column < Math.ceil((SIDE * scale) / size); column++) {
          const patch = patchOf(changed, column, row, size, scale, 3);
          if (!patch) continue;
          expect(patch.x >= 0 && patch.y >= 0 && patch.x + patch.width <= size && patch.y + patch.height <= size).toBe(true);
          area += patch.width * patch.height;
        }
      }
      const within = (v: number): number => Math.max(0, Math.min(Math.ceil((SIDE * scale) / size) * size, v));
      const span = (from: number, to: number): number => within(Math.ceil(to * scale + 3)) - within(Math.floor(from * scale - 3));
      expect(area).toBe(Math.max(0, span(changed.minX, changed.maxX)) * Math.max(0, span(changed.minY, changed.maxY)));
    }),
    { numRuns: 60 },
  );
});

it("joins patches into one that holds both", () => {
  expect(joined(null, { x: 1, y: 2, width: 3, height: 4 })).toEqual({ x: 1, y: 2, width: 3, height: 4 });
  expect(joined({ x: 10, y: 0, width: 5, height: 5 }, { x: 0, y: 20, width: 5, height: 5 })).toEqual({ x: 0, y: 0, width: 15, height: 25 });
});

it("packs shapes and unpacks the same ones, exteriors turned one way and holes the other", () => {
  const ring: Shape["rings"] = [[[0, 0], [0, 80], [80, 80], [80, 0]], [[20, 20], [40, 20], [40, 40], [20, 40]]];
  const shapes: Shape[] = [{ id: "h", class_code: "B", rings: ring, confidence: 0.5 }, square("s", 100, 100, 50)];
  const [holed, plain] = unpack(pack(shapes));
  expect(holed).toMatchObject({ id: "h", code: "B", confidence: 0.5, minX: 0, maxX: 80, minY: 0, maxY: 80 });
  expect(plain).toMatchObject({ id: "s", code: "A", confidence: null, minX: 100, maxX: 150 });
  const area = (points: readonly (readonly [number, number])[]): number =>
    points.reduce((sum, [x, y], i) => {
      const [px, py] = points[(i + points.length - 1) % points.length] as readonly [number, number];
      return sum + px * y - x * py;
    }, 0) / 2;
  expect(holed && ringsOf(holed).map(area)).toEqual([6400, -400]);
  expect(plain && new Set(ringsOf(plain)[0]?.map(String))).toEqual(new Set(shapes[1]?.rings[0]?.map(String)));
});

it("finds what changed between two lists, by the objects themselves", () => {
  const [a, b, c] = [square("a", 0, 0, 10), square("b", 20, 0, 10), square("c", 40, 0, 10)];
  const moved = square("b", 22, 0, 10);
  const change = changeBetween(new Map([a, b, c].map((s) => [s.id, s])), [a, moved, square("d", 60, 0, 10)]);
  expect(change.removed).toEqual(["b", "c"]);
  expect(change.added.map((s) => s.id)).toEqual(["b", "d"]);
  expect(change.places).toHaveLength(4);
  const copy = { ...a };
  expect(changeBetween(new Map([["a", a]]), [copy]).places).toEqual([]);
});
