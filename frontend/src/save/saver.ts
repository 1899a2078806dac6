/**
 * Carries a person's work to the server, losing nothing on the way.
 *
 * Each change is journaled in the browser at once and sent 1.5 s later. One save is in flight at a time; its operation
 * id stays the same until the server answers, so that a repeat has one effect. The journal entry goes only when the
 * server has acknowledged exactly what it holds.
 */

import { ApiError, NetworkError } from "../api/client";
import type { Annotation, SaveBody } from "../api/types";
import type { Feature } from "../domain/draft";
import type { Entry, Journal } from "./journal";

export type SaveState = "saved" | "saving" | "dirty" | "offline" | "error";

export interface SaveStatus {
  readonly state: SaveState;
  readonly savedAt: string | null;
  readonly problem: "none" | "offline" | "server" | "sign_in" | "conflict" | "invalid" | "refused" | "browser";
  readonly message: string;
}

export interface Conflict {
  readonly current: Annotation;
}

export interface SaverHooks {
  send(version: number, body: SaveBody): Promise<Annotation>;
  secondsSpent(): number;
  onStatus(status: SaveStatus): void;
  onVersion(version: number): void;
  onConflict(conflict: Conflict): void;
  onInvalid(featureId: string | null, at: readonly [number, number] | null, message: string): void;
}

export const AUTOSAVE_MS = 1_500;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const SIGN_IN_RETRY_MS = 10_000;

interface Pending {
  readonly operationId: string;
  readonly version: number;
  readonly features: readonly Feature[];
  readonly body: SaveBody;
}

export class Saver {
  private features: readonly Feature[];
  private acknowledged: readonly Feature[];
  private pending: Pending | null = null;
  private inFlight: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private retries = 0;
  private halted = false;
  private closed = false;
  private journaling: Promise<void> = Promise.resolve();
  private status: SaveStatus;
  draftModel: string | null = null;

  constructor(
    private readonly key: string,
    private readonly journal: Journal,
    private readonly hooks: SaverHooks,
    server: { version: number; features: readonly Feature[]; saved_at: string | null },
  ) {
    this.version = server.version;
    this.features = server.features;
    this.acknowledged = server.features;
    this.status = { state: "saved", savedAt: server.saved_at, problem: "none", message: "" };
  }

  version: number;

  get isClean(): boolean {
    return this.features === this.acknowledged && this.pending === null;
  }

  private tell(change: Partial<SaveStatus>): void {
    this.status = { ...this.status, ...change };
    this.hooks.onStatus(this.status);
  }

  /** Takes a changed draft: journaled now, saved shortly. */
  change(features: readonly Feature[]): void {
    this.features = features;
    this.halted = false;
    this.tell({ state: "dirty", problem: "none", message: "" });
    this.keep();
    this.schedule(AUTOSAVE_MS);
  }

  /** Writes the journal after earlier writes; a browser that cannot keep it is told, and saving goes on. */
  private keep(): void {
    const entry: Entry = {
      key: this.key,
      base_version: this.version,
      features: this.features,
      pending: this.pending?.features ?? null,
      draft_model: this.draftModel,
      kept_at: new Date().toISOString(),
    };
    this.journaling = this.journaling
      .then(() => this.journal.write(entry))
      .catch((error: unknown) => {
        this.tell({ problem: "browser", message: String(error) });
      });
  }

  private schedule(delay: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.flush();
    }, delay);
  }

  /** Sends what is unsaved. Resolves when there is nothing more to send, or when sending must wait. */
  async flush(): Promise<boolean> {
    if (this.timer !== null) {
      clearTimeout(this.timer);
      this.timer = null;
    }
    while (!this.closed && !this.halted && !this.isClean) {
      this.inFlight ??= this.attempt().finally(() => {
        this.inFlight = null;
      });
      const before = this.retries;
      await this.inFlight;
      if (this.retries > before) break;
    }
    return this.isClean;
  }

  /** Tries again now: the network is back, or the person has signed in. */
  retryNow(): void {
    if (!this.isClean && !this.halted) void this.flush();
  }

  private async attempt(): Promise<void> {
    this.pending ??= this.prepare();
    const pending = this.pending;
    this.keep();
    await this.journaling;
    this.tell({ state: "saving" });
    let answer: Annotation;
    try {
      answer = await this.hooks.send(pending.version, pending.body);
    } catch (error) {
      this.refused(error);
      return;
    }
    this.retries = 0;
    this.pending = null;
    this.version = answer.version;
    this.acknowledged = pending.features;
    this.hooks.onVersion(answer.version);
    if (this.isClean) await this.forget();
    else this.keep();
    // A change made while the journal was being emptied is in `features` again.
    if (this.isClean) this.tell({ state: "saved", savedAt: answer.saved_at ?? new Date().toISOString(), problem: "none", message: "" });
    else this.tell({ state: "dirty", problem: "none", message: "" });
  }

  private prepare(): Pending {
    const operationId = crypto.randomUUID();
    const body: SaveBody = {
      operation_id: operationId,
      features: this.features,
      seconds_spent: this.hooks.secondsSpent(),
      draft_model: this.draftModel,
    };
    return { operationId, version: this.version, features: this.features, body };
  }

  private async forget(): Promise<void> {
    this.journaling = this.journaling.then(() => this.journal.remove(this.key)).catch(() => undefined);
    await this.journaling;
  }

  private refused(error: unknown): void {
    if (error instanceof NetworkError || (error instanceof ApiError && error.isTransient)) {
      const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries);
      this.wait(delay, { state: "offline", problem: error instanceof NetworkError ? "offline" : "server", message: error.message });
      return;
    }
    if (!(error instanceof ApiError)) throw error;
    if (error.needsSignIn) {
      this.wait(SIGN_IN_RETRY_MS, { state: "error", problem: "sign_in", message: error.message });
      return;
    }
    // The server gave its answer: the same operation would get it again. The work stays in the journal.
    this.pending = null;
    this.halted = true;
    this.keep();
    if (error.status === 412) {
      this.tell({ state: "error", problem: "conflict", message: error.message });
      this.hooks.onConflict({ current: error.details["current"] as Annotation });
    } else if (error.status === 422) {
      this.tell({ state: "error", problem: "invalid", message: error.message });
      const { feature_id: id, at } = error.details as { feature_id?: string; at?: [number, number] };
      this.hooks.onInvalid(id ?? null, at ?? null, error.message);
    } else {
      this.tell({ state: "error", problem: "refused", message: error.message });
    }
  }

  private wait(delay: number, status: Partial<SaveStatus>): void {
    this.retries += 1;
    this.tell(status);
    if (!this.closed) this.schedule(delay);
  }

  /** After a conflict: keep this browser's work, on top of the version now known. */
  keepMine(current: Annotation): void {
    this.version = current.version;
    this.acknowledged = current.features;
    this.hooks.onVersion(current.version);
    this.change(this.features);
  }

  /** After a conflict: the server's version stands and the work kept here goes. */
  async takeTheirs(current: Annotation): Promise<void> {
    this.version = current.version;
    this.features = current.features;
    this.acknowledged = current.features;
    this.pending = null;
    this.halted = false;
    this.hooks.onVersion(current.version);
    await this.forget();
    this.tell({ state: "saved", savedAt: current.saved_at, problem: "none", message: "" });
  }

  /** Stops sending; what is journaled stays. */
  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
