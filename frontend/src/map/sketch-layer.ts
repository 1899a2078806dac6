import { type Box, boxesMeet, boxOf, cachedBox, type Point, type Ring, type Rings } from "../domain/geometry";
import { CanvasLayer, pathOf, type Viewport } from "./canvas-layer";
import { drawDot, drawHandles, drawMark, drawRing, drawSnap, type SnapKind } from "./sketch-marks";

/** A stroke of the brush: its path and its width in units. */
export interface Band {
  readonly points: Ring;
  readonly width: number;
}

export interface Sketch {
  /** The selected shapes. */
  readonly selected?: readonly Rings[];
  /** Whether to show their vertices and the middles of their edges. */
  readonly handles?: boolean;
  readonly activeHandle?: Point | null;
  /** Shapes as they would become: the one in hand first, then those that follow it. */
  readonly previews?: readonly Rings[];
  /** What a click would act on. */
  readonly hovered?: readonly Rings[];
  /** Ground that the stroke in hand has reached. */
  readonly marked?: readonly Rings[];
  /** A line being drawn, and whether it is closed. */
  readonly line?: Ring;
  readonly closed?: boolean;
  readonly band?: Band | null;
  /** The brush under the pointer: its middle and its width in units. */
  readonly brush?: { readonly at: Point; readonly width: number } | null;
  /** Where the next vertex would land, and on what. */
  readonly cursor?: Point | null;
  readonly snap?: SnapKind | null;
  /** Colour of what is being drawn; none takes ground away. */
  readonly colour?: string | null;
  /** A place to look at. */
  readonly mark?: Point | null;
}

/** A finished shape that the map does not show yet. */
export interface Ghost {
  readonly shapes?: readonly Rings[];
  /** Shapes as they become, known by their outline only. */
  readonly outlines?: readonly Rings[];
  readonly band?: Band;
  readonly line?: Ring;
  /** None: the ground is being taken away. */
  readonly colour: string | null;
}

const TAKEN_AWAY = "#ffffff";

/** What is being drawn or changed, above the shapes: redrawn at each pointer move without touching them. */
export class SketchLayer extends CanvasLayer {
  private sketch: Sketch = {};
  private readonly ghosts = new Set<Ghost>();
  private accent = "#0b6bcb";

  constructor() {
    super("sketch", 0.1);
  }

  protected override get isBlank(): boolean {
    const { selected, previews, hovered, marked, line, band, brush, cursor, activeHandle, mark } = this.sketch;
    const lists = [selected, previews, hovered, marked, line];
    return this.ghosts.size === 0 && !band && !brush && !cursor && !activeHandle && !mark && lists.every((list) => !list?.length);
  }

  protected override get extent(): Box {
    const { selected = [], previews = [], hovered = [], marked = [], line, band, brush, cursor, activeHandle, mark } = this.sketch;
    const boxes = [...selected, ...previews, ...hovered, ...marked].map(cachedBox);
    const points = [cursor, activeHandle, mark].filter((point) => point !== null && point !== undefined);
    boxes.push(boxOf([points, line ?? []]), boxAround(band), boxAround(brush && { points: [brush.at], width: brush.width }));
    for (const ghost of this.ghosts) {
      boxes.push(...[...(ghost.shapes ?? []), ...(ghost.outlines ?? [])].map(cachedBox), boxOf([ghost.line ?? []]), boxAround(ghost.band));
    }
    return {
      minX: Math.min(...boxes.map((box) => box.minX)),
      minY: Math.min(...boxes.map((box) => box.minY)),
      maxX: Math.max(...boxes.map((box) => box.maxX)),
      maxY: Math.max(...boxes.map((box) => box.maxY)),
    };
  }

  get current(): Sketch {
    return this.sketch;
  }

  get held(): readonly Ghost[] {
    return [...this.ghosts];
  }

  setSketch(sketch: Sketch): this {
    this.sketch = sketch;
    return this.redraw();
  }

  setAccent(accent: string): this {
    this.accent = accent;
    return this.redraw();
  }

  /** Keeps a shape in sight whatever is drawn next, until the function that comes back is called. */
  hold(ghost: Ghost): () => void {
    this.ghosts.add(ghost);
    this.redraw();
    return () => {
      this.ghosts.delete(ghost);
      this.redraw();
    };
  }

