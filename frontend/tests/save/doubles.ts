/** A browser's storage and a server, both in memory, that keep the promises of the real ones. */

import { ApiError, NetworkError } from "../../src/api/client";
import type { Annotation, SaveBody } from "../../src/api/types";
import { isAcknowledged, type Journal, type JournalChange, type Kept, NotOwner } from "../../src/save/journal";

/** Entries are stored as copies; a write happens as a whole or not at all. */
export class MemoryJournal implements Journal {
  readonly entries = new Map<string, Kept>();
  readonly owners = new Map<string, string>();
  readonly writes: JournalChange[] = [];
  full = false;

  private async room(): Promise<void> {
    await Promise.resolve();
    if (this.full) throw new DOMException("", "QuotaExceededError");
  }

  private mustOwn(key: string, owner: string): void {
    if (this.owners.get(key) !== owner) throw new NotOwner();
  }

  async claim(key: string, owner: string): Promise<{ kept: Kept | null; claimed: boolean }> {
    await Promise.resolve();
    if (!this.full) this.owners.set(key, owner);
    return { kept: structuredClone(this.entries.get(key) ?? null), claimed: !this.full };
  }

  async write(key: string, owner: string, change: JournalChange): Promise<void> {
    await this.room();
    if (change.claim) this.owners.set(key, owner);
    this.mustOwn(key, owner);
    const before = change.clear ? undefined : this.entries.get(key);
    const contents = Object.entries({ ...before?.contents, ...change.contents }).filter(([, features]) => features !== null);
    const records = [...(before?.records ?? []), ...(change.records ?? [])];
    this.entries.set(key, structuredClone({ head: change.head, records, contents: Object.fromEntries(contents) }));
    this.writes.push(change);
  }

  async clear(key: string, owner: string): Promise<void> {
    await Promise.resolve();
    this.mustOwn(key, owner);
    this.entries.delete(key);
  }

  async remove(key: string, owner: string): Promise<void> {
    await this.clear(key, owner);
    this.owners.delete(key);
  }

  async unsent(user: string): Promise<readonly string[]> {
    await Promise.resolve();
    return [...this.entries].filter(([key, { head }]) => key.startsWith(`${user}/`) && !isAcknowledged(head)).map(([key]) => key);
  }

  async sweep(before: string): Promise<void> {
    await Promise.resolve();
    for (const [key, { head }] of this.entries) if (head.kept_at < before && isAcknowledged(head)) this.entries.delete(key);
  }
}

/** Versions, and one effect for an operation however often it is sent. */
export class Server {
  version = 0;
  features: Annotation["features"] = [];
  readonly calls: { version: number; body: SaveBody }[] = [];
  private readonly answers = new Map<string, Annotation>();
  failures: ((save: () => Annotation) => never)[] = [];

  annotation(): Annotation {
    return { version: this.version, state: "draft", features: this.features, saved_at: "2026-11-22T13:03:00Z", review: null };
  }

  /** Someone saves from elsewhere. */
  saveElsewhere(features: Annotation["features"]): void {
    this.version += 1;
    this.features = features;
  }

  send(version: number, body: SaveBody): Promise<Annotation> {
    this.calls.push({ version, body });
    const save = (): Annotation => {
      const known = this.answers.get(body.operation_id);
      if (known) return known;
      if (version !== this.version) throw new ApiError(412, "stale", "Stale", { current: this.annotation() });
      this.saveElsewhere(body.features);
      this.answers.set(body.operation_id, this.annotation());
      return this.annotation();
    };
    const failure = this.failures.shift();
    try {
      return Promise.resolve(failure ? failure(save) : save());
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }
}

export const cut = (): never => { throw new NetworkError("cut"); };
export const answerLost = (save: () => Annotation): never => { save(); throw new NetworkError("lost"); };
export const refuse = (status: number, code: string, details = {}) => (): never => { throw new ApiError(status, code, code, details); };
