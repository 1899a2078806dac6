import { type Box, boxesMeet, cachedBox, type Rings } from "./geometry";

const CELL_BITS = 7;

/** Shapes found by their boxes. */
export class BoxIndex {
  private readonly cells = new Map<number, number[]>();

  constructor(private readonly shapes: readonly Rings[]) {
    shapes.forEach((rings, i) => {
      const box = cachedBox(rings);
      eachCell(box, (key) => {
        const cell = this.cells.get(key);
        if (cell) cell.push(i);
        else this.cells.set(key, [i]);
      });
    });
  }

  /** Places in the list of the shapes whose box, grown by a unit, shares a point with the given one; each once. */
  near(box: Box): Set<number> {
    const found = new Set<number>();
    const grown: Box = { minX: box.minX - 1, minY: box.minY - 1, maxX: box.maxX + 1, maxY: box.maxY + 1 };
    eachCell(grown, (key) => {
      for (const i of this.cells.get(key) ?? []) {
        if (boxesMeet(cachedBox(this.shapes[i] as Rings), grown)) found.add(i);
      }
    });
    return found;
  }
}

function eachCell(box: Box, visit: (key: number) => void): void {
  for (let cx = box.minX >> CELL_BITS; cx <= box.maxX >> CELL_BITS; cx++) {
    for (let cy = box.minY >> CELL_BITS; cy <= box.maxY >> CELL_BITS; cy++) visit(cx * 65536 + cy);
  }
}