  protected override draw(view: Viewport): void {
    const { context, scale } = view;
    context.lineJoin = "round";
    context.lineCap = "round";
    const { sketch, accent } = this;
    for (const ghost of this.ghosts) this.drawGhost(view, ghost);
    for (const rings of sketch.selected ?? []) {
      if (!boxesMeet(cachedBox(rings), view.box, 10 / scale)) continue;
      this.outline(view, pathOf(rings));
      if (sketch.handles) drawHandles(view, rings, accent);
    }
    for (const rings of sketch.marked ?? []) this.fill(view, pathOf(rings), sketch.colour, 0.55);
    for (const rings of sketch.hovered ?? []) this.outline(view, pathOf(rings));
    this.drawPreviews(view, sketch.previews ?? []);
    if (sketch.band) this.drawBand(view, sketch.band, sketch.colour);
    if (sketch.line && sketch.line.length > 0) this.drawLine(view, sketch.line, sketch.closed ?? false, sketch.colour);
    this.drawPointer(view);
  }

  private drawPointer(view: Viewport): void {
    const { sketch, accent } = this;
    if (sketch.brush) drawRing(view, sketch.brush.at, sketch.brush.width / 2, sketch.colour ?? TAKEN_AWAY);
    if (sketch.cursor && sketch.snap) drawSnap(view, sketch.cursor, sketch.snap, accent);
    else if (sketch.cursor) drawDot(view, sketch.cursor, 5, sketch.colour ?? TAKEN_AWAY, accent);
    if (sketch.activeHandle) drawDot(view, sketch.activeHandle, 7, accent, "#ffffff");
    if (sketch.mark) drawMark(view, sketch.mark);
  }

  private drawGhost(view: Viewport, ghost: Ghost): void {
    for (const rings of ghost.shapes ?? []) this.fill(view, pathOf(rings), ghost.colour, 0.45);
    this.drawPreviews(view, ghost.outlines ?? []);
    if (ghost.band) this.drawBand(view, ghost.band, ghost.colour);
    if (ghost.line) this.drawLine(view, ghost.line, false, ghost.colour);
  }

  private fill({ context, scale }: Viewport, path: Path2D, colour: string | null | undefined, alpha: number): void {
    context.globalAlpha = alpha;
    context.fillStyle = colour ?? TAKEN_AWAY;
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
    context.strokeStyle = "rgba(0,0,0,.6)";
    context.lineWidth = 1.5 / scale;
    context.stroke(path);
  }

  private outline({ context, scale }: Viewport, path: Path2D, width = 2.5): void {
    context.strokeStyle = "#ffffff";
    context.lineWidth = (width + 2) / scale;
    context.stroke(path);
    context.strokeStyle = this.accent;
    context.lineWidth = width / scale;
    context.stroke(path);
  }

  private drawPreviews(view: Viewport, shapes: readonly Rings[]): void {
    view.context.setLineDash([6 / view.scale, 4 / view.scale]);
    shapes.forEach((rings, i) => { this.outline(view, pathOf(rings), i === 0 ? 2.5 : 1); });
    view.context.setLineDash([]);
  }

  /** The ground the brush passed over, as it will be painted. */
  private drawBand({ context }: Viewport, band: Band, colour: string | null | undefined): void {
    context.globalAlpha = 0.5;
    context.lineWidth = band.width;
    context.strokeStyle = colour ?? TAKEN_AWAY;
    context.stroke(trace(band.points));
    context.globalAlpha = 1;
  }

  private drawLine({ context, scale }: Viewport, line: Ring, closed: boolean, colour: string | null | undefined): void {
    const path = trace(line);
    if (closed) path.closePath();
    if (closed && line.length > 2) {
      context.globalAlpha = 0.25;
      context.fillStyle = colour ?? TAKEN_AWAY;
      context.fill(path);
      context.globalAlpha = 1;
    }
    context.strokeStyle = "rgba(0,0,0,.75)";
    context.lineWidth = 4 / scale;
    context.stroke(path);
    context.setLineDash(colour === null ? [7 / scale, 5 / scale] : []);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2 / scale;
    context.stroke(path);
    context.setLineDash([]);
  }
}

function boxAround(band: Band | null | undefined): Box {
  const { minX, minY, maxX, maxY } = boxOf(band ? [band.points] : []);
  const reach = (band?.width ?? 0) / 2;
  return { minX: minX - reach, minY: minY - reach, maxX: maxX + reach, maxY: maxY + reach };
}

/** The path through the points; one alone makes a dot where lines have round ends. */
function trace(points: Ring): Path2D {
  const path = new Path2D();
  points.forEach(([x, y], i) => {
    if (i === 0) path.moveTo(x, y);
    if (i > 0 || points.length === 1) path.lineTo(x, y);
  });
  return path;
}
