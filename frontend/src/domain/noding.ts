/**
 * Snap rounding of a new shape into a coverage (Hobby 1999; Halperin and Packer 2002 for the repeated form).
 *
 * After `node`, no two edges that it touched cross, and no vertex lies within half a unit of an edge it does not end:
 * what is left for the polygon boolean is a planar graph on the grid, which it can only take apart, not add points to.
 */

import { BoxIndex } from "./boxindex";
import {
  type Box,
  boxesMeet,
  boxOf,
  cross,
  crossesProperly,
  isNearSegment,
  type Point,
  type Rings,
  roundedCrossing,
  samePoint,
} from "./geometry";

/** A vertex and the edge that leaves it. */
interface Vertex {
  point: Point;
  next: Vertex;
  owner: number;
}

const CELL_BITS = 7;
const MAX_STEPS = 2_000_000;

class Noding {
  private readonly cells = new Map<number, Vertex[]>();
  private readonly loaded = new Set<number>();
  private readonly starts: Vertex[][] = [];
  private readonly queue: Vertex[] = [];
  readonly changed = new Set<number>();
  readonly bent = new Set<number>();
  readonly bends: Box[] = [];

  /** The shape that is noded is owner 0, the others follow. */
  constructor(
    private readonly shapes: readonly Rings[],
    private readonly others: BoxIndex,
  ) {}

  load(owner: number): void {
    if (this.loaded.has(owner)) return;
    this.loaded.add(owner);
    const starts: Vertex[] = [];
    for (const ring of this.shapes[owner] ?? []) {
      const vertices = ring.map((point) => ({ point, owner }) as Vertex);
      vertices.forEach((vertex, i) => {
        vertex.next = vertices[(i + 1) % vertices.length] as Vertex;
      });
      vertices.forEach((vertex) => { this.index(vertex); });
      if (vertices[0]) starts.push(vertices[0]);
    }
    this.starts[owner] = starts;
  }

  private loadNear(box: Box): void {
    for (const place of this.others.near(box)) this.load(place + 1);
  }

  enqueue(owner: number): void {
    for (const start of this.starts[owner] ?? []) {
      let vertex = start;
      do {
        this.queue.push(vertex);
        vertex = vertex.next;
      } while (vertex !== start);
    }
  }

  private visitCells(box: Box, visit: (key: number) => void): void {
    for (let cx = (box.minX >> CELL_BITS); cx <= box.maxX >> CELL_BITS; cx++) {
      for (let cy = (box.minY >> CELL_BITS); cy <= box.maxY >> CELL_BITS; cy++) visit(cx * 65536 + cy);
    }
  }

  private index(vertex: Vertex): void {
    this.visitCells(edgeBox(vertex), (key) => {
      const cell = this.cells.get(key);
      if (cell) cell.push(vertex);
      else this.cells.set(key, [vertex]);
    });
  }

  /** Edges whose box meets this edge's box. An edge only ever shrinks within its first cells, so none is missed. */
  private near(vertex: Vertex): Set<Vertex> {
    const box = edgeBox(vertex);
    const found = new Set<Vertex>();
    this.visitCells(box, (key) => {
      for (const other of this.cells.get(key) ?? []) {
        if (other !== vertex && boxesMeet(edgeBox(other), box)) found.add(other);
      }
    });
    return found;
  }

  /** Bends an edge through a point, and with it every edge between the same two ends: a border stays one line. */
  private split(vertex: Vertex, point: Point): void {
    const [a, b] = [vertex.point, vertex.next.point];
    for (const other of this.near(vertex)) {
      const [c, d] = [other.point, other.next.point];
      if ((samePoint(a, c) && samePoint(b, d)) || (samePoint(a, d) && samePoint(b, c))) this.insert(other, point);
    }
    this.insert(vertex, point);
  }

