/** What the server says, as the API v1 writes it. */

import type { Feature } from "../domain/draft";

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
  readonly tile_px: number;
  /** Upper-left corner in the layer's pixels. */
  readonly origin_px: readonly [number, number];
  readonly gsd_m: number;
}

export interface Lease {
  readonly token: string;
  readonly expires_at: string;
  readonly heartbeat_seconds: number;
}

export interface Why {
  readonly kind: "uncertainty" | "random" | "control" | "initial" | "reported" | "picked" | "sent_back";
  readonly function: string | null;
  readonly score: number | null;
  readonly rank: number | null;
  readonly round: number | null;
  readonly model_version: string | null;
  readonly probability: number | null;
}

export type AnnotationState = "new" | "draft" | "submitted" | "accepted" | "sent_back";

export interface ReviewOutcome {
  readonly verdict: "accept" | "send_back";
  readonly reason: ReviewReason;
  readonly comment: string;
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
  readonly annotation: Annotation;
  readonly draft_available: boolean;
}

export interface ModelDraft {
  readonly model_version: string;
  readonly features: readonly (Feature & { readonly confidence?: number })[];
}

export type ReviewReason = "geometry" | "class" | "incomplete" | "imagery" | "other" | "";

export interface ReviewTask {
  readonly annotation_id: number | string;
  readonly tile: Tile;
  readonly author: string;
  readonly submitted_at: string;
  readonly annotation: Annotation;
  readonly draft: ModelDraft | null;
}

export type ReleaseReason = "left" | "skip" | "bad_imagery" | "cannot_tell";

export interface SaveBody {
  readonly operation_id: string;
  readonly features: readonly Feature[];
  readonly seconds_spent: number;
  readonly draft_model: string | null;
}

/** What the page is given by the server beside its markup. */
export interface Boot {
  readonly campaign: string;
  readonly tile: number | string | null;
  readonly language: "fr" | "en";
  readonly user: { readonly public_id?: string; readonly username?: string };
}
