import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { doubleArea, locate, type Point, type Rings } from "../../src/domain/geometry";
import {
  centreOf,
  doubtfulPlaces,
  meanDoubt,
  neighboursOf,
  segmentAt,
  type Segments,
  segmentsFromBytes,
  segmentsUnder,
  segmentTowards,
  traceSegments,
} from "../../src/domain/raster";
import { wrongShapes } from "./coverages";
import { fault } from "./exact";

/** Segments from rows of letters, a being 0. */
function segmentsOf(...rows: string[]): Segments {
  const ids = Uint16Array.from(rows.join(""), (letter) => letter.charCodeAt(0) - 97);
  return { side_px: rows.length, ids, count: Math.max(...ids) + 1 };
}

function bytesOf(ids: readonly number[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(2 * ids.length));
  ids.forEach((id, i) => { view.setUint16(2 * i, id, true); });
  return view.buffer;
}

const pixels = (shapes: readonly Rings[]): number[] => shapes.map((p) => doubleArea(p) / 128).sort((a, b) => a - b);
const trace = (segments: Segments, ...ids: number[]): Rings[] => traceSegments(segments, new Set(ids));

const quarters = segmentsOf("aabb", "aabb", "ccdd", "ccdd");

describe("segmentsFromBytes", () => {
  it("reads little-endian ids and counts them", () => {
    expect(segmentsFromBytes(bytesOf([0, 1, 2, 1]), 2)).toEqual({ side_px: 2, ids: Uint16Array.of(0, 1, 2, 1), count: 3 });
    const many = Array.from({ length: 400 }, (_, i) => i);
    expect(segmentsFromBytes(bytesOf(many), 20).ids[300]).toBe(300);
  });

  it("refuses another size and ids out of order, with the figures", () => {
    expect(() => segmentsFromBytes(bytesOf([0, 1, 2]), 2)).toThrow("a 2 px tile take 8 bytes, not 6");
    expect(() => segmentsFromBytes(bytesOf([0, 2, 1, 1]), 2)).toThrow("Segment 2 at pixel 1 comes before segment 1");
  });
});

describe("segmentAt", () => {
  it("is the segment of the pixel, eight units wide, and of the last one on the tile's far sides", () => {
    expect(segmentAt(quarters, [15.9, 0])).toBe(0);
    expect(segmentAt(quarters, [16, 0])).toBe(1);
    expect(segmentAt(quarters, [32, 32])).toBe(3);
  });

  it("is nothing outside the tile", () => {
    for (const p of [[-0.1, 5], [5, 32.1], [Number.NaN, 0]] as Point[]) expect(segmentAt(quarters, p)).toBeNull();
  });
});

