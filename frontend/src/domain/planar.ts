/**
 * From boundary edges to polygons whose inside is connected, in about the time a sort takes.
 *
 * Ground is a sum of rings, inside on the left (y counted upwards). Where two rings run along the same stretch in
 * opposite ways the stretch is no boundary any more and falls out; the others are walked face by face. The edges must
 * not cross: a vertex of one may lie on another, as between the features of a coverage.
 */

import { cross, doubleSignedArea, type Point, type Ring, type Rings } from "./geometry";
import { pointKey, VertexTable } from "./vertextable";

/** Directed edges between numbered vertices. */
interface Edges {
  readonly from: number[];
  readonly to: number[];
}

/** A closed walk around (a part of) the border of one face. */
interface Walk {
  readonly loops: readonly Ring[];
  /** Of its vertices the leftmost, then the lowest. */
  readonly leftmost: Point;
  /** The polygon it bounds, by its place in the list; -1 until known. */
  polygon: number;
}

/** Half of the turn (0 or 1) that the direction u lies in, clockwise from the direction w; w itself counts last. */
function half(wx: number, wy: number, ux: number, uy: number): number {
  const side = wx * uy - wy * ux;
  return side > 0 ? 1 : side < 0 ? 0 : wx * ux + wy * uy > 0 ? 2 : 1;
}

/** Walks faces over edges that no vertex lies on. */
class Faces {
  private readonly leaving: Int32Array;
  private readonly nextLeaving: Int32Array;
  private readonly used: Uint8Array;
  private readonly walkOf: Int32Array;
  private readonly place: Int32Array;
  private readonly walks: Walk[] = [];
  private readonly polygons: Ring[][] = [];

  constructor(
    private readonly vertices: VertexTable,
    private readonly edges: Edges,
  ) {
    const count = edges.from.length;
    this.leaving = new Int32Array(vertices.xs.length).fill(-1);
    this.place = new Int32Array(vertices.xs.length).fill(-1);
    this.nextLeaving = new Int32Array(count);
    this.used = new Uint8Array(count);
    this.walkOf = new Int32Array(count);
    for (let e = 0; e < count; e++) {
      const from = edges.from[e] as number;
      this.nextLeaving[e] = this.leaving[from] as number;
      this.leaving[from] = e;
    }
  }

  /** The edge that goes on around the face: the first one clockwise from where edge `came` came from. */
  private next(came: number): number {
    const { xs, ys } = this.vertices;
    const [u, v] = [this.edges.from[came] as number, this.edges.to[came] as number];
    const [vx, vy] = [xs[v] as number, ys[v] as number];
    const [bx, by] = [(xs[u] as number) - vx, (ys[u] as number) - vy];
    let best = -1;
    let [bestX, bestY, bestHalf] = [0, 0, 0];
    for (let e = this.leaving[v] as number; e >= 0; e = this.nextLeaving[e] as number) {
      if (this.used[e]) continue;
      const w = this.edges.to[e] as number;
      const [dx, dy] = [(xs[w] as number) - vx, (ys[w] as number) - vy];
      const turn = half(bx, by, dx, dy);
      if (best < 0 || turn < bestHalf || (turn === bestHalf && dx * bestY - dy * bestX < 0)) {
        [best, bestX, bestY, bestHalf] = [e, dx, dy, turn];
      }
    }
    return best;
  }

  /** One closed walk, cut into rings at the vertices it passes twice. */
  private walk(start: number): void {
    const loops: Ring[] = [];
    const stack: number[] = [];
    let leftmost = this.edges.from[start] as number;
    let edge = start;
    do {
      const from = this.edges.from[edge] as number;
      this.walkOf[edge] = this.walks.length;
      if (this.isLeftOf(from, leftmost)) leftmost = from;
      const seen = this.place[from] as number;
      if (seen >= 0) this.close(stack, seen, loops);
      this.place[from] = stack.length;
      stack.push(from);
      // The first edge stays open until the walk comes back to it.
      edge = this.next(edge);
      if (edge < 0) throw new Error("The boundary is not closed");
      this.used[edge] = 1;
    } while (edge !== start);
    this.close(stack, 0, loops);
    const outline = loops.find((ring) => doubleSignedArea(ring) > 0);
    if (outline) this.polygons.push([outline, ...loops.filter((ring) => ring !== outline)]);
    this.walks.push({ loops, leftmost: this.vertices.point(leftmost), polygon: outline ? this.polygons.length - 1 : -1 });
  }

