/** How a picture of the tile is cut into cells of the screen, and which of them are wanted. */

import type { Box } from "../../domain/geometry";

/** Columns and rows, both ends included; none when `toColumn` is before `fromColumn`. */
export interface Span {
  readonly fromColumn: number;
  readonly toColumn: number;
  readonly fromRow: number;
  readonly toRow: number;
}

/** A rectangle of a cell in its own pixels. */
export interface Patch {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The cells over a box in units that hold some of the tile; `cell` is a cell's side in units. */
export function cellsOver(box: Box, cell: number, side: number): Span {
  const last = Math.ceil(side / cell) - 1;
  const within = (v: number): number => Math.max(0, Math.min(last, Math.floor(v / cell)));
  const isOutside = box.maxX < 0 || box.maxY < 0 || box.minX > side || box.minY > side;
  if (isOutside) return { fromColumn: 0, toColumn: -1, fromRow: 0, toRow: -1 };
  return { fromColumn: within(box.minX), toColumn: within(box.maxX), fromRow: within(box.minY), toRow: within(box.maxY) };
}

export function holds(span: Span, column: number, row: number): boolean {
  return column >= span.fromColumn && column <= span.toColumn && row >= span.fromRow && row <= span.toRow;
}

/** The cells of a span, those nearest to a place first; the place is in cells. */
export function fromTheMiddle(span: Span, [x, y]: readonly [number, number]): [column: number, row: number][] {
  const found: [number, number][] = [];
  for (let row = span.fromRow; row <= span.toRow; row++) {
    for (let column = span.fromColumn; column <= span.toColumn; column++) found.push([column, row]);
  }
  const away = ([column, row]: [number, number]): number => (column + 0.5 - x) ** 2 + (row + 0.5 - y) ** 2;
  return found.sort((a, b) => away(a) - away(b));
}

/**
 * The part of a cell that a box in units touches once grown by `margin` pixels, in whole pixels of the cell's
 * picture; null when it touches none. `size` is the picture's side, `scale` its pixels to one unit.
 */
export function patchOf(box: Box, column: number, row: number, size: number, scale: number, margin: number): Patch | null {
  const x = Math.max(0, Math.floor(box.minX * scale - margin) - column * size);
  const y = Math.max(0, Math.floor(box.minY * scale - margin) - row * size);
  const right = Math.min(size, Math.ceil(box.maxX * scale + margin) - column * size);
  const bottom = Math.min(size, Math.ceil(box.maxY * scale + margin) - row * size);
  return right > x && bottom > y ? { x, y, width: right - x, height: bottom - y } : null;
}

/** The smallest patch that holds both. */
export function joined(a: Patch | null, b: Patch | null): Patch | null {
  if (!a || !b) return a ?? b;
  const x = Math.min(a.x, b.x);
  const y = Math.min(a.y, b.y);
  const right = Math.max(a.x + a.width, b.x + b.width);
  const bottom = Math.max(a.y + a.height, b.y + b.height);
  return { x, y, width: right - x, height: bottom - y };
}
