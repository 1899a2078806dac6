import L from "leaflet";
import { type Box, SUBPIXELS } from "../../domain/geometry";
import type { TileFrame } from "../frame";
import { cellsOver, type Patch, patchOf, joined, type Span } from "./cells";

/** One square of a level, with its picture. */
export interface Cell {
  readonly column: number;
  readonly row: number;
  readonly canvas: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D | null;
  /** The part that no longer shows what there is. */
  stale: Patch | null;
  isAsked: boolean;
  /** Nothing was ever drawn in it. */
  isBlank: boolean;
}

/** Lines reach beyond their shapes by so much, in pixels of CSS. */
const LINE_PX = 3;

/** The sheet at one scale: cells laid from the tile's corner, drawn sharp at that scale and stretched at others. */
export class Level {
  readonly element: HTMLDivElement;
  readonly cells = new Map<string, Cell>();
  /** A cell's side in units. */
  readonly cellUnits: number;
  /** Its picture's side in pixels. */
  readonly size: number;
  isDropped = false;
  private readonly cellPx: number;

  constructor(
    pane: HTMLElement,
    /** Pixels of CSS to one unit. */
    readonly scale: number,
    /** Pixels of the screen to one of CSS. */
    readonly ratio: number,
    cellPx: number,
    private readonly side: number,
  ) {
    this.element = L.DomUtil.create("div", "leaflet-zoom-animated sheet-level", pane);
    this.element.setAttribute("aria-hidden", "true");
    this.size = Math.round(cellPx * ratio);
    this.cellPx = this.size / ratio;
    this.cellUnits = this.cellPx / scale;
  }

  /** Pixels of a picture to one unit. */
  get pixels(): number {
    return this.scale * this.ratio;
  }

  set isShown(isShown: boolean) {
    this.element.style.visibility = isShown ? "" : "hidden";
  }

  /** Puts the level where the map will show it with that centre and zoom; where it is now when none is given. */
  place(map: L.Map, frame: TileFrame, centre?: L.LatLng, zoom = map.getZoom()): void {
    const corner = frame.toLatLng([0, 0]);
    const stretch = (map.options.crs as L.CRS).scale(zoom) / SUBPIXELS / this.scale;
    L.DomUtil.setTransform(this.element, layerPoint(map, corner, centre, zoom), stretch);
  }

  over(box: Box): Span {
    return cellsOver(box, this.cellUnits, this.side);
  }

  at(column: number, row: number): Cell | undefined {
    return this.cells.get(`${column}/${row}`);
  }

  /** The cell there, made when it is missing, all of it stale. */
  cell(column: number, row: number): Cell {
    const known = this.at(column, row);
    if (known) return known;
    const canvas = L.DomUtil.create("canvas", "sheet-cell", this.element);
    canvas.width = canvas.height = this.size;
    canvas.style.width = canvas.style.height = `${this.cellPx}px`;
    canvas.style.left = `${column * this.cellPx}px`;
    canvas.style.top = `${row * this.cellPx}px`;
    const cell: Cell = {
      column, row, canvas, context: canvas.getContext("2d"), stale: this.whole(), isAsked: false, isBlank: true,
    };
    this.cells.set(`${column}/${row}`, cell);
    return cell;
  }

  forget(cell: Cell): void {
    cell.canvas.remove();
    this.cells.delete(`${cell.column}/${cell.row}`);
  }

  private whole(): Patch {
    return { x: 0, y: 0, width: this.size, height: this.size };
  }

  /** Marks the ground of a box as changed; all of it when none is given. */
  spoil(box?: Box): void {
    if (!box) {
      for (const cell of this.cells.values()) cell.stale = this.whole();
      return;
    }
    const margin = LINE_PX * this.ratio;
    const beyond = LINE_PX / this.scale;
    const span = this.over({ minX: box.minX - beyond, minY: box.minY - beyond, maxX: box.maxX + beyond, maxY: box.maxY + beyond });
    for (let row = span.fromRow; row <= span.toRow; row++) {
      for (let column = span.fromColumn; column <= span.toColumn; column++) {
        const cell = this.at(column, row);
        if (cell) cell.stale = joined(cell.stale, patchOf(box, column, row, this.size, this.pixels, margin));
      }
    }
  }

  drop(): void {
    this.isDropped = true;
    this.element.remove();
    this.cells.clear();
  }
}

/** Where a place lies in the map's panes, or will lie with another centre and zoom. */
export function layerPoint(map: L.Map, at: L.LatLng, centre?: L.LatLng, zoom = map.getZoom()): L.Point {
  if (!centre) return map.latLngToLayerPoint(at);
  const half = map.getSize().divideBy(2);
  return map.containerPointToLayerPoint(map.project(at, zoom).subtract(map.project(centre, zoom)).add(half));
}
