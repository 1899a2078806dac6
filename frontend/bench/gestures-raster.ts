/** Pixels of polygons, and connected parts of rasters, for the simulated people. */

import { SUBPIXELS, type Rings } from "../src/domain/geometry";
import type { Segments } from "../src/domain/raster";

/** Calls back for each pixel whose centre a polygon holds. */
export function visitPixels(rings: Rings, sidePx: number, visit: (index: number) => void): void {
  for (let row = 0; row < sidePx; row++) {
    const y = row * SUBPIXELS + SUBPIXELS / 2;
    const crossings: number[] = [];
    for (const ring of rings) {
      let a = ring[ring.length - 1];
      for (const b of ring) {
        if (a && a[1] <= y !== b[1] <= y) crossings.push(a[0] + ((y - a[1]) * (b[0] - a[0])) / (b[1] - a[1]));
        a = b;
      }
    }
    crossings.sort((p, q) => p - q);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const first = Math.max(0, Math.ceil(((crossings[i] as number) - SUBPIXELS / 2) / SUBPIXELS));
      const last = Math.min(sidePx, Math.ceil(((crossings[i + 1] as number) - SUBPIXELS / 2) / SUBPIXELS));
      for (let col = first; col < last; col++) visit(row * sidePx + col);
    }
  }
}

export function fillRaster(labels: Uint8Array, sidePx: number, rings: Rings, value: number): void {
  visitPixels(rings, sidePx, (i) => { labels[i] = value; });
}

export function pixelsOf(rings: Rings, sidePx: number): Int32Array {
  const found: number[] = [];
  visitPixels(rings, sidePx, (i) => found.push(i));
  return Int32Array.from(found);
}

/** Share of the known pixels that say the same. */
export function agreement(truth: Uint8Array, labels: Uint8Array): number {
  let known = 0;
  let same = 0;
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === 0) continue;
    known += 1;
    if (truth[i] === labels[i]) same += 1;
  }
  return known === 0 ? 1 : same / known;
}

/** Pixels that would become right, less those that would become wrong, if these all got the value. */
export function gainOf(pixels: ArrayLike<number>, value: number, truth: Uint8Array, labels: Uint8Array): number {
  let gain = 0;
  for (let k = 0; k < pixels.length; k++) {
    const i = pixels[k] as number;
    const known = truth[i] as number;
    if (known === 0) continue;
    gain += (known === value ? 1 : 0) - (known === labels[i] ? 1 : 0);
  }
  return gain;
}

/** 4-connected parts of the pixels with the same value; pixels of value 0 share one last part. */
export function partsOf(values: Uint8Array, sidePx: number): { segments: Segments; members: number[][] } {
  const ids = new Uint16Array(values.length).fill(0xffff);
  const members: number[][] = [];
  for (let start = 0; start < values.length; start++) {
    if (values[start] === 0 || ids[start] !== 0xffff) continue;
    const id = members.length;
    const part = [start];
    ids[start] = id;
    for (const i of part) {
      const col = i % sidePx;
      for (const j of [i - sidePx, i + sidePx, col > 0 ? i - 1 : -1, col < sidePx - 1 ? i + 1 : -1]) {
        if (j < 0 || j >= values.length || ids[j] !== 0xffff || values[j] !== values[start]) continue;
        ids[j] = id;
        part.push(j);
      }
    }
    members.push(part);
  }
  const count = members.length;
  for (let i = 0; i < ids.length; i++) if (ids[i] === 0xffff) ids[i] = count;
  return { segments: { side_px: sidePx, ids, count: count + 1 }, members };
}
