import type { Point, Rings } from "../domain/geometry";
import type { Viewport } from "./canvas-layer";

export type SnapKind = "vertex" | "edge" | "side";

/** An edge shorter than this on screen shows no handle in its middle. */
export const MIN_MIDDLE_PX = 26;

export function drawDot({ context, scale }: Viewport, [x, y]: Point, radius: number, fill: string, border: string, alpha = 1): void {
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

/** The vertices of a shape, and smaller the middles of its edges, where they are in view and far enough apart. */
export function drawHandles(view: Viewport, rings: Rings, accent: string): void {
  const { box, scale } = view;
  const seen = ([x, y]: Point): boolean => x >= box.minX && x <= box.maxX && y >= box.minY && y <= box.maxY;
  for (const ring of rings) {
    ring.forEach((a, i) => {
      const b = ring[(i + 1) % ring.length] as Point;
      const middle: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      if (Math.hypot(b[0] - a[0], b[1] - a[1]) * scale > MIN_MIDDLE_PX && seen(middle)) drawDot(view, middle, 3.5, accent, "#ffffff", 0.85);
    });
    for (const point of ring) if (seen(point)) drawDot(view, point, 5.5, "#ffffff", accent);
  }
}

/** The brush's rim: light on dark, so that it shows on any ground. */
export function drawRing({ context, scale }: Viewport, [x, y]: Point, radius: number, colour: string): void {
  for (const [style, width] of [["rgba(0,0,0,.75)", 3.5], ["#ffffff", 1.75]] as const) {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.strokeStyle = style;
    context.lineWidth = width / scale;
    context.stroke();
  }
  context.beginPath();
  context.arc(x, y, 2 / scale, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}

/** Where a vertex would land when something draws it there: a square on a vertex, a lozenge on an edge or a side. */
export function drawSnap({ context, scale }: Viewport, [x, y]: Point, kind: SnapKind, accent: string): void {
  const r = (kind === "vertex" ? 6 : 7.5) / scale;
  context.beginPath();
  if (kind === "vertex") context.rect(x - r, y - r, 2 * r, 2 * r);
  else {
    context.moveTo(x, y - r);
    context.lineTo(x + r, y);
    context.lineTo(x, y + r);
    context.lineTo(x - r, y);
    context.closePath();
  }
  context.fillStyle = accent;
  context.fill();
  context.lineWidth = 2.5 / scale;
  context.strokeStyle = "#ffffff";
  context.stroke();
}

export function drawMark({ context, scale }: Viewport, [x, y]: Point): void {
  for (const [colour, width] of [["#ffffff", 5], ["#c6281c", 3]] as const) {
    context.beginPath();
    context.arc(x, y, 16 / scale, 0, 2 * Math.PI);
    context.strokeStyle = colour;
    context.lineWidth = width / scale;
    context.stroke();
  }
}