  private insert(vertex: Vertex, point: Point): void {
    if (vertex.owner !== 0 && cross(vertex.point, vertex.next.point, point) !== 0) {
      this.bent.add(vertex.owner);
      this.bends.push(boxOf([[vertex.point, point, vertex.next.point]]));
    }
    const inserted: Vertex = { point, next: vertex.next, owner: vertex.owner };
    vertex.next = inserted;
    this.changed.add(vertex.owner);
    this.index(inserted);
    this.queue.push(vertex, inserted);
  }

  /** Bends the edge through the nearest vertex that lies within half a unit of it, if any does. */
  private snapToVertex(vertex: Vertex): boolean {
    const [a, b] = [vertex.point, vertex.next.point];
    for (const other of this.near(vertex)) {
      for (const p of [other.point, other.next.point]) {
        if (!samePoint(p, a) && !samePoint(p, b) && isNearSegment(p, a, b)) {
          this.split(vertex, p);
          return true;
        }
      }
    }
    return false;
  }

  /** Settles one edge against its neighbours; whatever it splits comes back in the queue. */
  private settle(vertex: Vertex): void {
    this.loadNear(edgeBox(vertex));
    if (this.snapToVertex(vertex)) return;
    const [a, b] = [vertex.point, vertex.next.point];
    for (const other of this.near(vertex)) {
      const [c, d] = [other.point, other.next.point];
      const own = [a, b].find((p) => !samePoint(p, c) && !samePoint(p, d) && isNearSegment(p, c, d));
      if (own) {
        this.split(other, own);
        this.queue.push(vertex);
        return;
      }
      if (!crossesProperly(a, b, c, d)) continue;
      this.queue.push(vertex);
      // The other edge first goes through the vertices that touch it, or bending it here could pass over one.
      this.loadNear(edgeBox(other));
      if (this.snapToVertex(other)) return;
      const p = roundedCrossing(a, b, c, d);
      if (!samePoint(p, c) && !samePoint(p, d)) this.split(other, p);
      if (!samePoint(p, a) && !samePoint(p, b)) this.split(vertex, p);
      return;
    }
  }

  run(): void {
    for (let steps = 0; this.queue.length > 0; steps++) {
      if (steps > MAX_STEPS) throw new Error(`Noding did not settle in ${MAX_STEPS} steps`);
      const vertex = this.queue.pop() as Vertex;
      if (!samePoint(vertex.point, vertex.next.point)) this.settle(vertex);
    }
  }

  rings(owner: number): Rings {
    return (this.starts[owner] ?? []).map((start) => {
      const points: Point[] = [];
      let vertex = start;
      do {
        points.push(vertex.point);
        vertex = vertex.next;
      } while (vertex !== start);
      return points;
    });
  }
}

function edgeBox(vertex: Vertex): Box {
  const [a, b] = [vertex.point, vertex.next.point];
  return {
    minX: Math.min(a[0], b[0]),
    minY: Math.min(a[1], b[1]),
    maxX: Math.max(a[0], b[0]),
    maxY: Math.max(a[1], b[1]),
  };
}

export interface Noded {
  readonly shape: Rings;
  /** The others that gained a vertex, by their place in the list. */
  readonly others: ReadonlyMap<number, Rings>;
  /** Of these, the ones whose outline moved by it, at most by a unit. */
  readonly bent: ReadonlySet<number>;
  /** Where outlines moved. */
  readonly bends: readonly Box[];
}

/**
 * Nodes `shape` with itself and with `others`, a coverage whose edges do not cross one another. `index` holds the
 * others.
 */
export function node(shape: Rings, others: readonly Rings[], index: BoxIndex = new BoxIndex(others)): Noded {
  const noding = new Noding([shape, ...others], index);
  noding.load(0);
  noding.enqueue(0);
  noding.run();
  const changed = [...noding.changed].filter((owner) => owner !== 0);
  return {
    shape: noding.rings(0),
    others: new Map(changed.map((owner) => [owner - 1, noding.rings(owner)])),
    bent: new Set([...noding.bent].map((owner) => owner - 1)),
    bends: noding.bends,
  };
}
