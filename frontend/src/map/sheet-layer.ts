import L from "leaflet";
import { type Box, cachedBox, SUBPIXELS } from "../domain/geometry";
import type { TileFrame } from "./frame";
import { fromTheMiddle, holds } from "./sheet/cells";
import type { SheetStyle } from "./sheet/easel";
import { changeBetween, pack, type Shape } from "./sheet/flat";
import { type Cell, Level } from "./sheet/level";
import type { SheetKind } from "./sheet/paint";
import type { Painter } from "./sheet/painter";

const CELL_PX = 256;
/** The picture of the whole tile, shown stretched where nothing better is drawn yet. */
const OVERVIEW_PX = 1024;
/** Pictures asked for at a time: one being painted, one waiting. */
const AT_ONCE = 2;
/** Cells are drawn this far beyond the window, and kept twice as far. */
const AHEAD_PX = 256;
/** More changes than this and everything is drawn again. */
const MANY = 400;

type Zooming = L.ZoomAnimEvent;

/**
 * Very many shapes over the map. They are painted beside the page in cells of the screen, the middle first, while the
 * picture there was stays, stretched: moving the map, zooming and changing a shape never wait for them, and nothing
 * is empty meanwhile. A changed shape has only its own ground painted again.
 */
export class SheetLayer extends L.Layer {
  private frame: TileFrame | null = null;
  private shapes: ReadonlyMap<string, Shape> = new Map();
  private list: readonly Shape[] = [];
  private style: SheetStyle = {
    colours: [], side: 0, opacity: 0.45, patterns: false, strong: false, threshold: 0, language: "en",
  };
  private shown: Level | null = null;
  /** The level that takes the place of the shown one as soon as its part in view is drawn. */
  private coming: Level | null = null;
  private overview: Level | null = null;
  private isZooming = false;
  private isVisible = true;
  private asked = 0;
  private frameRequest = 0;

  constructor(
    private readonly kind: SheetKind,
    private painter: Painter,
  ) {
    super();
    L.Util.setOptions(this, { pane: kind });
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    this.style = { ...this.style, side: frame.side };
    this.dropLevels();
    this.list = [];
    this.shapes = new Map();
    this.tellAll();
    return this;
  }

  /** Goes on with another painter, which knows nothing yet. */
  setPainter(painter: Painter): void {
    this.painter = painter;
    this.asked = 0;
    this.dropLevels();
    this.tellAll();
    this.update();
  }

  private tellAll(): void {
    this.painter.open(this.kind, this.style.side);
    this.painter.style(this.kind, this.style);
    this.painter.change(this.kind, [], pack(this.list));
  }

  setShapes(list: readonly Shape[]): this {
    if (list === this.list) return this;
    const { removed, added, places } = changeBetween(this.shapes, list);
    this.list = list;
    this.shapes = new Map(list.map((shape) => [shape.id, shape]));
    if (places.length === 0) return this;
    this.painter.change(this.kind, removed, pack(added));
    const boxes = places.length > MANY ? [undefined] : places.map(cachedBox);
    for (const level of this.levels()) for (const box of boxes) level.spoil(box);
    return this.update();
  }

  setStyle(change: Partial<SheetStyle>): this {
    this.style = { ...this.style, ...change };
    this.painter.style(this.kind, this.style);
    for (const level of this.levels()) level.spoil();
    return this.update();
  }

  setVisible(isVisible: boolean): this {
    this.isVisible = isVisible;
    const map = this._map as L.Map | null;
    const pane = map?.getPane(this.kind);
    if (pane) pane.style.display = isVisible ? "" : "none";
    return this.update();
  }

  /** Whether what is in view is drawn as it is. */
  get isFresh(): boolean {
    if (this.isBare || !this.isVisible) return true;
    const { shown, coming } = this;
    if (!shown || coming) return false;
    const view = shown.over(this.viewBox(0));
    return fromTheMiddle(view, [0, 0]).every(([column, row]) => {
      const cell = shown.at(column, row);
      return cell !== undefined && !cell.stale && !cell.isAsked;
    });
  }

