import { boxesMeet, cachedBox, type Point, type Ring, type Rings } from "../domain/geometry";
import { CanvasLayer, pathOf, type Viewport } from "./canvas-layer";

export interface Sketch {
  /** The selected shape. */
  readonly selected?: Rings;
  /** Whether to show its vertices and the middles of its edges. */
  readonly handles?: boolean;
  readonly activeHandle?: Point | null;
  /** Shapes as they would become. */
  readonly previews?: readonly Rings[];
  /** A line being drawn, and whether it is closed. */
  readonly line?: Ring;
  readonly closed?: boolean;
  /** Where the next vertex would land. */
  readonly cursor?: Point | null;
  readonly colour?: string;
  /** A place to look at. */
  readonly mark?: Point | null;
}

/** An edge shorter than this on screen shows no handle in its middle. */
export const MIN_MIDDLE_PX = 26;

/** What is being drawn or changed, above the shapes: redrawn at each pointer move without touching them. */
export class SketchLayer extends CanvasLayer {
  private sketch: Sketch = {};
  private accent = "#0b6bcb";

  constructor() {
    super("sketch", 0);
  }

  get current(): Sketch {
    return this.sketch;
  }

  setSketch(sketch: Sketch): this {
    this.sketch = sketch;
    return this.redraw();
  }

  setAccent(accent: string): this {
    this.accent = accent;
    return this.redraw();
  }

  protected override draw(view: Viewport): void {
    const { context, scale } = view;
    context.lineJoin = "round";
    context.lineCap = "round";
    const { selected, previews, line, cursor, mark } = this.sketch;
    if (selected && boxesMeet(cachedBox(selected), view.box, 10 / scale)) {
      this.outline(view, pathOf(selected));
      if (this.sketch.handles) this.drawHandles(view, selected);
    }
    for (const preview of previews ?? []) this.outline(view, pathOf(preview), true);
    if (line && line.length > 0) this.drawLine(view, line);
    if (cursor) this.dot(view, cursor, 5, this.sketch.colour ?? this.accent);
    if (this.sketch.activeHandle) this.dot(view, this.sketch.activeHandle, 7, this.accent);
    if (mark) this.drawMark(view, mark);
  }

  private outline({ context, scale }: Viewport, path: Path2D, dashed = false): void {
    context.setLineDash(dashed ? [6 / scale, 4 / scale] : []);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 4.5 / scale;
    context.stroke(path);
    context.strokeStyle = this.accent;
    context.lineWidth = 2.5 / scale;
    context.stroke(path);
    context.setLineDash([]);
  }

  private drawHandles(view: Viewport, rings: Rings): void {
    const { box, scale } = view;
    const seen = ([x, y]: Point): boolean => x >= box.minX && x <= box.maxX && y >= box.minY && y <= box.maxY;
    for (const ring of rings) {
      ring.forEach((a, i) => {
        const b = ring[(i + 1) % ring.length] as Point;
        const middle: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
        if (Math.hypot(b[0] - a[0], b[1] - a[1]) * scale > MIN_MIDDLE_PX && seen(middle)) this.dot(view, middle, 3.5, this.accent, 0.85);
      });
      for (const point of ring) if (seen(point)) this.dot(view, point, 5.5, "#ffffff", 1, this.accent);
    }
  }

  private drawLine({ context, scale }: Viewport, line: Ring): void {
    const path = new Path2D();
    line.forEach(([x, y], i) => {
      if (i === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    });
    if (this.sketch.closed) path.closePath();
    const colour = this.sketch.colour ?? this.accent;
    if (line.length > 2) {
      context.globalAlpha = 0.25;
      context.fillStyle = colour;
      context.fill(path);
      context.globalAlpha = 1;
    }
    context.strokeStyle = "rgba(0,0,0,.75)";
    context.lineWidth = 4 / scale;
    context.stroke(path);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2 / scale;
    context.stroke(path);
  }

  private dot({ context, scale }: Viewport, [x, y]: Point, radius: number, fill: string, alpha = 1, border = "#ffffff"): void {
    context.globalAlpha = alpha;
    context.beginPath();
    context.arc(x, y, radius / scale, 0, 2 * Math.PI);
    context.fillStyle = fill;
    context.fill();
    context.lineWidth = 2 / scale;
    context.strokeStyle = border;
    context.stroke();
    context.globalAlpha = 1;
  }

  private drawMark({ context, scale }: Viewport, [x, y]: Point): void {
    for (const [radius, colour, width] of [[16, "#ffffff", 5], [16, "#c6281c", 3]] as const) {
      context.beginPath();
      context.arc(x, y, radius / scale, 0, 2 * Math.PI);
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.stroke();
    }
  }
}
