import type { Assignment, Campaign, SegmentLevel, Vintage } from "../api/types";
import type { AskedPart } from "../domain/asked";
import type { PaletteClass } from "../domain/palette";
import type { ScreenKey } from "../map/tools/tool";
import type { LeftBehind } from "./courier";
import type { SegmentDesk } from "./segment-desk";
import type { StudioCommand } from "./shortcuts";
import type { StudioState } from "./studio-state";
import type { SuggestionDesk } from "./suggestion-desk";
import type { TileSession } from "./tile-session";

/** How the image and the labels look: each may be set alone. */
export interface Look {
  view: string;
  brightness: number;
  contrast: number;
  surroundings: number;
  opacity: number;
  labels: boolean;
  patterns: boolean;
  gaps: boolean;
  doubt: boolean;
  asked: boolean;
}

/** What the panels ask for. */
export interface StudioActions {
  command(command: StudioCommand): void;
  pressScreenKey(key: ScreenKey["key"]): void;
  chooseClass(code: string): void;
  setLook(change: Partial<Look>): void;
  setBrushPx(px: number): void;
  setLevel(level: SegmentLevel): void;
  retrySegments(): void;
  retryDoubt(): void;
  setThreshold(share: number): void;
  showSuggestions(isShown: boolean): void;
  stepSuggestion(by: 1 | -1): void;
  lookAtSuggestion(id: string): void;
  takeSuggestion(id: string): void;
  openVintages(): void;
  chooseVintage(vintage: Vintage): void;
  fillGaps(): void;
  goToPart(part: AskedPart): void;
  goOnHere(): void;
  showSplitWork(left: LeftBehind): void;
  dismissPractice(): void;
  dismissClassNews(): void;
}

/** Whose submission is corrected, and where the reviewer comes from. */
export interface Correction {
  readonly desk: string;
  author(): string;
}

export interface StudioModel {
  readonly campaign: Campaign;
  readonly classes: readonly PaletteClass[];
  readonly language: "fr" | "en";
  readonly state: Readonly<StudioState>;
  readonly session: TileSession | null;
  readonly assignment: Assignment | null;
  readonly suggestions: SuggestionDesk;
  readonly segments: SegmentDesk;
  /** Parts of the tile that are asked for; none where all of it is. */
  readonly parts: readonly AskedPart[];
  readonly hint: string;
  /** Keys of the tool in hand, for hands that have none. */
  readonly screenKeys: readonly (ScreenKey & { readonly isHeld: boolean })[];
  readonly isPractice: boolean;
  readonly correction: Correction | null;
  /** The territory in which somebody chose to label. */
  readonly area: string | null;
  readonly actions: StudioActions;
}
