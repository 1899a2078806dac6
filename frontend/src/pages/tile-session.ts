import { api } from "../api/client";
import type { Annotation, Assignment } from "../api/types";
import { type Action, type Draft, draftOf, type Feature, featuresInOrder } from "../domain/draft";
import { SUBPIXELS } from "../domain/geometry";
import { type History, perform, redo, startHistory, undo } from "../domain/history";
import { reconcile } from "../domain/reconcile";
import type { Entry, Journal } from "../save/journal";
import { Saver, type SaverHooks } from "../save/saver";

const lists = new WeakMap<Draft, Feature[]>();

/** The draft as a list, the same list for the same draft. */
function listOf(draft: Draft): Feature[] {
  let list = lists.get(draft);
  if (!list) lists.set(draft, (list = featuresInOrder(draft)));
  return list;
}

export type SessionHooks = Omit<SaverHooks, "send">;

/** One person at work on one tile: the history of the draft, and its way to the server. */
export class TileSession {
  history: History;
  readonly saver: Saver;
  private submitOperation: { id: string; version: number } | null = null;

  constructor(
    readonly assignment: Assignment,
    private readonly journal: Journal,
    private readonly key: string,
    hooks: SessionHooks,
  ) {
    const { annotation, tile } = assignment;
    this.history = startHistory(draftOf(tile.tile_px * SUBPIXELS, annotation.features));
    this.saver = new Saver(
      key,
      journal,
      { ...hooks, send: (version, body) => api.save(tile.id, version, body) },
      { version: annotation.version, features: this.features, saved_at: annotation.saved_at },
    );
  }

  get draft(): Draft {
    return this.history.present;
  }

  get features(): readonly Feature[] {
    return listOf(this.draft);
  }

  /** Takes up work that this browser kept and the server does not have. */
  async resume(): Promise<{ kind: "none" | "restored" | "conflict"; entry: Entry | null }> {
    let entry: Entry | null;
    try {
      entry = await this.journal.read(this.key);
    } catch {
      entry = null;
    }
    if (!entry) return { kind: "none", entry: null };
    const verdict = reconcile(entry, this.assignment.annotation);
    if (verdict === "drop") {
      await this.journal.remove(this.key);
      return { kind: "none", entry: null };
    }
    this.saver.draftModel = entry.draft_model;
    if (verdict === "restore") this.restore(entry.features);
    return { kind: verdict === "restore" ? "restored" : "conflict", entry };
  }

  /** Puts kept work in place of what is shown; it is saved like any change. */
  restore(features: readonly Feature[]): void {
    this.perform(() => draftOf(this.draft.side, features));
  }

  private move(history: History): boolean {
    if (history === this.history) return false;
    this.history = history;
    this.saver.change(this.features);
    return true;
  }

  perform(action: Action): boolean {
    return this.move(perform(this.history, action));
  }

  undo(): boolean {
    return this.move(undo(this.history));
  }

  redo(): boolean {
    return this.move(redo(this.history));
  }

  /** After a conflict: shows the server's version from now on. */
  async takeTheirs(current: Annotation): Promise<void> {
    this.history = startHistory(draftOf(this.draft.side, current.features));
    await this.saver.takeTheirs({ ...current, features: this.features });
  }

  /** Submits what is saved. Throws what the API threw; asked again, it is the same operation. */
  async submit(): Promise<Annotation> {
    const version = this.saver.version;
    if (this.submitOperation?.version !== version) this.submitOperation = { id: crypto.randomUUID(), version };
    return api.submit(this.assignment.tile.id, version, this.submitOperation.id);
  }

  close(): void {
    this.saver.close();
  }
}
