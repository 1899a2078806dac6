/** Draws a part of a sheet on a 2D context: the same in a worker and in the page. */

import type { Box } from "../../domain/geometry";
import { inkOn, patternPixels, PATTERN_PX } from "../patterns";
import { type Area, type Context, type Easel, inPixels, inUnits, paintWords, type SheetStyle, type Stamp, stampOf, traceShape } from "./easel";
import type { FlatShape } from "./flat";
import type { GridIndex } from "./grid-index";
import { paintSuggestions } from "./paint-suggestions";

/** Labels; what the model offers; the ground without a label; the labels' codes alone. */
export type SheetKind = "coverage" | "suggestions" | "gaps" | "codes";

/** Space around an area within which a shape may still show, in pixels of CSS: half the widest line. */
const BEYOND_PX = 3;
/** A shape thinner than this on screen has no outline. */
const SPECK_PX = 2;
/** A shape thinner than this has a plain dark outline. */
const SMALL_PX = 14;
const MIN_LABEL_WIDTH_PX = 46;
const MIN_LABEL_HEIGHT_PX = 22;
/** Around codes that lie on lines of other things. */
const WIDE_HALO_PX = 6;

export function paintSheet(context: Context, kind: SheetKind, index: GridIndex<FlatShape>, style: SheetStyle, area: Area): void {
  const beyond = BEYOND_PX * area.ratio;
  const box: Box = {
    minX: (area.x - beyond) / area.scale,
    minY: (area.y - beyond) / area.scale,
    maxX: (area.x + area.width + beyond) / area.scale,
    maxY: (area.y + area.height + beyond) / area.scale,
  };
  const colours = new Map(style.colours);
  const easel: Easel = { context, area, style, colourOf: (code) => colours.get(code) ?? "#888888" };
  const shapes = index.near(box);
  context.lineJoin = "round";
  context.globalAlpha = 1;
  if (kind === "coverage") paintCoverage(easel, shapes);
  else if (kind === "suggestions") paintSuggestions(easel, shapes);
  else if (kind === "codes") paintCodes(easel, shapes, WIDE_HALO_PX);
  else paintGaps(easel, shapes);
}

/** The lesser of a shape's sides, in pixels of CSS. */
function thickness(shape: FlatShape, { scale, ratio }: Area): number {
  return (Math.min(shape.maxX - shape.minX, shape.maxY - shape.minY) * scale) / ratio;
}

function byClass(shapes: readonly FlatShape[]): Map<string, FlatShape[]> {
  const groups = new Map<string, FlatShape[]>();
  for (const shape of shapes) {
    const group = groups.get(shape.code);
    if (group) group.push(shape);
    else groups.set(shape.code, [shape]);
  }
  return groups;
}

function trace(easel: Easel, shapes: readonly FlatShape[]): void {
  inUnits(easel);
  easel.context.beginPath();
  for (const shape of shapes) traceShape(easel.context, shape);
  inPixels(easel);
}

function paintCoverage(easel: Easel, shapes: readonly FlatShape[]): void {
  const { context, style } = easel;
  const order = new Map(style.colours.map(([code], i) => [code, i]));
  const groups = byClass(shapes);
  for (const [code, group] of groups) {
    trace(easel, group);
    context.globalAlpha = style.opacity;
    context.fillStyle = easel.colourOf(code);
    context.fill("evenodd");
    const pattern = style.patterns ? classPattern(easel, order.get(code) ?? 0, easel.colourOf(code)) : null;
    if (!pattern) continue;
    context.globalAlpha = Math.min(1, 0.25 + style.opacity);
    context.fillStyle = pattern;
    context.fill("evenodd");
  }
  context.globalAlpha = Math.min(1, (style.strong ? 0.7 : 0.35) + style.opacity);
  paintOutlines(easel, groups);
  context.globalAlpha = 1;
  paintCodes(easel, shapes);
}

/** The codes of the shapes that have room for them. */
function paintCodes(easel: Easel, shapes: readonly FlatShape[], haloPx?: number): void {
  const { scale, ratio } = easel.area;
  const roomy = shapes.filter(
    (s) => (s.maxX - s.minX) * scale >= MIN_LABEL_WIDTH_PX * ratio && (s.maxY - s.minY) * scale >= MIN_LABEL_HEIGHT_PX * ratio,
  );
  paintWords(easel, roomy, (shape) => shape.code, MIN_LABEL_WIDTH_PX, haloPx);
}

/** A dark line under one of the class's colour; a small shape has the dark one alone, a speck none. */
function paintOutlines(easel: Easel, groups: ReadonlyMap<string, readonly FlatShape[]>): void {
  const { context, area, style } = easel;
  const { ratio } = area;
  const wider = style.strong ? 1.5 : 1;
  context.strokeStyle = "rgba(0,0,0,.55)";
  const large: [string, FlatShape[]][] = [];
  for (const [code, group] of groups) {
    const small = group.filter((s) => thickness(s, area) >= SPECK_PX && thickness(s, area) < SMALL_PX);
    if (small.length > 0) {
      trace(easel, small);
      context.lineWidth = wider * ratio;
      context.stroke();
    }
    const rest = group.filter((s) => thickness(s, area) >= SMALL_PX);
    if (rest.length === 0) continue;
    large.push([code, rest]);
    trace(easel, rest);
    context.lineWidth = 2.5 * wider * ratio;
    context.stroke();
  }
  for (const [code, group] of large) {
    trace(easel, group);
    context.lineWidth = 1.25 * wider * ratio;
    context.strokeStyle = style.strong ? "#ffffff" : easel.colourOf(code);
    context.stroke();
  }
}

const stamps = new Map<string, Stamp>();

function classPattern({ context, area }: Easel, index: number, colour: string): CanvasPattern | null {
  const enlarged = Math.max(1, Math.round(area.ratio));
  const ink = inkOn(colour);
  const key = `${index}/${ink[0]}/${enlarged}`;
  let stamp = stamps.get(key);
  if (!stamp) stamps.set(key, (stamp = stampOf(patternPixels(index, ink, 0.8, enlarged))));
  return context.createPattern(stamp, "repeat");
}

/** Broad stripes that no class's pattern resembles, black beside bright yellow: seen on any ground. */
function gapPattern({ context, area }: Easel): CanvasPattern | null {
  const enlarged = Math.max(1, Math.round(area.ratio));
  const key = `gaps/${enlarged}`;
  let stamp = stamps.get(key);
  if (!stamp) {
    const side = PATTERN_PX * enlarged;
    const pixels = new ImageData(side, side);
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        const isYellow = (x + y) % side < side / 2;
        pixels.data.set(isYellow ? [255, 222, 0, 235] : [24, 0, 40, 235], 4 * (y * side + x));
      }
    }
    stamps.set(key, (stamp = stampOf(pixels)));
  }
  return context.createPattern(stamp, "repeat");
}

/** The whole tile in stripes, then the shapes taken out: what stays is the ground without a label. */
function paintGaps(easel: Easel, shapes: readonly FlatShape[]): void {
  const { context, style } = easel;
  const pattern = gapPattern(easel);
  if (!pattern) return;
  inUnits(easel);
  context.beginPath();
  context.rect(0, 0, style.side, style.side);
  inPixels(easel);
  context.fillStyle = pattern;
  context.fill();
  trace(easel, shapes);
  context.globalCompositeOperation = "destination-out";
  context.fillStyle = "#000000";
  // One path with every ring turned its way: no seam is left between shapes that share an edge.
  context.fill("nonzero");
  context.globalCompositeOperation = "source-over";
}
