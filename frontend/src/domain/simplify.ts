import type { Point, Ring } from "./geometry";

function offset2(p: Point, a: Point, b: Point): number {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const length2 = dx * dx + dy * dy;
  const t = length2 === 0 ? 0 : Math.max(0, Math.min(1, ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2));
  return (p[0] - a[0] - t * dx) ** 2 + (p[1] - a[1] - t * dy) ** 2;
}

/** A drawn line with fewer points, none of those left out further than `tolerance` (Douglas and Peucker 1973). */
export function simplify(line: Ring, tolerance: number): Ring {
  const keep = new Uint8Array(line.length);
  const spans: [number, number][] = [[0, line.length - 1]];
  keep[0] = 1;
  keep[line.length - 1] = 1;
  for (let span = spans.pop(); span; span = spans.pop()) {
    const [from, to] = span;
    let furthest = -1;
    let worst = tolerance * tolerance;
    for (let i = from + 1; i < to; i++) {
      const d = offset2(line[i] as Point, line[from] as Point, line[to] as Point);
      if (d > worst) {
        worst = d;
        furthest = i;
      }
    }
    if (furthest > 0) {
      keep[furthest] = 1;
      spans.push([from, furthest], [furthest, to]);
    }
  }
  return line.filter((_, i) => keep[i] === 1);
}
