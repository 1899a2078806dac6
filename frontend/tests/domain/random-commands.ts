/** Commands at random, from numbers alone, so that a failing sequence can be repeated and shortened. */
import type { Command } from "../../src/domain/command";
import { type Draft, type Feature, featuresOf } from "../../src/domain/draft";
import type { Point, Ring, Rings } from "../../src/domain/geometry";

/** Numbers from a seed (mulberry32). */
export function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const KINDS: readonly Command["kind"][] = [
  "draw", "draw", "draw", "draw", "paint", "paint", "erase", "fill", "fill_all", "split", "merge", "move_vertex", "move_vertex",
  "insert_vertex", "remove_vertex", "move_edge", "delete", "relabel", "take", "replace",
];

const CODES = ["A", "B", "C"];

/** Where a command goes, made of few numbers. */
export class Maker {
  private count = 0;

  constructor(
    private readonly random: () => number,
    private readonly side: number,
    private readonly name: string,
  ) {}

  private int(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  private pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.random() * list.length)] as T;
  }

  private newId(): string {
    this.count += 1;
    return `${this.name}-${this.count}`;
  }

  private ring(): Ring {
    const size = Math.max(8, Math.floor((this.side * (0.1 + this.random())) / 3));
    const [x, y] = [this.int(-size, this.side), this.int(-size, this.side)];
    const form = this.random();
    if (form < 0.35) return [[x, y], [x + size, y], [x + size, y + size], [x, y + size]];
    if (form < 0.5) {
      // On a coarse grid borders run together often, as those of segments do.
      const snap = (v: number): number => 8 * Math.round(v / 8);
      const far = snap(x) + 8 * this.int(1, 6);
      return [[snap(x), snap(y)], [far, snap(y)], [far, snap(y) + 16], [snap(x) + 8, snap(y) + 16], [snap(x) + 8, snap(y) + 8], [snap(x), snap(y) + 8]];
    }
    return Array.from({ length: this.int(3, 10) }, (): Point => [this.int(x, x + size), this.int(y, y + size)]);
  }

  private rings(): Rings {
    return [this.ring()];
  }

  private vertex(feature: Feature): { a: Point; b: Point } {
    const ring = this.pick(feature.rings);
    const i = this.int(0, ring.length - 1);
    return { a: ring[i] as Point, b: ring[(i + 1) % ring.length] as Point };
  }

  private near([x, y]: Point): Point {
    const reach = this.random() < 0.5 ? 3 : Math.floor(this.side / 4);
    return [x + this.int(-reach, reach), y + this.int(-reach, reach)];
  }

  command(kind: Command["kind"], draft: Draft): Command {
    const features = featuresOf(draft);
    const one = features.length > 0 ? this.pick(features) : null;
    const class_code = this.pick(CODES);
    const shapes = (): Rings[] => Array.from({ length: this.int(1, 4) }, () => this.rings());
    switch (kind) {
      case "paint":
        return { kind, shapes: shapes(), class_code, id: this.newId(), provenance: this.pick(["drawn", "segment"] as const) };
      case "erase":
        return { kind, shapes: shapes(), within: one && this.random() < 0.5 ? one.id : null };
      case "fill":
        return { kind, at: [this.int(0, this.side), this.int(0, this.side)], class_code, id: this.newId(), asked: [] };
      case "fill_all":
        if (this.random() < 0.3) return { kind, class_code, id: this.newId() };
        break;
      case "split":
        return { kind, line: this.ring(), ids: one && this.random() < 0.5 ? [one.id] : null };
      case "take":
        return { kind, features: this.suggestions(class_code) };
      case "replace":
        if (this.random() < 0.3) return { kind, features: features.filter(() => this.random() < 0.7) };
        break;
      case "draw":
        break;
      default:
        if (one) return this.change(kind, one, features, class_code);
    }
    return { kind: "draw", rings: this.rings(), class_code, id: this.newId() };
  }

  private suggestions(class_code: string): Feature[] {
    const [x, y, size] = [this.int(0, this.side - 8), this.int(0, this.side - 8), this.int(3, Math.floor(this.side / 3))];
    const [x1, y1] = [Math.min(this.side, x + size), Math.min(this.side, y + size)];
    return [
      { id: this.newId(), class_code, rings: [[[x, y], [x1, y], [x, y1]]], provenance: "accepted" },
      { id: this.newId(), class_code: "D", rings: [[[x1, y], [x1, y1], [x, y1]]], provenance: "copied" },
    ];
  }

  private change(kind: Command["kind"], one: Feature, features: readonly Feature[], class_code: string): Command {
    const { a, b } = this.vertex(one);
    const other = this.pick(features);
    switch (kind) {
      case "merge":
        return { kind, ids: [one.id, other.id] };
      case "move_vertex":
        return { kind, id: one.id, from: a, to: this.near(a) };
      case "insert_vertex":
        return { kind, id: one.id, a, b, at: this.near([Math.round((a[0] + b[0]) / 2), Math.round((a[1] + b[1]) / 2)]) };
      case "remove_vertex":
        return { kind, id: one.id, at: a };
      case "move_edge":
        return { kind, id: one.id, a, b, by: [this.int(-9, 9), this.int(-9, 9)] };
      case "relabel":
        return { kind, ids: [one.id, other.id], class_code };
      default:
        return { kind: "delete", ids: [one.id] };
    }
  }
}
