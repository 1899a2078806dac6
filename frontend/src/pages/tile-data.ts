import type { ModelDraft, SegmentLevel, Vintage } from "../api/types";
import { type Segments, segmentsFromBytes } from "../domain/raster";
import type { StudioApi } from "./studio-api";

type Id = number | string;

/** What the server knows of one tile beside its labels, each part asked for once. */
export class TileData {
  private readonly asked = new Map<string, Promise<unknown>>();

  constructor(
    private readonly api: StudioApi,
    readonly tile: Id,
    private readonly tilePx: number,
  ) {}

  /** The answer to come or already here. A failure is forgotten, so that asking again asks again. */
  private once<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const known = this.asked.get(name) as Promise<T> | undefined;
    if (known) return known;
    const answer = ask();
    this.asked.set(name, answer);
    answer.catch(() => this.asked.delete(name));
    return answer;
  }

  segments(level: SegmentLevel): Promise<Segments> {
    return this.once(`segments-${level}`, async () => segmentsFromBytes(await this.api.segments(this.tile, level), this.tilePx));
  }

  draft(): Promise<ModelDraft> {
    return this.once("draft", () => this.api.modelDraft(this.tile));
  }

  doubt(): Promise<Uint8Array> {
    return this.once("doubt", () => this.api.doubt(this.tile));
  }

  /** Classes changed: drawings that came before speak of others. */
  forgetDrawings(): void {
    for (const name of ["draft", "vintages"]) this.asked.delete(name);
  }

  vintages(): Promise<readonly Vintage[]> {
    return this.once("vintages", () => this.api.otherVintages(this.tile));
  }
}

const KEPT = 3;

/** The data of the tile in hand and of the next ones. */
export class TileStore {
  private readonly tiles = new Map<Id, TileData>();

  constructor(private readonly api: StudioApi) {}

  forgetDrawings(): void {
    for (const one of this.tiles.values()) one.forgetDrawings();
  }

  of(tile: Id, tilePx: number): TileData {
    const found = this.tiles.get(tile) ?? new TileData(this.api, tile, tilePx);
    this.tiles.delete(tile);
    this.tiles.set(tile, found);
    for (const oldest of [...this.tiles.keys()].slice(0, -KEPT)) this.tiles.delete(oldest);
    return found;
  }
}
