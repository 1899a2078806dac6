/**
 * The work on one tile: its history, and the browser's copy of it, which is always written first.
 *
 * Writes follow one another. A browser that cannot keep a copy leaves the log "behind": the next write that passes puts
 * down the whole of it, and until then `isKept` is false.
 */

import { type Draft, draftOf, type Feature, featuresOf, sameFeatures } from "../domain/draft";
import type { Delta } from "../domain/delta";
import { type History, record, startHistory } from "../domain/history";
import { type Head, type Journal, type JournalChange, type Kept, type LogRecord, NotOwner, type PendingSave } from "./journal";
import { replay, rewrite, type Rewritten, weightOf } from "./replay";

/** After so much more the log is written anew, without what was undone and drawn over. */
const REWRITE = { count: 2_000, weight: 400_000 };
/** What the log keeps for undo where the browser has no room for all of it. */
const LITTLE_ROOM = { count: 100, weight: 50_000 };

const MOST_VIEWS = 16;

export interface Sending {
  readonly pending: PendingSave;
  readonly features: readonly Feature[];
}

export interface LogHooks {
  /** Another tab owns the tile: nothing more may be drawn or sent here. */
  onLost(): void;
  /** Whether the browser keeps a copy has changed. */
  onKept(isKept: boolean): void;
}

export class WorkLog {
  private current: History;
  private acknowledgedDraft: Draft | null;
  private sent: Draft | null = null;
  private head: Head;
  private behind = true;
  private claimed = false;
  /** What is kept here has been read: writing before would put it out of the way unseen. */
  private isRead = false;
  private refused = false;
  /** Since the log was written anew. */
  private since = { count: 0, weight: 0 };
  /** Changes that the log, played again, could undo; all of the history's but where there was no room for them. */
  private undos = 0;
  /** Said with the next save: made known between two writes, they go with the next one. */
  private notes: Pick<Head, "draft_model" | "views_seen"> = { draft_model: null, views_seen: [] };
  private queue: Promise<unknown> = Promise.resolve();
  private lost = false;

  constructor(
    private readonly key: string,
    private readonly owner: string,
    private readonly journal: Journal,
    private readonly hooks: LogHooks,
    private readonly side: number,
    server: { readonly version: number; readonly features: readonly Feature[] },
  ) {
    this.current = startHistory(draftOf(side, server.features));
    this.acknowledgedDraft = this.current.present;
    this.head = this.headAt(server.version);
  }

  private headAt(version: number): Head {
    return {
      position: 0, acknowledged: { version, position: null }, pending: null, draft_model: null, views_seen: [], kept_at: "",
    };
  }

  get history(): History {
    return this.current;
  }

  get version(): number {
    return this.head.acknowledged.version;
  }

  /** What the server has of this tile as far as is known here; null when it is not. */
  get base(): Draft | null {
    return this.acknowledgedDraft;
  }

  get isLost(): boolean {
    return this.lost;
  }

  get isClean(): boolean {
    return this.head.pending === null && this.current.present === this.acknowledgedDraft;
  }

  /** Whether this browser has a copy of all that the server lacks. */
  get isKept(): boolean {
    return this.isClean || !this.refused;
  }

  /** Makes this tab the owner and gives what is kept here, without taking it up yet. */
  async open(): Promise<Kept | null> {
    try {
      const { kept, claimed } = await this.journal.claim(this.key, this.owner);
      this.claimed = claimed;
      this.isRead = true;
      return kept;
    } catch (error) {
      this.note(error);
      return null;
    }
  }

  /** Goes on from what is kept. */
  adopt(kept: Kept): void {
    const { history, base, sent } = replay(kept, this.side);
    this.current = history;
    this.acknowledgedDraft = base;
    this.sent = sent;
    this.head = kept.head;
    this.notes = {
      draft_model: this.notes.draft_model ?? kept.head.draft_model,
      views_seen: [...new Set([...kept.head.views_seen, ...this.notes.views_seen])].slice(0, MOST_VIEWS),
    };
    this.behind = !this.claimed;
    this.undos = history.past.size;
    this.since = this.sizeOf(kept.records);
  }

  private sizeOf(records: readonly LogRecord[]): { count: number; weight: number } {
    return { count: records.length, weight: records.reduce((sum, r) => sum + (r.kind === "do" ? weightOf(r.delta) : 1), 0) };
  }

  private serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(work);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private note(error: unknown): void {
    if (error instanceof NotOwner) {
      if (!this.lost) {
        this.lost = true;
        this.hooks.onLost();
      }
      return;
    }
    this.behind = true;
    this.setRefused(true);
  }

  private setRefused(refused: boolean): void {
    if (refused === this.refused) return;
    this.refused = refused;
    this.hooks.onKept(!refused);
  }

  /** Stops all writing: another tab goes on. */
  stop(): void {
    this.lost = true;
  }

