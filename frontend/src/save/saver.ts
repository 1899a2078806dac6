/**
 * Carries a person's work to the server, losing nothing on the way.
 *
 * What is to be sent is written in the browser first, under an operation id that stays the same until the server
 * answers, so that a repeat has one effect. One save is in flight at a time. The browser's copy counts as sent only when
 * the server has acknowledged exactly what it holds.
 */

import { ApiError } from "../api/client";
import type { Annotation, SaveBody } from "../api/types";
import { featuresOf, sameFeatures } from "../domain/draft";
import { NotOwner } from "./journal";
import type { Sending, WorkLog } from "./work-log";

export type SaveState = "saved" | "saving" | "dirty" | "offline" | "error";
export type SaveProblem = "none" | "offline" | "server" | "sign_in" | "other_person" | "conflict" | "invalid" | "refused" | "browser" | "elsewhere";

export interface SaveStatus {
  readonly state: SaveState;
  readonly savedAt: string | null;
  readonly problem: SaveProblem;
  readonly message: string;
  /** Something drawn here is not on the server yet. */
  readonly pending: boolean;
  /** This browser has a copy of all that is not on the server. */
  readonly kept: boolean;
}

export const NOTHING_SAVED: SaveStatus = { state: "saved", savedAt: null, problem: "none", message: "", pending: false, kept: true };

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
  /** Asked before each save: work is never sent under another account than the one that drew it. */
  isSamePerson(wasSignedOut: boolean): Promise<boolean>;
  /** The server refused a save for what it is, with this code. */
  onRefused?(code: string): void;
  /** The server answered again after it had asked to sign in. */
  onSignedIn(): void;
}

export const AUTOSAVE_MS = 1_500;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const SIGN_IN_RETRY_MS = 10_000;

export class Saver {
  private inFlight: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private retries = 0;
  /** Why nothing is sent until something changes; "refused" ends by itself when it is worth asking again. */
  private halted: "no" | "conflict" | "invalid" | "refused" = "no";
  private isSignedOut = false;
  private closed = false;
  /** Seconds of work of a save that the server refused: the next one counts them. */
  private carriedSeconds = 0;
  private status: SaveStatus;

  constructor(
    private readonly log: WorkLog,
    private readonly hooks: SaverHooks,
    savedAt: string | null,
  ) {
    this.status = { ...NOTHING_SAVED, savedAt };
  }

  get version(): number {
    return this.log.version;
  }

  get isClean(): boolean {
    return this.log.isClean;
  }

  private tell(change: Partial<SaveStatus>): void {
    const status = { ...this.status, ...change, pending: !this.log.isClean, kept: this.log.isKept };
    if (status.problem === "none" && status.pending && !status.kept) status.problem = "browser";
    else if (status.problem === "browser" && status.kept) status.problem = "none";
    this.status = status;
    this.hooks.onStatus(status);
  }

  /** Says how things stand: the browser's copy has begun or ceased to be whole, or this saver takes over. */
  report(): void {
    this.tell({});
  }

