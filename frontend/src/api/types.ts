/** What the server says, as the API v1 writes it. */

import type { AskedWindow } from "../domain/asked";
import type { Feature } from "../domain/draft";
import type { Rings } from "../domain/geometry";

export interface LocalText {
  readonly fr: string;
  readonly en: string;
}

export interface NomenclatureClass {
  readonly code: string;
  readonly parent: string | null;
  readonly name: LocalText;
  readonly definition: LocalText;
  readonly colour: string;
  readonly selectable: boolean;
}

export interface Layer {
  readonly slug: string;
  readonly title: string;
  readonly vintage: string | number;
  readonly acquired_on: string | null;
  readonly gsd_m: number;
  readonly width: number;
  readonly height: number;
  readonly bands: readonly string[];
  readonly native_max_zoom: number;
  readonly licence: string;
  readonly attribution: string;
  /** Changes with any of its files; addresses of its map tiles name it, and browsers keep those for good. */
  readonly map_version: string;
  /** Where its map tiles are, {z}/{x}/{y}, when they do not come from the server's imagery. */
  readonly tiles_url?: string;
}

export interface Campaign {
  readonly slug: string;
  readonly title: string;
  readonly tile_px: number;
  readonly my_role: "annotator" | "reviewer" | "maintainer" | null;
  readonly layer: Layer;
  readonly nomenclature: {
    readonly code: string;
    readonly version: string;
    readonly classes: readonly NomenclatureClass[];
  };
}

export interface Tile {
  readonly id: number | string;
  readonly row: number;
  readonly col: number;
  /** Which quarter of the tile it is, as one reads; 0, or not said, where it is the whole. */
  readonly part?: number;
  readonly tile_px: number;
  /** Upper-left corner in the layer's pixels. */
  readonly origin_px: readonly [number, number];
  readonly gsd_m: number;
  /** When the ground was photographed, where the layer knows it. */
  readonly acquired_on?: string | null;
}

export interface Lease {
  readonly token: string;
  readonly expires_at: string;
  readonly heartbeat_seconds: number;
  /** Others have all the places of the tile: what is handed in is kept, not counted. */
  readonly extra?: boolean;
}

export interface ReportedWords {
  /** The class that the reader says is there; empty where they name none. */
  readonly class_code: string;
  readonly comment: string;
  /** Where on the tile, in its subpixels. */
  readonly at: readonly [number, number];
}

export interface Why {
  readonly kind: "uncertainty" | "suspect" | "random" | "control" | "initial" | "reported" | "area" | "picked" | "sent_back";
  readonly function: string | null;
  readonly score: number | null;
  /** What the score is the mean of, pixel by pixel. */
  readonly pixel_score?: string;
  readonly rank: number | null;
  readonly round: number | null;
  readonly model_version: string | null;
  readonly probability: number | null;
  /** What readers of the map said of this tile, where it came up because of that. */
  readonly reports?: readonly ReportedWords[];
}

export type AnnotationState = "new" | "draft" | "submitted" | "accepted" | "sent_back" | "reverted" | "split";

/** A place on the tile that a verdict speaks of. */
export interface Mark {
  readonly at: readonly [number, number];
  readonly reason: Exclude<ReviewReason, "">;
  readonly comment: string;
}

export interface ReviewOutcome {
  readonly verdict: ReviewVerdict;
  readonly reason: ReviewReason;
  readonly comment: string;
  readonly marks: readonly Mark[];
  readonly at: string;
}

export interface Annotation {
  readonly version: number;
  readonly state: AnnotationState;
  readonly features: readonly Feature[];
  readonly saved_at: string | null;
  readonly review: ReviewOutcome | null;
}

export interface Assignment {
  readonly lease: Lease | null;
  readonly tile: Tile;
  readonly why: Why | null;
  /** Parts of the tile that are asked for, the most wanted first; none, or not said: all of it. */
  readonly asked?: readonly AskedWindow[];
  readonly annotation: Annotation;
  readonly draft_available: boolean;
  /** The tile takes a fresh eye: no draft, no doubt, no other vintage is shown on it. */
  readonly blind?: boolean;
  /** Whether the same ground is labelled on another vintage. */
  readonly other_vintages?: boolean;
}

export type ModelFeature = Feature & { readonly confidence?: number | null };

export interface ModelDraft {
  readonly model_version: string;
  /** False while nothing is known of how good the model is here: weights from elsewhere, published before they could be judged. */
  readonly model_judged?: boolean;
  readonly features: readonly ModelFeature[];
}