  private async store(change: JournalChange): Promise<void> {
    if (this.lost) throw new NotOwner();
    if (!this.isRead) await this.readLate();
    const written = { ...change, head: { ...change.head, ...this.notes } };
    await this.journal.write(this.key, this.owner, this.claimed ? written : { ...written, claim: true });
    this.claimed = true;
    this.setRefused(false);
  }

  /** The browser's storage could not be opened with the tile, and may have come back: another tab has closed. */
  private async readLate(): Promise<void> {
    const { kept, claimed } = await this.journal.claim(this.key, this.owner);
    if (kept) throw new Error("What this browser keeps of the tile was not read when it was opened");
    this.claimed = claimed;
    this.isRead = true;
  }

  /** Puts the whole log down anew; crash-safe, being one transaction. Where there is no room, less of it. */
  private async storeWhole(history: History, head: Head): Promise<void> {
    try {
      await this.storeRewritten(history, head, rewrite(history));
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      await this.storeRewritten(history, head, rewrite(history, LITTLE_ROOM));
    }
  }

  private async storeRewritten(history: History, head: Head, log: Rewritten): Promise<void> {
    const position = head.position + log.records.length;
    const at = (draft: Draft | null): number | null => {
      if (draft === history.present) return position;
      return draft && sameFeatures(featuresOf(draft), log.start) ? head.position : null;
    };
    const apart = (draft: Draft | null): readonly Feature[] | null => (draft && at(draft) === null ? featuresOf(draft) : null);
    const whole: Head = {
      ...head,
      position,
      acknowledged: { ...head.acknowledged, position: at(this.acknowledgedDraft) },
      pending: head.pending && { ...head.pending, position: at(this.sent) },
    };
    const contents = { start: log.start, base: apart(this.acknowledgedDraft), sent: apart(this.sent) };
    await this.store({ head: whole, records: log.records, contents, clear: true });
    this.head = whole;
    this.current = history;
    this.behind = false;
    this.undos = log.undos;
    this.since = { count: 0, weight: 0 };
  }

  /** One change: in the journal first, then in the history. Rejects with NotOwner only; `isKept` says the rest. */
  append(record: LogRecord, history: History): Promise<void> {
    return this.serial(async () => {
      const head: Head = { ...this.head, position: this.head.position + 1, kept_at: new Date().toISOString() };
      try {
        // An undo of what the log has not got would do nothing when it is played again.
        const isWhole = this.behind || (record.kind === "undo" && this.undos === 0);
        if (isWhole || !(await this.storeRecord(record, history, head))) await this.storeWhole(history, head);
      } catch (error) {
        this.note(error);
        if (error instanceof NotOwner) throw error;
        this.current = history;
      }
    });
  }

  /** False where there is no room for one more change: perhaps there is for a shorter log. */
  private async storeRecord(record: LogRecord, history: History, head: Head): Promise<boolean> {
    try {
      await this.store({ head, records: [record] });
    } catch (error) {
      if (error instanceof DOMException) return false;
      throw error;
    }
    this.head = head;
    this.current = history;
    this.undos += record.kind === "undo" ? -1 : 1;
    const { count, weight } = this.sizeOf([record]);
    this.since = { count: this.since.count + count, weight: this.since.weight + weight };
    if (this.since.count > REWRITE.count || this.since.weight > REWRITE.weight) await this.shorten();
    return true;
  }

  /** A failure here costs nothing: the longer log stands as it was. */
  private async shorten(): Promise<void> {
    try {
      await this.storeWhole(this.current, this.head);
    } catch (error) {
      if (error instanceof NotOwner) this.note(error);
      this.since = { count: 0, weight: 0 }; // asked again after as many changes more
    }
  }

  /** Writes a head that goes with the history as it is. */
  private async storeHead(head: Head, contents: NonNullable<JournalChange["contents"]> = {}): Promise<void> {
    const before = this.head;
    this.head = head;
    try {
      if (this.behind) await this.storeWhole(this.current, head);
      else await this.store({ head, contents });
    } catch (error) {
      this.note(error);
      if (!(error instanceof NotOwner)) return;
      this.head = before;
      throw error;
    }
  }

  /**
   * What to send next, written down before it goes. A save without an answer comes back as it was; null when the server
   * has it all. Rejects with NotOwner.
   */
  send(make: () => { readonly operation_id: string; readonly seconds_spent: number }): Promise<Sending | null> {
    return this.serial(async () => {
      if (this.lost) throw new NotOwner();
      const { head } = this;
      if (head.pending && this.sent) return { pending: head.pending, features: featuresOf(this.sent) };
      const { present } = this.current;
      if (this.acknowledgedDraft && sameFeatures(featuresOf(present), featuresOf(this.acknowledgedDraft))) {
        this.acknowledgedDraft = present;
        await this.storeHead(this.withBase(this.version), { base: null, sent: null });
        return null;
      }
      const { position } = head;
      const { draft_model, views_seen } = this.notes;
      const pending: PendingSave = { ...make(), version: this.version, position, draft_model, views_seen };
      this.sent = present;
      await this.storeHead({ ...head, pending }, { sent: null });
      return { pending: this.head.pending ?? pending, features: featuresOf(present) };
    });
  }

