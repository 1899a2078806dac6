import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { doubleArea, locate, type Point, type Rings } from "../../src/domain/geometry";
import { strokeOutline } from "../../src/domain/stroke";
import { fault, shareGround } from "./exact";

const area = (shapes: readonly Rings[]): number => shapes.reduce((sum, rings) => sum + doubleArea(rings) / 2, 0);
const covers = (shapes: readonly Rings[], p: Point): boolean => shapes.some((rings) => locate(p, rings) >= 0);

/** How far p is from the line. */
function distance(p: Point, line: readonly Point[]): number {
  return Math.min(
    ...line.map((b, i) => {
      const a = line[Math.max(0, i - 1)] as Point;
      const length2 = (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2;
      const along = (p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1]);
      const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, along / length2));
      return Math.hypot(p[0] - a[0] - t * (b[0] - a[0]), p[1] - a[1] - t * (b[1] - a[1]));
    }),
  );
}

describe("strokeOutline", () => {
  it("is a disc for a touch", () => {
    const [disc, ...others] = strokeOutline([[100, 100]], 40);
    expect(others).toEqual([]);
    expect(disc?.[0]?.length).toBeGreaterThanOrEqual(16);
    for (const p of disc?.[0] ?? []) expect(Math.abs(Math.hypot(p[0] - 100, p[1] - 100) - 40)).toBeLessThanOrEqual(1);
  });

  it("is a band with round ends for a straight line", () => {
    const band = strokeOutline([[100, 100], [200, 100], [300, 100]], 40);
    // 200·80 between the ends, and a disc of 1600π: polygon and grid take less than 3 % of it.
    expect(area(band)).toBeGreaterThan(16_000 + 0.97 * 1600 * Math.PI - 400);
    expect(area(band)).toBeLessThan(16_000 + 1600 * Math.PI + 400);
    expect(covers(band, [200, 62])).toBe(true);
    expect(covers(band, [200, 145])).toBe(false);
  });

  it("leaves the hole of a ring open", () => {
    const ring = Array.from({ length: 41 }, (_, i): Point => [500 + 200 * Math.cos((i * Math.PI) / 20), 500 + 200 * Math.sin((i * Math.PI) / 20)]);
    const [shape, ...others] = strokeOutline(ring, 40);
    expect(others).toEqual([]);
    expect(shape).toHaveLength(2);
    expect(covers([shape ?? []], [500, 500])).toBe(false);
  });

  it("is nothing without a point, and something however small the brush", () => {
    expect(strokeOutline([], 40)).toEqual([]);
    expect(area(strokeOutline([[5.4, 5.4]], 0.2))).toBeGreaterThan(0);
  });

  it("has at most a thousand vertices for a long stroke that winds", () => {
    const line = Array.from({ length: 500 }, (_, i): Point => [200 + 7 * i + ((i * 7919) % 3), 2000 + 900 * Math.sin(i / 9)]);
    const shapes = strokeOutline(line, 12);
    expect(shapes.flat(2).length).toBeLessThanOrEqual(1000);
    expect(shapes.map(fault).filter(Boolean)).toEqual([]);
  }, 20_000);

  it("covers what is well within the brush and nothing well outside, as valid polygons", () => {
    const at = fc.tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 600 }));
    fc.assert(
      fc.property(fc.array(at, { minLength: 1, maxLength: 8 }), fc.integer({ min: 16, max: 120 }), (line, radius) => {
        const shapes = strokeOutline(line, radius);
        expect(shapes.map(fault).filter(Boolean)).toEqual([]);
        shapes.forEach((a, i) => { for (const b of shapes.slice(i + 1)) expect(shareGround(a, b)).toBe(false); });
        // The thinning of the line, the corners of the brush and the grid.
        const slack = Math.max(4, radius / 12) + 0.02 * radius + 2;
        for (let x = -100.5; x < 700; x += 50) {
          for (let y = -100.5; y < 700; y += 50) {
            const far = distance([x, y], line);
            if (far < radius - slack) expect(covers(shapes, [x, y])).toBe(true);
            if (far > radius + slack) expect(covers(shapes, [x, y])).toBe(false);
          }
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
