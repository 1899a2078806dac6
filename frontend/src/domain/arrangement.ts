/**
 * Boolean operations without arithmetic on crossings: once edges are noded (noding.ts) polygons form a planar graph
 * on the integer grid, and any union, intersection or difference is a choice of its faces. Everything is exact.
 *
 * Orientations are counted with y up; what they are called does not matter as long as it is the same everywhere.
 */

import { cross, doubleArea, doubleSignedArea, type Point, type Rings } from "./geometry";
import { Boundary } from "./planar";
import { VertexTable } from "./vertextable";

const STRIP_BITS = 4;

/** How often each source winds around a face; sources that do not are left out. */
export type Winds = ReadonlyMap<number, number>;

/** Exterior one way round, holes the other, so that a valid polygon winds once around its ground. */
export function oriented(rings: Rings): Rings {
  return rings.map((ring, i) => (doubleSignedArea(ring) > 0 === (i === 0) ? ring : [...ring].reverse()));
}

/** Gives equal keys the same small number. */
class Interned {
  private readonly ids = new Map<string, number>();
  readonly winds: Winds[] = [];

  idOf(winds: Winds): number {
    const pairs = [...winds].filter(([, n]) => n !== 0).sort(([a], [b]) => a - b);
    const key = pairs.join(";");
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.winds.length;
      this.ids.set(key, id);
      this.winds.push(new Map(pairs));
    }
    return id;
  }
}

/**
 * The planar graph of noded sources. Half-edge 2e runs along the edge e, half-edge 2e+1 back.
 */
export class Arrangement {
  private readonly table = new VertexTable();
  /** By vertex. */
  private readonly points: Point[] = [];
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  /** What crossing the edge from its right to its left adds. */
  private readonly steps: number[] = [];
  private readonly changes = new Interned();
  private readonly states = new Interned();
  private readonly crossed = new Map<number, number>();
  /** The half-edges that leave a vertex, counterclockwise. */
  private readonly stars: number[][] = [];
  private readonly placeInStar: number[] = [];
  /** The state of the face on the left of each half-edge. */
  private readonly left: number[] = [];
  private readonly strips = new Map<number, number[]>();

  /** `sources`: oriented rings, or single rings of any form; noded with one another, T-junctions allowed. */
  constructor(sources: readonly Rings[]) {
    this.addEdges(sources);
    this.sortStars();
    this.findStates();
  }

  private addEdges(sources: readonly Rings[]): void {
    for (const rings of sources) for (const ring of rings) for (const point of ring) this.points[this.table.add(point)] ??= point;
    const found = new Map<number, { from: number; to: number; winds: Map<number, number> }>();
    sources.forEach((rings, source) => {
      for (const ring of rings) {
        let a = ring[ring.length - 1] as Point;
        for (const b of ring) {
          this.table.eachPart(this.table.add(a), this.table.add(b), (u, v) => {
            const key = u < v ? u * 4194304 + v : v * 4194304 + u;
            let edge = found.get(key);
            if (!edge) {
              edge = { from: u, to: v, winds: new Map() };
              found.set(key, edge);
            }
            edge.winds.set(source, (edge.winds.get(source) ?? 0) + (edge.from === u ? 1 : -1));
          });
          a = b;
        }
      }
    });
    const nothing = this.changes.idOf(new Map());
    for (const { from, to, winds } of found.values()) {
      const step = this.changes.idOf(winds);
      if (step === nothing) continue;
      this.from.push(from);
      this.to.push(to);
      this.steps.push(step);
    }
  }

  private origin(half: number): number {
    return (half & 1 ? this.to[half >> 1] : this.from[half >> 1]) as number;
  }

  private point(vertex: number): Point {
    return this.points[vertex] as Point;
  }

  private sortStars(): void {
    for (let half = 0; half < 2 * this.from.length; half++) {
      const origin = this.origin(half);
      const star = this.stars[origin];
      if (star) star.push(half);
      else this.stars[origin] = [half];
    }
    this.stars.forEach((star, vertex) => {
      const centre = this.point(vertex);
      const end = (half: number): Point => this.point(this.origin(half ^ 1));
      const isLow = (p: Point): boolean => p[1] < centre[1] || (p[1] === centre[1] && p[0] < centre[0]);
      star.sort((g, h) => {
        const [p, q] = [end(g), end(h)];
        return isLow(p) === isLow(q) ? -cross(centre, p, q) : isLow(p) ? 1 : -1;
      });
      star.forEach((half, i) => {
        this.placeInStar[half] = i;
      });
    });
  }