  /** Something was drawn: sent shortly, or at once where the browser has no copy. */
  changed(): void {
    if (this.closed) return;
    this.halted = "no";
    const isWaiting = ["offline", "server", "sign_in", "other_person"].includes(this.status.problem);
    this.tell(isWaiting ? {} : { state: "dirty", problem: "none", message: "" });
    this.schedule(this.log.isKept ? AUTOSAVE_MS : 0);
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
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    while (!this.closed && this.halted === "no" && !this.isClean) {
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
    if (this.closed) return;
    if (this.halted === "refused") this.halted = "no";
    if (!this.isClean && this.halted === "no") void this.flush();
  }

  private async attempt(): Promise<void> {
    try {
      const sending = await this.log.send(() => this.stamp());
      if (!sending) this.said(this.status.savedAt);
      else await this.exchange(sending);
    } catch (error) {
      if (!(error instanceof NotOwner)) throw error;
      this.stop();
    }
  }

  private stamp(): { operation_id: string; seconds_spent: number } {
    const seconds = this.carriedSeconds + this.hooks.secondsSpent();
    this.carriedSeconds = 0;
    return { operation_id: crypto.randomUUID(), seconds_spent: seconds };
  }

  private async exchange(sending: Sending): Promise<void> {
    const { operation_id, seconds_spent, draft_model, views_seen, version } = sending.pending;
    const body: SaveBody = {
      operation_id, features: sending.features, seconds_spent, draft_model, ...(views_seen.length > 0 ? { views_seen } : {}),
    };
    this.tell({ state: "saving" });
    let answer: Annotation;
    try {
      if (!(await this.hooks.isSamePerson(this.isSignedOut))) {
        this.wait(SIGN_IN_RETRY_MS, { state: "error", problem: "other_person", message: "" });
        return;
      }
      if (this.closed) return;
      answer = await this.hooks.send(version, body);
    } catch (error) {
      await this.refused(error, sending);
      return;
    }
    const wasSignedOut = this.isSignedOut;
    this.isSignedOut = false;
    this.retries = 0;
    await this.log.acknowledge(answer.version);
    this.hooks.onVersion(answer.version);
    this.said(answer.saved_at ?? new Date().toISOString());
    if (wasSignedOut) this.hooks.onSignedIn();
  }

  /** What is here now is on the server, or has changed since. */
  private said(savedAt: string | null): void {
    this.tell({ state: this.isClean ? "saved" : "dirty", savedAt, problem: "none", message: "" });
  }

  private async refused(error: unknown, sending: Sending): Promise<void> {
    if (!(error instanceof ApiError) || error.isTransient) {
      const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries);
      const problem = error instanceof ApiError ? "server" : "offline";
      this.wait(delay, { state: "offline", problem, message: String(error) });
      return;
    }
    if (error.needsSignIn) {
      this.isSignedOut = true;
      this.wait(SIGN_IN_RETRY_MS, { state: "error", problem: "sign_in", message: error.message });
      return;
    }
    // The server gave its answer: the same operation would get it again. The work stays in this browser.
    this.carriedSeconds += sending.pending.seconds_spent;
    this.retries = 0;
    if (error.status === 412) await this.stale(error.details["current"] as Annotation, sending, error.message);
    else await this.unsend(error);
  }

  private async unsend(error: ApiError): Promise<void> {
    const isInvalid = error.status === 422;
    this.halted = isInvalid ? "invalid" : "refused";
    await this.log.unsend();
    this.tell({ state: "error", problem: isInvalid ? "invalid" : "refused", message: error.message });
    this.hooks.onRefused?.(error.code);
    if (!isInvalid) return;
    const { feature_id: id, at } = error.details as { feature_id?: string; at?: [number, number] };
    this.hooks.onInvalid(id ?? null, at ?? null, error.message);
  }

  /** Another version is on the server. When it is the very work sent from here, there is nothing to ask. */
  private async stale(current: Annotation, sending: Sending, message: string): Promise<void> {
    const mine = featuresOf(this.log.history.present);
    if (sameFeatures(current.features, sending.features) || sameFeatures(current.features, mine)) {
      await this.log.rebase(current);
      this.hooks.onVersion(current.version);
      this.said(current.saved_at);
      return;
    }
    this.halted = "conflict";
    await this.log.unsend();
    this.tell({ state: "error", problem: "conflict", message });
    this.hooks.onConflict({ current });
  }

  private wait(delay: number, status: Partial<SaveStatus>): void {
    this.retries += 1;
    this.tell(status);
    if (!this.closed) this.schedule(delay);
  }

  /** Work found in this browser does not stand on the server's version: nothing is sent before the person has chosen. */
  holdForConflict(): void {
    this.halted = "conflict";
    this.tell({ state: "error", problem: "conflict", message: "" });
  }

  /** The person has chosen, and the log stands on the server's version: what differs from it is sent. */
  resolved(current: Annotation): void {
    this.halted = "no";
    this.hooks.onVersion(current.version);
    this.said(current.saved_at);
    if (!this.isClean) this.schedule(0);
  }

  /** Another tab goes on with this tile: nothing more is sent from here. */
  stop(): void {
    if (this.closed) return;
    this.close();
    this.tell({ state: "error", problem: "elsewhere", message: "" });
  }

  /** Stops sending; what is kept in the browser stays. */
  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
