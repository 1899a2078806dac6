/** What the model or another vintage offers: dashes and a thin hatch, never to be taken for a label. */

import { channels } from "../patterns";
import { type Easel, inPixels, inUnits, paintWords, stampOf, traceShape } from "./easel";
import type { FlatShape } from "./flat";

const DASH_PX = [7, 5] as const;
const HATCH_PX = 9;
const ROOM_PX = 40;
const HEIGHT_PX = 16;
const THIN_PX = 3;

function isFaint(shape: FlatShape, threshold: number): boolean {
  return shape.confidence !== null && shape.confidence < threshold;
}

/** Thin lines in the class's colour, each with a dark one beside it so that they show on any ground. */
function hatch({ context, area }: Easel, colour: string): CanvasPattern | null {
  const side = Math.round(HATCH_PX * area.ratio);
  const pixels = new ImageData(side, side);
  const wide = Math.max(1, Math.round(1.5 * area.ratio));
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const at = (x + y) % side;
      if (at < wide) pixels.data.set([...channels(colour), 255], 4 * (y * side + x));
      else if (at < 2 * wide) pixels.data.set([0, 0, 0, 110], 4 * (y * side + x));
    }
  }
  return context.createPattern(stampOf(pixels), "repeat");
}

/** Each edge from its lesser end, so that the dashes of two shapes along a common edge fall together. */
function traceEdges({ context }: Easel, shape: FlatShape): void {
  for (const ring of shape.rings) {
    let [px, py] = [ring[ring.length - 2] as number, ring[ring.length - 1] as number];
    for (let k = 0; k < ring.length; k += 2) {
      const [x, y] = [ring[k] as number, ring[k + 1] as number];
      if (px < x || (px === x && py < y)) {
        context.moveTo(px, py);
        context.lineTo(x, y);
      } else {
        context.moveTo(x, y);
        context.lineTo(px, py);
      }
      px = x;
      py = y;
    }
  }
}

function paintGroup(easel: Easel, colour: string, shapes: readonly FlatShape[], faint: boolean): void {
  const { context, area } = easel;
  const { ratio } = area;
  inUnits(easel);
  context.beginPath();
  for (const shape of shapes) traceShape(context, shape);
  inPixels(easel);
  const pattern = faint ? null : hatch(easel, colour);
  if (pattern) {
    context.globalAlpha = 0.75;
    context.fillStyle = pattern;
    context.fill("evenodd");
  }
  inUnits(easel);
  context.beginPath();
  for (const shape of shapes) traceEdges(easel, shape);
  inPixels(easel);
  context.globalAlpha = faint ? 0.35 : 0.9;
  context.lineCap = "butt";
  context.strokeStyle = faint ? "rgba(0,0,0,.4)" : "rgba(0,0,0,.7)";
  context.lineWidth = (faint ? 1.5 : 3) * ratio;
  context.setLineDash(DASH_PX.map((v) => v * ratio));
  context.stroke();
  context.strokeStyle = faint ? "#ffffff" : colour;
  context.lineWidth = (faint ? 1 : 1.75) * ratio;
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

export function paintSuggestions(easel: Easel, shapes: readonly FlatShape[]): void {
  const { area, style } = easel;
  const { scale, ratio } = area;
  const drawn = shapes.filter((s) => Math.min(s.maxX - s.minX, s.maxY - s.minY) * scale >= THIN_PX * ratio);
  for (const faint of [true, false]) {
    const groups = new Map<string, FlatShape[]>();
    for (const shape of drawn) {
      if (isFaint(shape, style.threshold) !== faint) continue;
      const group = groups.get(shape.code);
      if (group) group.push(shape);
      else groups.set(shape.code, [shape]);
    }
    for (const [code, group] of groups) paintGroup(easel, easel.colourOf(code), group, faint);
  }
  const percent = new Intl.NumberFormat(style.language, { style: "percent", maximumFractionDigits: 0 });
  const sure = drawn.filter(
    (s) => s.confidence !== null && !isFaint(s, style.threshold) && (s.maxY - s.minY) * scale >= HEIGHT_PX * ratio,
  );
  paintWords(easel, sure, (shape) => percent.format(shape.confidence ?? 0), ROOM_PX);
}
