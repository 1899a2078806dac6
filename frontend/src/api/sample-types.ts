/** What the server says of a sample of places that people judge by eye. */

import type { Layer } from "./types";

/** How sure a person is of what they see. */
export type Sureness = "sure" | "unsure";

/** A sample: at one date for areas, at two for change. */
export interface Sample {
  readonly id: number;
  readonly kind: "area" | "change";
  readonly campaign: string;
  /** In the order of time. */
  readonly layers: readonly Layer[];
  /** Places in it, and how many of them still want an answer of this person. */
  readonly units: number;
  readonly left: number;
  readonly closed: boolean;
  /** Places whose answers differ: for who settles them. */
  readonly disputed: number;
  readonly may_settle: boolean;
}

/** Where a place lies on one layer, in that layer's pixels. */
export interface Window {
  readonly origin_px: readonly [number, number];
  readonly side_px: number;
  /** When the ground was photographed there, where the layer knows it. */
  readonly acquired_on: string | null;
}

/** What somebody saw: a class a date; null where they could not tell. */
export interface Seen {
  readonly codes: readonly (string | null)[];
  readonly sureness: Sureness;
}

export interface SampleUnit {
  readonly id: number;
  /** Its place in the order in which the sample is gone through, from 1. */
  readonly number: number;
  readonly windows: readonly Window[];
  /** What others saw: only where the place is to be settled. */
  readonly answers?: readonly Seen[];
}

export interface SampleAnswerBody extends Seen {
  readonly operation_id: string;
  readonly seconds: number;
}

/** What is next: some places ahead, so that a cut connection stops nobody. */
export interface SampleTask {
  readonly units: readonly SampleUnit[];
  readonly left: number;
}
