import { SEGMENT_LEVELS, type SegmentLevel } from "../api/types";
import { doubtfulPlaces, type Segments } from "../domain/raster";
import type { Point } from "../domain/geometry";
import { preferred, prefer } from "./preferences";
import { type LoadPhase, loadWords } from "./suggestion-desk";
import type { TileData } from "./tile-data";

/** The tile cut into segments, and where the model hesitates on it. */
export class SegmentDesk {
  level: SegmentLevel;
  phase: LoadPhase = "idle";
  message = "";
  segments: Segments | null = null;
  doubt: Uint8Array | null = null;
  doubtPhase: LoadPhase = "idle";
  doubtMessage = "";
  private data: TileData | null = null;
  private doubtful: { at: Point; doubt: number }[] | null = null;
  private visited = -1;

  constructor(private readonly onChange: () => void) {
    const level = preferred("level", "medium");
    this.level = SEGMENT_LEVELS.find((known) => known === level) ?? "medium";
  }

  reset(data: TileData | null, hasModel: boolean): void {
    this.data = data;
    this.phase = "idle";
    this.segments = null;
    this.doubt = null;
    this.doubtPhase = hasModel ? "idle" : "none";
    this.doubtful = null;
    this.visited = -1;
  }

  /** Cuts the tile at the level in use; asked again after a failure, it tries again. */
  async load(): Promise<void> {
    const { data, level } = this;
    if (!data || (this.phase === "ready" && this.segments)) return;
    this.phase = "loading";
    this.onChange();
    try {
      const segments = await data.segments(level);
      if (data !== this.data || level !== this.level) return;
      this.segments = segments;
      this.phase = "ready";
    } catch (error) {
      if (data !== this.data || level !== this.level) return;
      this.phase = "failed";
      this.message = loadWords(error);
    }
    this.onChange();
  }

  async setLevel(level: SegmentLevel): Promise<void> {
    if (level === this.level && this.phase === "ready") return;
    this.level = level;
    prefer("level", level);
    this.phase = "idle";
    this.segments = null;
    await this.load();
  }

  /** Finer or coarser by one; nothing at the ends. */
  async step(by: 1 | -1): Promise<void> {
    const next = SEGMENT_LEVELS[SEGMENT_LEVELS.indexOf(this.level) + by];
    if (next) await this.setLevel(next);
  }

  async loadDoubt(): Promise<Uint8Array | null> {
    const { data } = this;
    if (!data || this.doubtPhase === "none") return null;
    if (this.doubt) return this.doubt;
    this.doubtPhase = "loading";
    this.onChange();
    try {
      const doubt = await data.doubt();
      if (data !== this.data) return null;
      this.doubt = doubt;
      this.doubtPhase = "ready";
    } catch (error) {
      if (data !== this.data) return null;
      this.doubtPhase = "failed";
      this.doubtMessage = loadWords(error);
    }
    this.onChange();
    return this.doubt;
  }

  /** The next place where the model hesitates, the worst first, round and round. */
  nextDoubtful(sidePx: number): { at: Point; doubt: number; rank: number; count: number } | null {
    if (!this.doubt) return null;
    this.doubtful ??= doubtfulPlaces(this.doubt, sidePx);
    if (this.doubtful.length === 0) return null;
    this.visited = (this.visited + 1) % this.doubtful.length;
    const place = this.doubtful[this.visited];
    return place ? { ...place, rank: this.visited + 1, count: this.doubtful.length } : null;
  }
}
