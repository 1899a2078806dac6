/** Finds the shapes near a place among very many: a square grid of buckets over the tile. */

import type { Box } from "../../domain/geometry";

const BUCKETS = 48;

interface Entry<T> {
  readonly item: T;
  readonly order: number;
  visit: number;
}

export class GridIndex<T extends Box & { readonly id: string }> {
  private readonly buckets = new Map<number, Set<Entry<T>>>();
  private readonly entries = new Map<string, Entry<T>>();
  private order = 0;
  private visit = 0;

  constructor(private readonly side: number) {}

  get size(): number {
    return this.entries.size;
  }

  add(item: T): void {
    this.remove(item.id);
    const entry: Entry<T> = { item, order: this.order++, visit: 0 };
    this.entries.set(item.id, entry);
    for (const key of this.keysOf(item)) {
      let bucket = this.buckets.get(key);
      if (!bucket) this.buckets.set(key, (bucket = new Set()));
      bucket.add(entry);
    }
  }

  remove(id: string): void {
    const entry = this.entries.get(id);
    if (!entry) return;
    this.entries.delete(id);
    for (const key of this.keysOf(entry.item)) this.buckets.get(key)?.delete(entry);
  }

  /** Items whose boxes meet the box, in the order they were added. */
  near(box: Box): T[] {
    const visit = ++this.visit;
    const found: Entry<T>[] = [];
    for (const key of this.keysOf(box)) {
      for (const entry of this.buckets.get(key) ?? []) {
        if (entry.visit === visit) continue;
        entry.visit = visit;
        const { item } = entry;
        if (item.minX <= box.maxX && item.maxX >= box.minX && item.minY <= box.maxY && item.maxY >= box.minY) found.push(entry);
      }
    }
    return found.sort((a, b) => a.order - b.order).map((entry) => entry.item);
  }

  private bucketOf(value: number): number {
    return Math.max(0, Math.min(BUCKETS - 1, Math.floor((value * BUCKETS) / this.side)));
  }

  private *keysOf(box: Box): Generator<number> {
    const [left, right] = [this.bucketOf(box.minX), this.bucketOf(box.maxX)];
    for (let row = this.bucketOf(box.minY); row <= this.bucketOf(box.maxY); row++) {
      for (let column = left; column <= right; column++) yield row * BUCKETS + column;
    }
  }
}
