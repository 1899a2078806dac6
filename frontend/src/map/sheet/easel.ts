/** What every kind of sheet is painted with. */

import { labelPoint } from "../../domain/labelpoint";
import type { Point } from "../../domain/geometry";
import { type FlatShape, ringsOf } from "./flat";

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

export interface SheetStyle {
  /** Class code and colour, in the nomenclature's order: the order gives the patterns. */
  readonly colours: readonly (readonly [code: string, colour: string])[];
  readonly side: number;
  readonly opacity: number;
  readonly patterns: boolean;
  /** Stronger outlines, for people who ask for more contrast. */
  readonly strong: boolean;
  /** Suggestions below this are drawn faint. */
  readonly threshold: number;
  readonly language: string;
}

/** A part of the sheet drawn at a scale: its corner and size in pixels of the picture of the whole tile. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Pixels to one unit. */
  readonly scale: number;
  /** Pixels to one pixel of CSS. */
  readonly ratio: number;
}

/** What the painting of one area shares. */
export interface Easel {
  readonly context: Context;
  readonly area: Area;
  readonly style: SheetStyle;
  readonly colourOf: (code: string) => string;
}

const LABEL_FONT_PX = 11;
const HALO_PX = 3;

/** Lets what follows be traced in units. */
export function inUnits({ context, area }: Easel): void {
  context.setTransform(area.scale, 0, 0, area.scale, -area.x, -area.y);
}

/** Lets lines and patterns be measured in pixels, patterns fixed to the ground whatever the area. */
export function inPixels({ context, area }: Easel): void {
  context.setTransform(1, 0, 0, 1, -area.x, -area.y);
}

export function traceShape(context: Context, shape: FlatShape): void {
  for (const ring of shape.rings) {
    context.moveTo(ring[0] as number, ring[1] as number);
    for (let k = 2; k < ring.length; k += 2) context.lineTo(ring[k] as number, ring[k + 1] as number);
    context.closePath();
  }
}

const labelPlaces = new WeakMap<FlatShape, { at: Point; width: number }>();

/** Words in the shapes that have room for them. */
export function paintWords(easel: Easel, shapes: readonly FlatShape[], words: (shape: FlatShape) => string, room: number, haloPx = HALO_PX): void {
  const { context, area } = easel;
  const { scale, ratio } = area;
  inPixels(easel);
  context.font = `600 ${LABEL_FONT_PX * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = haloPx * ratio;
  context.strokeStyle = "rgba(0,0,0,.75)";
  context.fillStyle = "#ffffff";
  for (const shape of shapes) {
    let place = labelPlaces.get(shape);
    if (!place) labelPlaces.set(shape, (place = labelPoint(ringsOf(shape))));
    if (place.width * scale < room * ratio) continue;
    const [x, y] = [place.at[0] * scale, place.at[1] * scale];
    context.strokeText(words(shape), x, y);
    context.fillText(words(shape), x, y);
  }
}

export type Stamp = OffscreenCanvas | HTMLCanvasElement;

/** A picture to repeat as a pattern. */
export function stampOf(pixels: ImageData): Stamp {
  const { width, height } = pixels;
  const stamp = typeof OffscreenCanvas === "undefined" ? document.createElement("canvas") : new OffscreenCanvas(width, height);
  [stamp.width, stamp.height] = [width, height];
  (stamp.getContext("2d") as Context | null)?.putImageData(pixels, 0, 0);
  return stamp;
}