  private close(stack: number[], from: number, loops: Ring[]): void {
    const ring = stack.splice(from);
    for (const vertex of ring) this.place[vertex] = -1;
    if (ring.length < 3) return;
    const points = ring.map((vertex) => this.vertices.point(vertex));
    if (doubleSignedArea(points) !== 0) loops.push(points);
  }

  private isLeftOf(a: number, b: number): boolean {
    const { xs, ys } = this.vertices;
    return (xs[a] as number) < (xs[b] as number) || (xs[a] === xs[b] && (ys[a] as number) < (ys[b] as number));
  }

  /** Gives each walk without an outline to the polygon whose border is first met to its left. */
  private placeHoles(): void {
    const open = this.walks.filter((walk) => walk.polygon < 0);
    if (open.length === 0) return;
    const falling = new FallingEdges(this.vertices, this.edges);
    // From left to right: what is met further left is placed already.
    open.sort((a, b) => a.leftmost[0] - b.leftmost[0] || a.leftmost[1] - b.leftmost[1]);
    for (const walk of open) {
      const met = falling.leftOf(walk.leftmost);
      if (met < 0) continue;
      walk.polygon = (this.walks[this.walkOf[met] as number] as Walk).polygon;
      this.polygons[walk.polygon]?.push(...walk.loops);
    }
  }

  all(): Rings[] {
    for (let e = 0; e < this.edges.from.length; e++) {
      if (!this.used[e]) this.walk(e);
    }
    this.placeHoles();
    return this.polygons.map(withoutInline);
  }
}

const STRIP_BITS = 4;

/** The edges that run towards smaller y, which have their inside on the right of the picture, in strips of y. */
class FallingEdges {
  private readonly strips = new Map<number, number[]>();

  constructor(
    private readonly vertices: VertexTable,
    private readonly edges: Edges,
  ) {
    for (let e = 0; e < edges.from.length; e++) {
      const top = vertices.ys[edges.from[e] as number] as number;
      const bottom = vertices.ys[edges.to[e] as number] as number;
      for (let strip = bottom >> STRIP_BITS; bottom < top && strip <= (top - 1) >> STRIP_BITS; strip++) {
        const list = this.strips.get(strip);
        if (list) list.push(e);
        else this.strips.set(strip, [e]);
      }
    }
  }

  /** The first such edge met going left from p, or -1; of two that meet at p's height, the one nearer just above it. */
  leftOf([px, py]: Point): number {
    const { xs, ys } = this.vertices;
    let best = -1;
    let [bestX, bestSlope] = [-Infinity, 0];
    for (const e of this.strips.get(py >> STRIP_BITS) ?? []) {
      const [from, to] = [this.edges.from[e] as number, this.edges.to[e] as number];
      const [x0, y0, x1, y1] = [xs[to] as number, ys[to] as number, xs[from] as number, ys[from] as number];
      if (py < y0 || py >= y1) continue;
      const slope = (x1 - x0) / (y1 - y0);
      const x = x0 + ((x1 - x0) * (py - y0)) / (y1 - y0);
      if (x < px && (x > bestX || (x === bestX && slope > bestSlope))) [best, bestX, bestSlope] = [e, x, slope];
    }
    return best;
  }
}

/** Drops vertices in line with their neighbours, save where two rings touch: a touch without a vertex of both rings
 * misleads some readers' overlap tests (GEOS 3.14 among them). */
function withoutInline(rings: Rings): Rings {
  const passed = new Set<number>();
  const touched = new Set<number>();
  if (rings.length > 1) {
    for (const [x, y] of rings.flat()) {
      const key = pointKey(x, y);
      if (passed.has(key)) touched.add(key);
      passed.add(key);
    }
  }
  return rings.map((ring) =>
    ring.filter((p, i) => {
      const before = ring[(i + ring.length - 1) % ring.length] as Point;
      const after = ring[(i + 1) % ring.length] as Point;
      return cross(before, p, after) !== 0 || touched.has(pointKey(p[0], p[1]));
    }),
  );
}

