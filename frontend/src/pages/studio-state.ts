import type { PaletteClass } from "../domain/palette";
import type { Device } from "../map/input";
import type { ToolName } from "../map/tools/tool";
import { NOTHING_SAVED, type SaveStatus } from "../save/saver";
import type { LeftBehind } from "./courier";
import { firstHand } from "./hand";
import { preferred } from "./preferences";

export type Phase = "loading" | "working" | "sending" | "empty" | "failed";

/** What the page shows beside the map. */
export interface StudioState {
  phase: Phase;
  /** Why the page cannot go on, when it failed. */
  failure: string;
  /** The tile is open in another tab, and this one may only look. */
  isReadOnly: boolean;
  tool: ToolName;
  /** What the person used last: words and buttons are for that hand. */
  hand: Device;
  activeClass: PaletteClass | null;
  recent: readonly string[];
  selected: readonly string[];
  hoveredClass: string | null;
  view: string;
  brightness: number;
  contrast: number;
  surroundings: number;
  opacity: number;
  labels: boolean;
  patterns: boolean;
  gaps: boolean;
  doubt: boolean;
  /** Whether the parts of the tile that are asked for are shown. */
  asked: boolean;
  brushPx: number;
  panel: boolean;
  status: SaveStatus;
  notice: string;
  leaseLost: boolean;
  /** Work on other tiles, kept in this browser, that waits for its person. */
  leftBehind: readonly LeftBehind[];
  /** What to tell of classes that changed while this page was open, until its person has read it. */
  classNews: ClassNewsShown | null;
  /** Whether the practice tile is offered. */
  offersPractice: boolean;
}

export interface ClassNewsShown {
  readonly reason: string;
  /** Classes that are no more, each with what became of it; null: none. */
  readonly gone: readonly (readonly [before: string, now: string | null])[];
  /** Shapes of this tile that have no class any more. */
  readonly lost: number;
}

const FIRST_BRUSH_PX = 24;
const NARROW = "(width <= 700px)";

export function isNarrow(): boolean {
  return window.matchMedia(NARROW).matches;
}

/** How the page starts: as this person left it, where this browser remembers. */
export function firstState(activeClass: PaletteClass | null, isPractice: boolean): StudioState {
  return {
    phase: "loading", failure: "", isReadOnly: false, tool: "polygon", hand: firstHand(), activeClass, recent: [], selected: [], hoveredClass: null,
    view: "rgb", brightness: 1, contrast: 1, surroundings: preferred("surroundings", 0.5), opacity: preferred("opacity", 0.45), labels: true,
    patterns: preferred("patterns", false), gaps: preferred("gaps", false), doubt: false, asked: true, brushPx: preferred("brush", FIRST_BRUSH_PX),
    panel: !isNarrow() && preferred("panel", true), notice: "", leaseLost: false, leftBehind: [], classNews: null, offersPractice: !isPractice && preferred("practice", true),
    status: NOTHING_SAVED,
  };
}
