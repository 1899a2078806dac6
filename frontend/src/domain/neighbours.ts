/** Which shapes lie beside one another. */

import { boxesMeet, cachedBox, type Rings } from "./geometry";

interface Stretch {
  readonly line: string;
  readonly from: number;
  readonly to: number;
  /** How many of these numbers are one unit of length. */
  readonly scale: number;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** Each edge as a stretch of the line it lies on; edges of one line share ground where their stretches do. */
function* stretchesOf(rings: Rings): Generator<Stretch> {
  for (const ring of rings) {
    let a = ring[ring.length - 1];
    for (const b of ring) {
      if (a && (a[0] !== b[0] || a[1] !== b[1])) {
        const [wide, high] = [b[0] - a[0], b[1] - a[1]];
        const most = divisor(Math.abs(wide), Math.abs(high)) * (wide < 0 || (wide === 0 && high < 0) ? -1 : 1);
        const [dx, dy] = [wide / most, high / most];
        const along = [dx * a[0] + dy * a[1], dx * b[0] + dy * b[1]] as const;
        yield { line: `${dx},${dy},${dx * a[1] - dy * a[0]}`, from: Math.min(...along), to: Math.max(...along), scale: Math.hypot(dx, dy) };
      }
      a = b;
    }
  }
}

/** The shapes that share an edge with this one, or a part of one: those with the longest common limit first. */
export function edgeNeighbours<T extends { readonly rings: Rings }>(shape: T, all: readonly T[]): T[] {
  const lines = new Map<string, Stretch[]>();
  for (const stretch of stretchesOf(shape.rings)) {
    const known = lines.get(stretch.line);
    if (known) known.push(stretch);
    else lines.set(stretch.line, [stretch]);
  }
  const box = cachedBox(shape.rings);
  const shared = (other: T): number => {
    let length = 0;
    for (const { line, from, to, scale } of stretchesOf(other.rings)) {
      for (const own of lines.get(line) ?? []) length += Math.max(0, Math.min(own.to, to) - Math.max(own.from, from)) / scale;
    }
    return length;
  };
  return all.filter((other) => other !== shape && boxesMeet(box, cachedBox(other.rings)))
    .map((other) => ({ other, length: shared(other) }))
    .filter(({ length }) => length > 0)
    .sort((a, b) => b.length - a.length)
    .map(({ other }) => other);
}