  /** The head once the server has what is here now. */
  private withBase(version: number): Head {
    return { ...this.head, pending: null, acknowledged: { version, position: this.head.position } };
  }

  /** The server has stored what was sent. */
  acknowledge(version: number): Promise<void> {
    return this.serial(async () => {
      const { pending } = this.head;
      this.acknowledgedDraft = this.sent;
      const position = this.sent === this.current.present ? this.head.position : (pending?.position ?? null);
      const base = this.sent && position === null ? featuresOf(this.sent) : null;
      this.sent = null;
      await this.storeHead({ ...this.head, pending: null, acknowledged: { version, position } }, { base, sent: null });
      if (this.behind) await this.dropUnkept();
    });
  }

  /** Where the browser has no room for what is, what it kept of before is of no use once the server has more. */
  private async dropUnkept(): Promise<void> {
    if (!this.isClean) return;
    try {
      await this.journal.clear(this.key, this.owner);
    } catch (error) {
      if (error instanceof NotOwner && this.claimed) this.note(error);
    }
  }

  /** The server gave its answer to what was sent, and it is no: its content is as unsent as before. */
  unsend(): Promise<void> {
    return this.serial(async () => {
      this.sent = null;
      await this.storeHead({ ...this.head, pending: null }, { sent: null });
    });
  }

  /**
   * This work stands on another version of the server's from now on; `next` is the change that comes with it, and the
   * history after it.
   */
  rebase(
    server: { readonly version: number; readonly features: readonly Feature[] },
    next: { readonly record: LogRecord; readonly history: History } | null = null,
  ): Promise<void> {
    return this.serial(async () => {
      const record = next?.record ?? null;
      const history = next?.history ?? this.current;
      const same = sameFeatures(featuresOf(history.present), server.features);
      const position = this.head.position + (record ? 1 : 0);
      const head: Head = {
        ...this.head, position, pending: null, acknowledged: { version: server.version, position: same ? position : null },
      };
      const before = { base: this.acknowledgedDraft, sent: this.sent };
      this.acknowledgedDraft = same ? history.present : draftOf(this.side, server.features);
      this.sent = null;
      try {
        if (this.behind) await this.storeWhole(history, head);
        else {
          const contents = { base: same ? null : server.features, sent: null };
          await this.store({ head, contents, ...(record ? { records: [record] } : {}) });
          this.head = head;
          this.current = history;
          this.undos += record ? 1 : 0;
        }
      } catch (error) {
        this.note(error);
        if (error instanceof NotOwner) {
          this.acknowledgedDraft = before.base;
          this.sent = before.sent;
          throw error;
        }
        this.head = head;
        this.current = history;
      }
    });
  }

  /**
   * Goes on from the server's version in a history of its own, with one change on top: what was before cannot be had by
   * undo. One write, so that a crash leaves either.
   */
  anew(server: { readonly version: number; readonly features: readonly Feature[] }, change: Delta | null): Promise<void> {
    return this.serial(async () => {
      const start = startHistory(draftOf(this.side, server.features));
      const history = change ? record(start, change) : start;
      const head: Head = { ...this.headAt(server.version), position: this.head.position, kept_at: new Date().toISOString() };
      this.acknowledgedDraft = start.present;
      this.sent = null;
      this.behind = true;
      try {
        await this.storeWhole(history, head);
      } catch (error) {
        this.note(error);
        if (error instanceof NotOwner) throw error;
        this.head = head;
        this.current = history;
      }
    });
  }

  /** Starts anew from the server's version: what is kept here goes. */
  reset(server: { readonly version: number; readonly features: readonly Feature[] }): Promise<void> {
    return this.serial(async () => {
      this.current = startHistory(draftOf(this.side, server.features));
      this.acknowledgedDraft = this.current.present;
      this.sent = null;
      this.behind = true;
      this.head = { ...this.headAt(server.version), position: this.head.position };
      await this.dropUnkept();
    });
  }

  /** Says with the next save which draft of the model was shown. */
  noteDraftModel(version: string): void {
    this.notes = { ...this.notes, draft_model: version };
  }

  noteView(name: string): void {
    const seen = this.notes.views_seen;
    if (!seen.includes(name) && seen.length < MOST_VIEWS) this.notes = { ...this.notes, views_seen: [...seen, name.slice(0, 24)] };
  }

  /** The tile is handed in: nothing of it stays in this browser. */
  remove(): Promise<void> {
    return this.serial(async () => {
      this.behind = true;
      try {
        await this.journal.remove(this.key, this.owner);
      } catch {
        // Swept later: it holds nothing that the server does not have.
      }
    });
  }
}