  /** The state on the left of a half-edge, from the state on its right. */
  private across(right: number, half: number): number {
    const step = this.steps[half >> 1] as number;
    const sign = half & 1 ? -1 : 1;
    const key = (right * 2097152 + step) * 2 + (half & 1);
    let state = this.crossed.get(key);
    if (state === undefined) {
      const winds = new Map(this.states.winds[right]);
      for (const [source, n] of this.changes.winds[step] as Winds) winds.set(source, (winds.get(source) ?? 0) + sign * n);
      state = this.states.idOf(winds);
      this.crossed.set(key, state);
    }
    return state;
  }

  /** From the outside of each connected part inwards, vertex by vertex. */
  private findStates(): void {
    const seen = new Uint8Array(this.stars.length);
    const firstToLast = [...this.stars.keys()]
      .filter((vertex) => this.stars[vertex])
      .sort((u, v) => this.point(u)[0] - this.point(v)[0] || this.point(u)[1] - this.point(v)[1]);
    for (const start of firstToLast) {
      if (seen[start]) continue;
      const star = this.stars[start] as number[];
      const centre = this.point(start);
      // All edges of this part lead right of its first vertex: what lies left of it is in one sector.
      const before = star.findLast((half) => this.point(this.origin(half ^ 1))[1] >= centre[1]) ?? (star.at(-1) as number);
      this.left[before] = this.stateLeftOf(centre);
      seen[start] = 1;
      const open = [before];
      for (let known = open.pop(); known !== undefined; known = open.pop()) this.turn(known, seen, open);
    }
  }

  /** All states around the origin of a half-edge whose left is known; what this tells of new vertices goes in `open`. */
  private turn(known: number, seen: Uint8Array, open: number[]): void {
    const star = this.stars[this.origin(known)] as number[];
    const place = this.placeInStar[known] as number;
    let right = this.left[known] as number;
    for (let i = 1; i <= star.length; i++) {
      const half = star[(place + i) % star.length] as number;
      this.left[half ^ 1] = right;
      right = this.across(right, half);
      this.left[half] = right;
      const other = this.origin(half ^ 1);
      if (seen[other]) continue;
      seen[other] = 1;
      open.push(half ^ 1);
    }
  }

  /** The edges that may cross a level. */
  private strip(y: number): readonly number[] {
    if (this.strips.size === 0) {
      this.from.forEach((from, e) => {
        const [y0, y1] = [this.point(from)[1], this.point(this.to[e] as number)[1]];
        for (let strip = Math.min(y0, y1) >> STRIP_BITS; strip <= Math.max(y0, y1) >> STRIP_BITS; strip++) {
          const list = this.strips.get(strip);
          if (list) list.push(e);
          else this.strips.set(strip, [e]);
        }
      });
    }
    return this.strips.get(y >> STRIP_BITS) ?? [];
  }

  /** The state just left of a vertex that no edge reaches from the left: what a level line from afar crosses. */
  private stateLeftOf(at: Point): number {
    const winds = new Map<number, number>();
    for (const e of this.strip(at[1])) {
      const a = this.point(this.from[e] as number);
      const b = this.point(this.to[e] as number);
      if (a[1] > at[1] === b[1] > at[1] || (a[0] >= at[0] && b[0] >= at[0])) continue;
      const rises = b[1] > a[1];
      const side = cross(a, b, at);
      if (side === 0 || side > 0 === rises) continue;
      for (const [source, n] of this.changes.winds[this.steps[e] as number] as Winds) {
        winds.set(source, (winds.get(source) ?? 0) + (rises ? -n : n));
      }
    }
    return this.states.idOf(winds);
  }

  /** Which faces meet along an edge: each pair once. */
  *borders(): Generator<readonly [Winds, Winds]> {
    const met = new Set<number>();
    for (let half = 0; half < this.left.length; half += 2) {
      const [a, b] = [this.left[half] as number, this.left[half + 1] as number];
      const key = a * 2097152 + b;
      if (met.has(key)) continue;
      met.add(key);
      yield [this.states.winds[a] as Winds, this.states.winds[b] as Winds];
    }
  }

  /** The ground of each label but 0, as valid polygons that are each connected, the largest first. */
  polygons(labelOf: (winds: Winds) => number): Map<number, Rings[]> {
    const labels = this.states.winds.map(labelOf);
    const grounds = new Map<number, Boundary>();
    for (let half = 0; half < this.left.length; half++) {
      const own = labels[this.left[half] as number] as number;
      if (own === 0 || own === labels[this.left[half ^ 1] as number]) continue;
      let ground = grounds.get(own);
      if (!ground) {
        ground = new Boundary();
        grounds.set(own, ground);
      }
      ground.addEdge(this.point(this.origin(half)), this.point(this.origin(half ^ 1)));
    }
    const found = [...grounds].map(([own, ground]): [number, Rings[]] => [own, ground.polygons()]);
    for (const [, polygons] of found) polygons.sort((a, b) => doubleArea(b) - doubleArea(a));
    return new Map(found);
  }
}