  override onAdd(map: L.Map): this {
    map.on("zoomstart", this.onZoomStart, this);
    map.on("zoomanim", this.onZoomAnim, this);
    map.on("zoom viewreset", this.place, this);
    map.on("zoomend", this.onZoomEnd, this);
    map.on("move resize viewreset", this.update, this);
    return this.setVisible(this.isVisible);
  }

  override onRemove(map: L.Map): this {
    map.off("zoomstart", this.onZoomStart, this);
    map.off("zoomanim", this.onZoomAnim, this);
    map.off("zoom viewreset", this.place, this);
    map.off("zoomend", this.onZoomEnd, this);
    map.off("move resize viewreset", this.update, this);
    cancelAnimationFrame(this.frameRequest);
    this.frameRequest = 0;
    this.dropLevels();
    return this;
  }

  private levels(): Level[] {
    return [this.overview, this.shown, this.coming].filter((level) => level !== null);
  }

  private dropLevels(): void {
    for (const level of this.levels()) level.drop();
    this.shown = this.coming = this.overview = null;
  }

  /** Nothing to paint: no shape, in a sheet that shows shapes. */
  private get isBare(): boolean {
    return this.style.side === 0 || (this.shapes.size === 0 && this.kind !== "gaps");
  }

  // Where things are

  /** What the window shows, in units, with so many pixels around it; of another centre and zoom when given. */
  private viewBox(beyond: number, centre?: L.LatLng, zoom = this._map.getZoom()): Box {
    const map = this._map;
    const scale = (map.options.crs as L.CRS).scale(zoom) / SUBPIXELS;
    const [x, y] = this.frame?.toUnits(centre ?? map.getCenter()) ?? [0, 0];
    const half = map.getSize().divideBy(2).add([beyond, beyond]).divideBy(scale);
    return { minX: x - half.x, minY: y - half.y, maxX: x + half.x, maxY: y + half.y };
  }

  private place(): void {
    if (this.frame) for (const level of this.levels()) level.place(this._map, this.frame);
  }

  private onZoomStart(): void {
    this.isZooming = true;
  }

  private onZoomAnim({ center, zoom }: Zooming): void {
    if (!this.frame) return;
    for (const level of this.levels()) level.place(this._map, this.frame, center, zoom);
    this.fillHoles(this.viewBox(0, center, zoom), zoom);
  }

  private onZoomEnd(): void {
    this.isZooming = false;
    this.place();
    this.update();
  }

  // What is drawn

  /** Looks at the next frame, once however often it is asked, for what must be painted. */
  private update(): this {
    if ((this._map as L.Map | null) && this.frameRequest === 0) {
      this.frameRequest = requestAnimationFrame(() => {
        this.frameRequest = 0;
        this.plan();
      });
    }
    return this;
  }

  private plan(): void {
    const map = this._map as L.Map | null;
    // A hidden sheet keeps its pictures, to be brought up to date when it shows again.
    if (!map || !this.frame || this.isZooming || !this.isVisible) return;
    if (this.isBare) {
      this.dropLevels();
      return;
    }
    const target = this.target();
    const near = target.over(this.viewBox(AHEAD_PX));
    for (const [column, row] of fromTheMiddle(near, [0, 0])) target.cell(column, row);
    const kept = target.over(this.viewBox(2 * AHEAD_PX));
    for (const cell of target.cells.values()) if (!holds(kept, cell.column, cell.row)) target.forget(cell);
    this.fillHoles(this.viewBox(0), map.getZoom());
    this.ask();
  }

  /** The level of the present zoom; a new one waits unseen until its part in view is drawn. */
  private target(): Level {
    const scale = (this._map.options.crs as L.CRS).scale(this._map.getZoom()) / SUBPIXELS;
    const ratio = window.devicePixelRatio || 1;
    const fits = (level: Level | null): boolean => level?.scale === scale && level.ratio === ratio;
    if (this.shown && fits(this.shown)) {
      this.coming?.drop();
      this.coming = null;
      return this.shown;
    }
    if (!this.coming || !fits(this.coming)) {
      this.coming?.drop();
      this.coming = this.newLevel(scale, ratio, CELL_PX);
    }
    if (!this.overview) {
      this.overview = this.newLevel(OVERVIEW_PX / this.style.side, 1, OVERVIEW_PX);
      this.overview.cell(0, 0);
    }
    return this.coming;
  }

