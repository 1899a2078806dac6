import { cross, type Point } from "./geometry";

const CELL_BITS = 6;
// Any coordinate from -2^18 to 2^18 has its own key.
const OFFSET = 262144;
const SPAN = 1048576;

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/** Numbered vertices, found by their place. */
export class VertexTable {
  readonly points: Point[] = [];
  private readonly ids = new Map<number, number>();
  private readonly cells = new Map<number, number[]>();

  add(point: Point): number {
    const key = (point[0] + OFFSET) * SPAN + point[1] + OFFSET;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.points.length;
      this.ids.set(key, id);
      this.points.push(point);
      const cell = cellKey(point[0] >> CELL_BITS, point[1] >> CELL_BITS);
      const others = this.cells.get(cell);
      if (others) others.push(id);
      else this.cells.set(cell, [id]);
    }
    return id;
  }

  /** The vertices in the cells that the segment ab runs through, and perhaps more. */
  *along(a: Point, b: Point): Generator<number> {
    for (const key of cellsAlong(a, b)) yield* this.cells.get(key) ?? [];
  }
}

/** The cells that the segment ab runs through, and perhaps a few beside it. */
export function* cellsAlong(a: Point, b: Point): Generator<number> {
  const [first, last] = a[0] <= b[0] ? [a, b] : [b, a];
  const slope = first[0] === last[0] ? 0 : (last[1] - first[1]) / (last[0] - first[0]);
  for (let cx = first[0] >> CELL_BITS; cx <= last[0] >> CELL_BITS; cx++) {
    const x0 = Math.max(first[0], cx << CELL_BITS);
    const x1 = Math.min(last[0], (cx + 1) << CELL_BITS);
    const y0 = slope === 0 ? Math.min(a[1], b[1]) : first[1] + slope * (x0 - first[0]);
    const y1 = slope === 0 ? Math.max(a[1], b[1]) : first[1] + slope * (x1 - first[0]);
    const [low, high] = y0 <= y1 ? [y0, y1] : [y1, y0];
    for (let cy = Math.floor(low - 1) >> CELL_BITS; cy <= Math.ceil(high + 1) >> CELL_BITS; cy++) yield cellKey(cx, cy);
  }
}

function cellKey(cx: number, cy: number): number {
  return cx * 65536 + cy;
}

/** The segment ab by the numbers of the vertices on it, from a to b. */
export function cutAtVertices(table: VertexTable, a: Point, b: Point): number[] {
  const ends = [table.add(a), table.add(b)];
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  if (dx === 0 && dy === 0) return [];
  if (gcd(Math.abs(dx), Math.abs(dy)) === 1) return ends;
  const along = (p: Point): number => (p[0] - a[0]) * dx + (p[1] - a[1]) * dy;
  const length = along(b);
  const on: { id: number; far: number }[] = [];
  for (const id of table.along(a, b)) {
    const p = table.points[id] as Point;
    const far = along(p);
    if (far > 0 && far < length && cross(a, b, p) === 0) on.push({ id, far });
  }
  if (on.length === 0) return ends;
  on.sort((p, q) => p.far - q.far);
  return [ends[0] as number, ...on.map((p) => p.id), ends[1] as number];
}
