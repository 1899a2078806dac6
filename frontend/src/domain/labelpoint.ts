import { cachedBox, type Point, type Rings } from "./geometry";

/** A place well inside a polygon for its label: the middle of the widest stretch on a few level lines. */
export function labelPoint(rings: Rings): { at: Point; width: number } {
  const box = cachedBox(rings);
  let at: Point = [(box.minX + box.maxX) / 2, (box.minY + box.maxY) / 2];
  let width = 0;
  for (const share of [0.5, 0.35, 0.65, 0.2, 0.8]) {
    const y = box.minY + (box.maxY - box.minY) * share + 0.01;
    const crossings: number[] = [];
    for (const ring of rings) {
      let a = ring[ring.length - 1] as Point;
      for (const b of ring) {
        if (a[1] > y !== b[1] > y) crossings.push(a[0] + ((y - a[1]) / (b[1] - a[1])) * (b[0] - a[0]));
        a = b;
      }
    }
    crossings.sort((p, q) => p - q);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const [from, to] = [crossings[i] as number, crossings[i + 1] as number];
      if (to - from > width * 1.15) {
        width = to - from;
        at = [(from + to) / 2, y];
      }
    }
  }
  return { at, width };
}
