/** What a simulated person sees, holds and may do. */

import type { Command } from "../src/domain/command";
import type { Draft, Feature } from "../src/domain/draft";
import type { Segments } from "../src/domain/raster";

/** As in bench/gestures.py. */
export const WAYS = ["scratch", "segments", "draft", "draft_polygons"] as const;
export type Way = (typeof WAYS)[number];

export interface Tile {
  readonly side_px: number;
  readonly codes: readonly string[];
  /** 0 = unknown, k = codes[k - 1]; row by row. */
  readonly truth: Uint8Array;
  readonly drafted: readonly Feature[];
  readonly segments: ReadonlyMap<string, Segments>;
}

/** The tool and class in hand: choosing another one is a key press. */
export interface Held {
  tool: string;
  code: string;
  level: string;
  brush_px: number;
}

/** One press on a bracket key makes the brush this much larger or smaller. */
const BRUSH_STEP = 1.2;

export interface Hand extends Held {
  draft: Draft;
  /** What the draft says of each pixel. */
  labels: Uint8Array;
  gestures: number;
  moves: number;
}

export interface Move {
  /** The same for the same move, to not try twice what turned out useless. */
  readonly key: string;
  readonly command: Command;
  readonly gestures: number;
  /** Pixels it should set right, less those it should spoil. */
  readonly gain: number;
  readonly after: Partial<Held>;
}

export function blank(draft: Draft, sidePx: number): Hand {
  return { draft, labels: new Uint8Array(sidePx * sidePx), gestures: 0, moves: 0, tool: "", code: "", level: "medium", brush_px: 24 };
}

/** Key presses to have this tool, class and level in hand. */
export function keysFor(hand: Held, wanted: Partial<Held>, levels: readonly string[] = []): number {
  const steps =
    wanted.level === undefined ? 0 : Math.abs(levels.indexOf(wanted.level) - levels.indexOf(hand.level));
  const presses =
    wanted.brush_px === undefined ? 0 : Math.round(Math.abs(Math.log(wanted.brush_px / hand.brush_px)) / Math.log(BRUSH_STEP));
  return (
    (wanted.tool !== undefined && wanted.tool !== hand.tool ? 1 : 0) +
    (wanted.code !== undefined && wanted.code !== hand.code ? 1 : 0) +
    steps +
    presses
  );
}