describe("traceSegments", () => {
  it("follows pixel sides, with vertices only at turns", () => {
    const [only, ...others] = trace(segmentsOf("aab", "abb", "bbb"), 0);
    expect(others).toEqual([]);
    expect(only).toHaveLength(1);
    expect(new Set(only?.[0]?.map(String))).toEqual(new Set(["0,0", "16,0", "16,8", "8,8", "8,16", "0,16"]));
  });

  it("has no border between segments asked together", () => {
    expect(pixels(trace(quarters, 0, 1, 2, 3))).toEqual([16]);
    expect(trace(quarters, 0, 1, 2, 3)[0]?.[0]).toHaveLength(4);
  });

  it("keeps pixels apart that meet at a corner", () => {
    expect(pixels(trace(quarters, 0, 3))).toEqual([4, 4]);
  });

  it("makes holes, one that touches the outline at a corner too", () => {
    const ring = segmentsOf("baaa", "aaca", "aaaa", "aaaa");
    expect(trace(ring, 0)[0]).toHaveLength(2);
    // Pixel b of the corner and hole c meet at (8, 8).
    const touching = segmentsOf("baaa", "acaa", "aaaa", "aaaa");
    const [only] = trace(touching, 0);
    expect(only).toHaveLength(2);
    expect(fault(only ?? [])).toBeNull();
    expect(pixels(trace(touching, 0))).toEqual([14]);
  });

  it("is empty for segments that the tile has not", () => {
    expect(trace(quarters)).toEqual([]);
    expect(trace(quarters, 9)).toEqual([]);
  });

  it("is valid and has exactly the pixels asked, whatever the raster", () => {
    const side = 8;
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 2 }), { minLength: side * side, maxLength: side * side }), fc.subarray([0, 1, 2]), (ids, asked) => {
        const segments: Segments = { side_px: side, ids: Uint16Array.from(ids), count: 3 };
        const shapes = trace(segments, ...asked);
        expect(wrongShapes(shapes, 8 * side)).toBeNull();
        ids.forEach((id, i) => {
          const middle: Point = [8 * (i % side) + 4, 8 * Math.floor(i / side) + 4];
          expect(shapes.filter((rings) => locate(middle, rings) === 1)).toHaveLength(asked.includes(id) ? 1 : 0);
        });
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe("centreOf", () => {
  it("is the middle of the pixel furthest from the border, not of the box", () => {
    const bent = segmentsOf("aaabbb", "aaabbb", "aaabbb", "abbbbb", "abbbbb", "abbbbb");
    expect(centreOf(bent, 0)).toEqual([12, 12]);
    expect(segmentAt(bent, centreOf(bent, 1))).toBe(1);
  });

  it("names a segment that the tile has not", () => {
    expect(() => centreOf(quarters, 7)).toThrow("No segment 7 among 4");
  });
});

describe("neighboursOf and segmentTowards", () => {
  it("count pixel sides, not corners, and nothing across the tile's sides", () => {
    expect([0, 1, 2, 3].map((id) => neighboursOf(quarters, id))).toEqual([[1, 2], [0, 3], [0, 3], [1, 2]]);
    expect(neighboursOf(segmentsOf("abc", "abc", "abc"), 0)).toEqual([1]);
  });

  it("go from segment to segment until the side of the tile", () => {
    expect(segmentTowards(quarters, 0, "right")).toBe(1);
    expect(segmentTowards(quarters, 0, "down")).toBe(2);
    expect(segmentTowards(quarters, 3, "left")).toBe(2);
    expect(segmentTowards(quarters, 3, "up")).toBe(1);
    expect(segmentTowards(quarters, 0, "left")).toBeNull();
    expect(segmentTowards(quarters, 0, "up")).toBeNull();
  });

  it("prefer the neighbour that lies straight ahead", () => {
    const fork = segmentsOf("aabbbb", "aabbbb", "aacccc", "aacccc", "aacccc", "aadddd");
    expect(segmentTowards(fork, 0, "right")).toBe(2);
  });
});

describe("segmentsUnder", () => {
  it("has every segment that the line passes, also between its points", () => {
    expect([...segmentsUnder(quarters, [[4, 4], [30, 4]])]).toEqual([0, 1]);
    expect([...segmentsUnder(quarters, [[1, 14], [14, 1]])]).toEqual([0]);
    expect([...segmentsUnder(quarters, [[10, 4], [31, 30]])].sort()).toEqual([0, 1, 3]);
    expect([...segmentsUnder(quarters, [[4, 4], [-500, 4], [4, 20]])].sort()).toEqual([0, 2]);
  });

  it("has the segment of a single point, and none of none", () => {
    expect([...segmentsUnder(quarters, [[20, 20]])]).toEqual([3]);
    expect(segmentsUnder(quarters, []).size).toBe(0);
  });

  it("misses no pixel that the line goes through", () => {
    const side = 16;
    const each: Segments = { side_px: side, ids: Uint16Array.from({ length: side * side }, (_, i) => i), count: side * side };
    const at = fc.tuple(fc.double({ min: 0, max: 127, noNaN: true }), fc.double({ min: 0, max: 127, noNaN: true }));
    fc.assert(
      fc.property(at, at, (a, b) => {
        const found = segmentsUnder(each, [a, b]);
        for (let t = 0; t <= 1; t += 0.01) {
          const p: Point = [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])];
          // Right on a pixel side rounding decides.
          if (p.some((v) => Math.abs(v / 8 - Math.round(v / 8)) < 1e-9)) continue;
          expect(found.has(segmentAt(each, p) as number)).toBe(true);
        }
      }),
    );
  });
});

describe("doubt", () => {
  it("is averaged over a segment's pixels with imagery, 1 being none and 255 all", () => {
    const doubt = Uint8Array.from([1, 255, 0, 0, 128, 128, 0, 0, ...Array<number>(8).fill(1)]);
    // (0 + 1 + ½ + ½) / 4 with ½ = 127/254.
    expect(meanDoubt(quarters, doubt, 0)).toBe(0.5);
    expect(meanDoubt(quarters, doubt, 1)).toBe(0);
    expect(meanDoubt(quarters, doubt, 2)).toBe(0);
    expect(meanDoubt(quarters, doubt, 9)).toBe(0);
  });

  it("peaks are the most doubtful first, apart, and only on imagery", () => {
    const side = 64;
    const doubt = new Uint8Array(side * side).fill(1);
    const spot = (x: number, y: number, byte: number): void => {
      for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) doubt[(y + dy) * side + x + dx] = byte;
    };
    spot(20, 20, 150);
    spot(24, 20, 140);
    spot(50, 40, 255);
    for (let i = 0; i < side * 8; i++) doubt[i] = 0;
    const places = doubtfulPlaces(doubt, side);
    expect(places.map((p) => segmentAt({ side_px: side, ids: new Uint16Array(side * side), count: 1 }, p.at))).toEqual([0, 0]);
    expect(places[0]?.doubt).toBe(1);
    expect(Math.hypot((places[0]?.at[0] ?? 0) - 50.5 * 8, (places[0]?.at[1] ?? 0) - 40.5 * 8)).toBeLessThanOrEqual(16);
    expect(places[1]?.doubt).toBeCloseTo(149 / 254);
    expect(doubtfulPlaces(new Uint8Array(side * side), side)).toEqual([]);
    expect(doubtfulPlaces(new Uint8Array(side * side).fill(1), side)).toEqual([]);
  });
});
