/**
 * The work on one tile: its history, and the browser's copy of it, which is always written first.
 *
 * Writes follow one another. A browser that cannot keep a copy leaves the log "behind": the next write that passes puts
 * down the whole of it, and until then `isKept` is false.
 */

import { type Draft, draftOf, type Feature, featuresOf, sameFeatures } from "../domain/draft";
import { type History, startHistory } from "../domain/history";
import { type Head, type Journal, type JournalChange, type Kept, type LogRecord, NotOwner, type PendingSave } from "./journal";
import { replay, rewrite, weightOf } from "./replay";

/** Past this the log is written anew, shorter: some thousand changes, or some tens of megabytes. */
const REWRITE = { count: 2_000, weight: 400_000 };
/** What such a log keeps for undo. */
const UNDO = { count: 1_000, weight: 200_000 };

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
  private since = { count: 0, weight: 0 };
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
    this.behind = !this.claimed;
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
    if (!this.isRead) throw new Error("What this browser keeps of the tile could not be read");
    await this.journal.write(this.key, this.owner, this.claimed ? change : { ...change, claim: true });
    this.claimed = true;
    this.setRefused(false);
  }

  /** Puts the whole log down anew; crash-safe, being one transaction. */
  private async storeWhole(history: History, head: Head): Promise<void> {
    const shorter = rewrite(history, UNDO);
    const position = head.position + shorter.records.length;
    const at = (draft: Draft | null): number | null => {
      if (draft === history.present) return position;
      return draft && sameFeatures(featuresOf(draft), shorter.start) ? head.position : null;
    };
    const apart = (draft: Draft | null): readonly Feature[] | null => (draft && at(draft) === null ? featuresOf(draft) : null);
    const whole: Head = {
      ...head,
      position,
      acknowledged: { ...head.acknowledged, position: at(this.acknowledgedDraft) },
      pending: head.pending && { ...head.pending, position: at(this.sent) },
    };
    const contents = { start: shorter.start, base: apart(this.acknowledgedDraft), sent: apart(this.sent) };
    await this.store({ head: whole, records: shorter.records, contents, clear: true });
    this.head = whole;
    this.current = shorter.history;
    this.behind = false;
    this.since = { count: shorter.records.length, weight: shorter.weight };
  }

  /** One change: in the journal first, then in the history. Rejects with NotOwner only; `isKept` says the rest. */
  append(record: LogRecord, history: History): Promise<void> {
    return this.serial(async () => {
      const head: Head = { ...this.head, position: this.head.position + 1, kept_at: new Date().toISOString() };
      try {
        if (this.behind) await this.storeWhole(history, head);
        else await this.storeRecord(record, history, head);
      } catch (error) {
        this.note(error);
        if (error instanceof NotOwner) throw error;
        this.current = history;
      }
    });
  }

  private async storeRecord(record: LogRecord, history: History, head: Head): Promise<void> {
    await this.store({ head, records: [record] });
    this.head = head;
    this.current = history;
    const { count, weight } = this.sizeOf([record]);
    this.since = { count: this.since.count + count, weight: this.since.weight + weight };
    if (this.since.count > REWRITE.count || this.since.weight > REWRITE.weight) await this.shorten();
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
      const { position, draft_model, views_seen } = head;
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

  /** Says with the next save which draft of the model it started from. */
  noteDraftModel(version: string): void {
    this.head = { ...this.head, draft_model: version };
  }

  noteView(name: string): void {
    const seen = this.head.views_seen;
    if (!seen.includes(name) && seen.length < 16) this.head = { ...this.head, views_seen: [...seen, name.slice(0, 24)] };
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