  private newLevel(scale: number, ratio: number, cellPx: number): Level {
    const level = new Level(this.getPane() as HTMLElement, scale, ratio, cellPx, this.style.side);
    level.isShown = false;
    if (this.frame) level.place(this._map, this.frame);
    return level;
  }

  /** Gives every cell in view that was never painted its part of the picture of the whole tile. */
  private fillHoles(view: Box, zoom: number): void {
    const { shown, overview } = this;
    const whole = overview?.at(0, 0);
    if (!overview || !whole || whole.isBlank) return;
    const now = (this._map.options.crs as L.CRS).scale(zoom) / SUBPIXELS;
    const isBetter = shown !== null && now / shown.scale > 0.5;
    overview.isShown = !isBetter;
    if (!shown) return;
    shown.isShown = isBetter;
    if (!isBetter) return;
    for (const [column, row] of fromTheMiddle(shown.over(view), [0, 0])) {
      const cell = shown.cell(column, row);
      if (!cell.isBlank) continue;
      const part = shown.cellUnits * overview.pixels;
      cell.context?.drawImage(whole.canvas, column * part, row * part, part, part, 0, 0, shown.size, shown.size);
      cell.isBlank = false;
    }
  }

  private ask(): void {
    while (this.asked < AT_ONCE) {
      const job = this.nextJob();
      if (!job) return;
      void this.paint(...job);
    }
  }

  /** What to paint next: what is in view, from the middle; the whole tile; then what may come into view. */
  private nextJob(): [Level, Cell] | null {
    const target = this.coming ?? this.shown;
    if (!target || !this.isVisible) return null;
    const centre = this.frame?.toUnits(this._map.getCenter()) ?? [0, 0];
    const middle = [centre[0] / target.cellUnits, centre[1] / target.cellUnits] as const;
    const find = (beyond: number): [Level, Cell] | null => {
      for (const [column, row] of fromTheMiddle(target.over(this.viewBox(beyond)), middle)) {
        const cell = target.at(column, row);
        if (cell?.stale && !cell.isAsked) return [target, cell];
      }
      return null;
    };
    const inView = find(0);
    if (inView) return inView;
    const whole = this.overview?.at(0, 0);
    if (this.overview && whole?.stale && !whole.isAsked) return [this.overview, whole];
    return find(AHEAD_PX);
  }

  private async paint(level: Level, cell: Cell): Promise<void> {
    const patch = cell.stale;
    if (!patch) return;
    const { painter } = this;
    cell.stale = null;
    cell.isAsked = true;
    this.asked += 1;
    const area = {
      x: cell.column * level.size + patch.x, y: cell.row * level.size + patch.y, width: patch.width, height: patch.height,
      scale: level.pixels, ratio: level.ratio,
    };
    const picture = await painter.paint(this.kind, area);
    if (painter !== this.painter) return;
    this.asked -= 1;
    cell.isAsked = false;
    if (!level.isDropped) {
      cell.context?.clearRect(patch.x, patch.y, patch.width, patch.height);
      cell.context?.drawImage(picture, patch.x, patch.y);
      cell.isBlank = false;
    }
    picture.close();
    if (!this.isZooming) {
      this.swap();
      this.ask();
    }
  }

  /** Shows the coming level once its part in view is drawn. */
  private swap(): void {
    const { coming } = this;
    if (!coming) return;
    const view = coming.over(this.viewBox(0));
    const isDrawn = fromTheMiddle(view, [0, 0]).every(([column, row]) => coming.at(column, row)?.isBlank === false);
    if (!isDrawn) return;
    coming.isShown = true;
    this.shown?.drop();
    if (this.overview) this.overview.isShown = false;
    this.shown = coming;
    this.coming = null;
  }
}
