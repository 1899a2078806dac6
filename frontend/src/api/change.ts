/** What the server says of change between two dates, as the API v1 writes it. */

import type { Rings } from "../domain/geometry";
import type { Layer, Tile } from "./types";

export type ChangeKind = "unchanged" | "changed" | "first_wrong" | "second_wrong" | "unsure";

export interface ChangeCell {
  readonly id: number;
  readonly rings: Rings;
  /** Class at the earlier date; empty where nothing says it. */
  readonly first_code: string;
  readonly second_code: string;
  readonly score: number;
  readonly doubt: number | null;
  readonly area_m2: number;
}

/** Where a tile lies on the earlier layer. */
export interface ChangeFirst {
  readonly origin_px: readonly [number, number];
  /** Pixels of the earlier layer to one of the later. */
  readonly scale: number;
  readonly acquired_on: string | null;
}

export interface ChangeWhy {
  readonly is_control: boolean;
  readonly probability: number;
  readonly score: number;
  readonly rank: number;
}

export interface ChangeTask {
  readonly ticket: number;
  readonly held_until: string;
  readonly tile: Tile;
  readonly first: ChangeFirst;
  readonly why: ChangeWhy;
  readonly cells: readonly ChangeCell[];
}

/** A verdict with the class that it gives each date. */
export interface ChangeSaid {
  readonly verdict: ChangeKind;
  readonly first_code: string;
  readonly second_code: string;
}

export interface ChangeAnswer extends ChangeSaid {
  /** The cell's id. */
  readonly feature_id: string;
  readonly seconds: number;
}

export interface ChangeBody {
  readonly operation_id: string;
  readonly answers: readonly ChangeAnswer[];
  /** Nothing changed on the whole tile. */
  readonly copies_all: boolean;
}

/** How far the later layer lies from the earlier one, in metres on the ground. */
export interface PairShift {
  readonly east_m: number;
  readonly south_m: number;
  readonly spread_m: number;
  readonly windows: number;
  /** More than a pixel of the coarser layer. */
  readonly is_large: boolean;
}

export interface ChangeRound {
  readonly number: number;
  readonly source: "maps" | "labels";
  readonly first_map: string;
  readonly second_map: string;
  readonly control_share: number;
  readonly pair: { readonly id: number; readonly first: Layer; readonly second: Layer; readonly shift: PairShift | null };
  readonly counts: Readonly<Record<"open" | "review" | "settled" | ChangeKind, number>>;
}

export interface ChangeDesk {
  readonly round: ChangeRound | null;
  /** Answers of one's own in this round. */
  readonly mine: number;
}

export interface ChangeReviewTask {
  readonly tile: Tile;
  readonly first: ChangeFirst;
  readonly cell: ChangeCell;
  readonly answers: readonly (ChangeSaid & { readonly who: string })[];
  readonly waiting: number;
}