/** Sizes of segments, the largest first; each lies within one of the size before. */
export const SEGMENT_LEVELS = ["broadest", "broad", "coarse", "medium", "fine"] as const;
export type SegmentLevel = (typeof SEGMENT_LEVELS)[number];

/** Labels of the same ground on another vintage. */
export interface Vintage {
  readonly vintage: string | number;
  readonly acquired_on: string | null;
  readonly layer: string;
  readonly layer_title: string;
  readonly campaign: string;
  readonly features: readonly Feature[];
}

export type VerdictKind = "agree" | "disagree" | "unsure" | "other";

export interface Verdict {
  readonly feature_id: string;
  readonly verdict: VerdictKind;
  /** The right class when the verdict is "other". */
  readonly class_code: string | null;
  readonly seconds: number;
}

/** One polygon of the model to judge. */
export interface ValidationItem {
  readonly feature_id: string;
  readonly class_code: string;
  readonly rings: Rings;
  readonly confidence: number | null;
  readonly verdict: { readonly verdict: VerdictKind; readonly class_code: string | null } | null;
}

export interface ValidationTask {
  readonly lease: Lease | null;
  readonly tile: Tile;
  readonly model_version: string;
  readonly model_judged?: boolean;
  readonly items: readonly ValidationItem[];
}

export interface ValidationBody {
  readonly operation_id: string;
  readonly model_version: string;
  readonly verdicts: readonly Verdict[];
  readonly done: boolean;
}

export type ReviewReason = "geometry" | "class" | "incomplete" | "imagery" | "other" | "";

export type ReviewVerdict = "accept" | "correct" | "send_back";

/** Why another reviewer is asked. */
export interface Opinion {
  readonly by_author: boolean;
  readonly comment: string;
  readonly at: string;
}

export interface ReviewTask {
  readonly annotation_id: number | string;
  readonly tile: Tile;
  readonly author: string;
  readonly submitted_at: string;
  readonly annotation: Annotation;
  /** Parts of the tile that its author was asked for; none: all of it. */
  readonly asked?: readonly AskedWindow[];
  readonly draft_available: boolean;
  readonly opinions: readonly Opinion[];
  readonly is_new_author: boolean;
  /** Share of pixels on which the map or other people have another class; null where nothing can be compared. */
  readonly disagreement: number | null;
  /** What readers of the map said of this tile. */
  readonly reports: readonly ReportedWords[];
}

export interface ReviewBody {
  readonly operation_id: string;
  readonly verdict: ReviewVerdict;
  readonly reason: ReviewReason;
  readonly comment: string;
  readonly marks: readonly Mark[];
}

/** A submission as its reviewer corrects it. */
export interface CorrectionTask {
  readonly annotation_id: number | string;
  readonly tile: Tile;
  readonly author: string;
  readonly submitted_version: number;
  readonly version: number;
  readonly features: readonly Feature[];
  readonly saved_at: string | null;
  readonly asked?: readonly AskedWindow[];
  readonly draft_available: boolean;
  readonly blind: boolean;
}

export type ReleaseReason = "left" | "skip" | "bad_imagery" | "cannot_tell";

/** A campaign's classes as they are now, and what became of those that are no more. */
export interface ClassNews {
  readonly code: string;
  readonly version: string;
  readonly classes: readonly NomenclatureClass[];
  /** The class now by the class before; null: unlabelled until somebody looks. */
  readonly gone: Readonly<Record<string, string | null>>;
  /** The latest first. */
  readonly changes: readonly { readonly id: number; readonly reason: string; readonly applied_at: string; readonly reversed_at: string | null }[];
}

export interface SaveBody {
  readonly operation_id: string;
  readonly features: readonly Feature[];
  readonly seconds_spent: number;
  readonly draft_model: string | null;
  /** Views of the imagery that were looked at, at most 16. */
  readonly views_seen?: readonly string[];
  /** Version of the classes that the features speak of. */
  readonly classes?: string;
}

/** What the page is given by the server beside its markup. */
export interface Boot {
  readonly campaign: string;
  readonly tile: number | string | null;
  /** The territory in which somebody chose to label, as "commune:32013". */
  readonly area?: string | null;
  /** A submission that is to be reviewed or corrected. */
  readonly annotation?: number | null;
  /** A sample whose places are answered, or settled where answers differ. */
  readonly sample?: number | null;
  readonly settle?: boolean;
  readonly language: "fr" | "en";
  readonly user: { readonly public_id?: string; readonly username?: string };
}
