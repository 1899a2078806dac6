import type { Point } from "./geometry";

/** One number for a grid point, in the order of x, then y. Coordinates lie between -2^15 and 2^15. */
export function pointKey(x: number, y: number): number {
  return x * 65536 + y;
}

function commonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

/** The first place in a sorted list that holds more than `value`. */
function firstAbove(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Numbered vertices, found by their place, and which of them lie on an edge. */
export class VertexTable {
  private readonly ids = new Map<number, number>();
  readonly xs: number[] = [];
  readonly ys: number[] = [];
  /** The vertices in the order of x, then y, and of y, then x; null until asked for. */
  private columns: Float64Array | null = null;
  private rows: Float64Array | null = null;

  /** The number of the vertex at a place, made when there is none. */
  add([x, y]: Point): number {
    const key = pointKey(x, y);
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.xs.length;
      this.ids.set(key, id);
      this.xs.push(x);
      this.ys.push(y);
      this.columns = this.rows = null;
    }
    return id;
  }

  point(id: number): Point {
    return [this.xs[id] as number, this.ys[id] as number];
  }

  /** Calls `visit` with each part of the line from one vertex to another, cut where other vertices lie on it. */
  eachPart(from: number, to: number, visit: (from: number, to: number) => void): void {
    const { xs, ys } = this;
    const [x0, y0, x1, y1] = [xs[from] as number, ys[from] as number, xs[to] as number, ys[to] as number];
    let last = from;
    if (x0 === x1 || y0 === y1) {
      const isUpright = x0 === x1;
      const sorted = isUpright ? this.inColumns() : this.inRows();
      const [start, end, line] = isUpright ? [y0, y1, pointKey(x0, 0)] : [x0, x1, pointKey(y0, 0)];
      const low = firstAbove(sorted, line + Math.min(start, end));
      const high = firstAbove(sorted, line + Math.max(start, end) - 0.5);
      for (let i = low; i < high; i++) {
        const along = (sorted[start < end ? i : low + high - 1 - i] as number) - line;
        const id = this.ids.get(isUpright ? pointKey(x0, along) : pointKey(along, y0)) as number;
        visit(last, id);
        last = id;
      }
    } else {
      const steps = commonDivisor(Math.abs(x1 - x0), Math.abs(y1 - y0));
      const [dx, dy] = [(x1 - x0) / steps, (y1 - y0) / steps];
      for (let i = 1; i < steps; i++) {
        const id = this.ids.get(pointKey(x0 + i * dx, y0 + i * dy));
        if (id === undefined) continue;
        visit(last, id);
        last = id;
      }
    }
    if (last !== to) visit(last, to);
  }

  private inColumns(): Float64Array {
    return (this.columns ??= Float64Array.from(this.xs, (x, i) => pointKey(x, this.ys[i] as number)).sort());
  }

  private inRows(): Float64Array {
    return (this.rows ??= Float64Array.from(this.ys, (y, i) => pointKey(y, this.xs[i] as number)).sort());
  }
}