/** A sum of grounds, then taken apart into valid polygons. */
export class Boundary {
  private readonly vertices = new VertexTable();
  private readonly edges: Edges = { from: [], to: [] };
  private readonly walls: Edges = { from: [], to: [] };

  /** Adds a polygon's ground, whatever way its rings were drawn. It must not share ground with what is there. */
  add(rings: Rings): this {
    rings.forEach((ring, i) => { this.addRing(ring, doubleSignedArea(ring) > 0 === (i === 0)); });
    return this;
  }

  /** Takes a polygon's ground away. All of it must be there. */
  remove(rings: Rings): this {
    rings.forEach((ring, i) => { this.addRing(ring, doubleSignedArea(ring) > 0 !== (i === 0)); });
    return this;
  }

  private addRing(ring: Ring, forward: boolean): void {
    const first = this.vertices.add(ring[0] as Point);
    let last = first;
    for (let i = 1; i <= ring.length; i++) {
      const next = i < ring.length ? this.vertices.add(ring[i] as Point) : first;
      if (forward) this.push(this.edges, last, next);
      else this.push(this.edges, next, last);
      last = next;
    }
  }

  private push(edges: Edges, from: number, to: number): void {
    if (from === to) return;
    edges.from.push(from);
    edges.to.push(to);
  }

  /** One stretch of boundary, the inside on its left. */
  addEdge(a: Point, b: Point): this {
    this.push(this.edges, this.vertices.add(a), this.vertices.add(b));
    return this;
  }

  /** A line through the ground: it parts what it separates, and is nothing where it ends within. */
  addWall(a: Point, b: Point): this {
    this.push(this.walls, this.vertices.add(a), this.vertices.add(b));
    return this;
  }

  /** The edges cut wherever a vertex lies on them. */
  private cut(edges: Edges): Edges {
    const parts: Edges = { from: [], to: [] };
    const keep = (from: number, to: number): void => { this.push(parts, from, to); };
    edges.from.forEach((from, e) => { this.vertices.eachPart(from, edges.to[e] as number, keep); });
    return parts;
  }

  /** The edges without those that another one runs back along. */
  private uncancelled(edges: Edges): Edges {
    const count = edges.from.length;
    // Edges by their lower end: a list of the pairs met there, and how often each ran up rather than down.
    const first = new Int32Array(this.vertices.xs.length).fill(-1);
    const following = new Int32Array(count);
    const balance = new Int32Array(count);
    for (let e = 0; e < count; e++) {
      const [from, to] = [edges.from[e] as number, edges.to[e] as number];
      const low = Math.min(from, to);
      let same = first[low] as number;
      while (same >= 0 && (edges.from[same] as number) + (edges.to[same] as number) !== from + to) same = following[same] as number;
      if (same < 0) {
        same = e;
        following[e] = first[low] as number;
        first[low] = e;
      }
      balance[same] = (balance[same] as number) + (from === low ? 1 : -1);
    }
    const left: Edges = { from: [], to: [] };
    for (let e = 0; e < count; e++) {
      const [low, high] = [Math.min(edges.from[e] as number, edges.to[e] as number), Math.max(edges.from[e] as number, edges.to[e] as number)];
      const times = balance[e] as number;
      for (let i = 0; i < Math.abs(times); i++) this.push(left, times > 0 ? low : high, times > 0 ? high : low);
    }
    return left;
  }

  /** The ground as polygons that are each connected, in no order. */
  polygons(): Rings[] {
    const edges = this.uncancelled(this.cut(this.edges));
    const walls = this.cut(this.walls);
    walls.from.forEach((from, e) => {
      const to = walls.to[e] as number;
      this.push(edges, from, to);
      this.push(edges, to, from);
    });
    return new Faces(this.vertices, edges).all();
  }
}
