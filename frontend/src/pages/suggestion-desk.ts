import { ApiError } from "../api/client";
import type { Assignment, Vintage } from "../api/types";
import { type AskedWindow, cutToAsked } from "../domain/asked";
import type { GoneCodes } from "../domain/class-change";
import type { Draft } from "../domain/draft";
import { openSuggestions, type Suggestion } from "../domain/suggestion";
import { gettext } from "../i18n";
import { preferred, prefer } from "./preferences";
import type { TileData } from "./tile-data";

export type LoadPhase = "idle" | "loading" | "ready" | "failed" | "none";

const FIRST_THRESHOLD = 0.8;

/** Words for data that did not come: what it means and what to do. */
export function loadWords(error: unknown): string {
  const code = error instanceof ApiError ? error.code : "";
  if (code === "blind_tile") return gettext("Nothing of the model is shown here: this tile takes a fresh eye.");
  if (code === "no_draft") return gettext("The model has no draft for this tile yet.");
  return (error as Error).message;
}

const least = (a: Suggestion, b: Suggestion): number => (a.confidence ?? 1) - (b.confidence ?? 1);

function recodeSuggestions(brought: readonly Suggestion[], gone: GoneCodes): readonly Suggestion[] {
  return brought.flatMap((one) => {
    const now = one.class_code in gone ? gone[one.class_code] : one.class_code;
    return now ? [{ ...one, class_code: now }] : [];
  });
}

/** What is offered on a tile and not taken yet: the model's draft, or the labels of another vintage. */
export class SuggestionDesk {
  source: "none" | "model" | "vintage" = "none";
  phase: LoadPhase = "idle";
  message = "";
  isShown = false;
  threshold = preferred("threshold", FIRST_THRESHOLD);
  modelVersion: string | null = null;
  /** Whether anything is known of how good the model is here. */
  modelJudged = true;
  vintages: readonly Vintage[] = [];
  vintagePhase: LoadPhase = "idle";
  vintageMessage = "";
  vintage: Vintage | null = null;
  currentId: string | null = null;
  private place = 0;
  /** As they came, over the whole tile. */
  private brought: readonly Suggestion[] = [];
  private cut: { brought: readonly Suggestion[]; asked: readonly AskedWindow[]; all: readonly Suggestion[] } | null = null;
  private cache: { draft: Draft; all: readonly Suggestion[]; open: Suggestion[] } | null = null;
  private data: TileData | null = null;

  /** `asked`: the parts of the tile in hand that are asked for; none: all of it. */
  constructor(
    private readonly onChange: () => void,
    private readonly asked: () => readonly AskedWindow[],
  ) {}

  reset(data: TileData | null, assignment: Assignment | null): void {
    this.data = data;
    this.source = "none";
    this.brought = [];
    this.isShown = false;
    this.currentId = null;
    this.place = 0;
    this.modelVersion = null;
    this.vintage = null;
    this.vintages = [];
    this.message = "";
    this.vintageMessage = "";
    this.phase = assignment?.draft_available ? "idle" : "none";
    this.vintagePhase = assignment?.other_vintages ? "idle" : "none";
  }

  /** Classes changed: what is offered has those of today. */
  changeClasses(gone: GoneCodes): void {
    this.brought = recodeSuggestions(this.brought, gone);
  }

  /** What is offered: nothing beside the parts asked for, since it would be taken with the rest and not looked at. */
  private get all(): readonly Suggestion[] {
    const asked = this.asked();
    if (this.cut?.brought !== this.brought || this.cut.asked !== asked) {
      this.cut = { brought: this.brought, asked, all: cutToAsked(this.brought, asked) };
    }
    return this.cut.all;
  }

  get total(): number {
    return this.all.length;
  }

  /** Suggestions whose ground is still free, the least sure first. */
  open(draft: Draft): readonly Suggestion[] {
    const { all } = this;
    if (this.cache?.draft !== draft || this.cache.all !== all) {
      this.cache = { draft, all, open: openSuggestions(draft, all).sort(least) };
    }
    return this.cache.open;
  }

  /** Those on the map. */
  shown(draft: Draft): readonly Suggestion[] {
    return this.isShown ? this.open(draft) : [];
  }

  find(id: string): Suggestion | null {
    return this.all.find((s) => s.id === id) ?? null;
  }

  current(draft: Draft): Suggestion | null {
    const open = this.shown(draft);
    // Once it is taken, the one that follows it has its place.
    return open.find((s) => s.id === this.currentId) ?? open[Math.min(this.place, open.length - 1)] ?? null;
  }

  step(draft: Draft, by: 1 | -1): Suggestion | null {
    const open = this.shown(draft);
    const found = this.current(draft);
    if (!found) return null;
    const next = (open.indexOf(found) + by + open.length) % open.length;
    this.place = next;
    this.currentId = open[next]?.id ?? null;
    this.onChange();
    return open[next] ?? null;
  }

  choose(draft: Draft, id: string): void {
    this.currentId = id;
    this.place = Math.max(0, this.shown(draft).findIndex((s) => s.id === id));
    this.onChange();
  }

  setThreshold(threshold: number): void {
    this.threshold = threshold;
    prefer("threshold", threshold);
    this.onChange();
  }

  setShown(isShown: boolean): void {
    this.isShown = isShown;
    this.onChange();
  }

  private offer(source: "model" | "vintage", brought: readonly Suggestion[]): void {
    this.source = source;
    this.brought = brought;
    this.currentId = null;
    this.isShown = true;
  }

  /** Brings the model's draft; true when it is there to see. */
  async showModel(): Promise<boolean> {
    const { data } = this;
    if (!data || this.phase === "none" || this.phase === "loading") return false;
    if (this.phase === "ready" && this.source === "model") {
      this.setShown(true);
      return true;
    }
    this.phase = "loading";
    this.onChange();
    try {
      const draft = await data.draft();
      if (data !== this.data) return false;
      this.modelVersion = draft.model_version;
      this.modelJudged = draft.model_judged ?? true;
      this.phase = "ready";
      this.vintage = null;
      this.offer("model", draft.features.map(({ id, class_code, rings, confidence }) => ({ id, class_code, rings, confidence: confidence ?? null, source: "model" })));
    } catch (error) {
      if (data !== this.data) return false;
      this.phase = error instanceof ApiError && (error.code === "blind_tile" || error.code === "no_draft") ? "none" : "failed";
      this.message = loadWords(error);
    }
    this.onChange();
    return this.phase === "ready";
  }

  async loadVintages(): Promise<void> {
    const { data } = this;
    if (!data || this.vintagePhase === "none" || this.vintagePhase === "loading") return;
    this.vintagePhase = "loading";
    this.onChange();
    try {
      const vintages = await data.vintages();
      if (data !== this.data) return;
      this.vintages = vintages;
      this.vintagePhase = vintages.length > 0 ? "ready" : "none";
      if (vintages[0]) this.chooseVintage(vintages[0]);
    } catch (error) {
      if (data !== this.data) return;
      this.vintagePhase = "failed";
      this.vintageMessage = loadWords(error);
    }
    this.onChange();
  }

  chooseVintage(vintage: Vintage): void {
    this.vintage = vintage;
    this.offer("vintage", vintage.features.map(({ id, class_code, rings }) => ({ id, class_code, rings, confidence: null, source: "vintage" })));
    this.onChange();
  }
}
