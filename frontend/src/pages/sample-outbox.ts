import { ApiError } from "../api/client";
import type { SampleAnswerBody } from "../api/sample-types";
import { type AnswerStore, BrowserAnswerStore, type KeptAnswer } from "../save/answer-store";
import type { OutboxState } from "./validate-outbox";

export interface AnswersStatus {
  readonly state: OutboxState;
  /** Answers that the server does not have. */
  readonly left: number;
  readonly savedAt: string | null;
  readonly message: string;
}

export interface AnswersHooks {
  send(sample: number, unit: number, body: SampleAnswerBody): Promise<unknown>;
  /** Asked before each write: answers are never sent under another account than the one that gave them. */
  isSamePerson(wasSignedOut: boolean): Promise<boolean>;
  onStatus(status: AnswersStatus): void;
  /** The server will never take this answer. */
  onRefused(answer: KeptAnswer, error: ApiError): void;
}

/** An answer can be taken back without a trace before it leaves. */
const SEND_MS = 2_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** Refusals that somebody can lift: the answers wait for it. */
const LIFTED_LATER = ["consent_required", "campaign_closed", "too_many_this_hour"];

/** Answers on their way to the server, one by one: kept by the browser first, repeated until they are there. */
export class AnswerOutbox {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> | null = null;
  private retries = 0;
  private isSignedOut = false;
  private leaving: string | null = null;
  private status: AnswersStatus = { state: "saved", left: 0, savedAt: null, message: "" };

  constructor(
    private readonly owner: string,
    private readonly hooks: AnswersHooks,
    private readonly store: AnswerStore = new BrowserAnswerStore(),
  ) {}

  get left(): number {
    return this.status.left;
  }

  private tell(change: Partial<AnswersStatus>): void {
    this.status = { ...this.status, ...change };
    this.hooks.onStatus(this.status);
  }

  /** Units of a sample whose answer waits here. */
  async unitsOf(sample: number): Promise<ReadonlySet<number>> {
    const waiting = await this.store.waiting(this.owner).catch(() => []);
    return new Set(waiting.filter((one) => one.sample === sample).map((one) => one.unit));
  }

  /** Keeps an answer; resolves once the browser has it. It leaves shortly after. */
  async put(sample: number, unit: number, body: SampleAnswerBody): Promise<void> {
    const kept: KeptAnswer = { owner: this.owner, sample, unit, body, order: Date.now() };
    try {
      await this.store.add(kept);
    } catch (error) {
      await this.sendUnkept(kept, error);
      return;
    }
    const { state, left } = this.status;
    this.tell({ state: state === "saved" || state === "unkept" ? "waiting" : state, left: left + 1 });
    this.schedule(SEND_MS);
  }

  /** The browser cannot keep it: the server is asked at once, and a failure is the caller's to show. */
  private async sendUnkept(kept: KeptAnswer, cause: unknown): Promise<void> {
    this.tell({ state: "unkept", message: String(cause) });
    if (!(await this.hooks.isSamePerson(this.isSignedOut))) {
      this.tell({ state: "other_person" });
      throw cause;
    }
    await this.hooks.send(kept.sample, kept.unit, kept.body);
    this.tell({ savedAt: new Date().toISOString() });
  }

  /** Takes an answer back, if it has not begun to leave. */
  async takeBack(operationId: string): Promise<boolean> {
    if (this.leaving === operationId) return false;
    const wasThere = await this.store.drop(operationId).catch(() => false);
    if (wasThere) await this.count();
    return wasThere;
  }

  private async count(): Promise<void> {
    const left = (await this.store.waiting(this.owner)).length;
    this.tell(left === 0 && this.status.state === "waiting" ? { left, state: "saved" } : { left });
  }

  /** Sends what earlier visits left behind. */
  async start(): Promise<void> {
    await this.count();
    if (this.status.left > 0) await this.flush();
  }

  private schedule(delay: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.flush(), delay);
  }

  /** Sends all there is, oldest first. Resolves when nothing is left, or when it must wait; never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.sending ??= this.drain().catch((error: unknown) => { this.wait({ state: "offline", message: String(error) }); }).finally(() => { this.sending = null; });
    await this.sending;
  }

  private async drain(): Promise<void> {
    for (let next = await this.oldest(); next; next = await this.oldest()) {
      try {
        if (!(await this.hooks.isSamePerson(this.isSignedOut))) {
          this.wait({ state: "other_person", message: "" });
          return;
        }
        this.leaving = next.body.operation_id;
        this.tell({ state: "sending" });
        await this.hooks.send(next.sample, next.unit, next.body);
      } catch (error) {
        if (!(await this.failed(next, error))) return;
        continue;
      } finally {
        this.leaving = null;
      }
      this.isSignedOut = false;
      await this.store.drop(next.body.operation_id);
      await this.count();
      this.tell({ state: this.status.left === 0 ? "saved" : "waiting", savedAt: new Date().toISOString(), message: "" });
    }
    this.retries = 0;
    await this.count(); // another tab may have sent what was counted here
    if (this.status.left === 0) this.tell({ state: "saved", message: "" });
  }

  private async oldest(): Promise<KeptAnswer | undefined> {
    return (await this.store.waiting(this.owner))[0];
  }

  private wait(status: Partial<AnswersStatus>): void {
    this.tell(status);
    this.schedule(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries));
    this.retries += 1;
  }

  /** True when the next answer may be tried. */
  private async failed(answer: KeptAnswer, error: unknown): Promise<boolean> {
    const message = (error as Error).message;
    if (error instanceof ApiError && LIFTED_LATER.includes(error.code)) this.wait({ state: "held", message });
    else if (!(error instanceof ApiError) || error.isTransient) this.wait({ state: "offline", message });
    else if (error.needsSignIn) {
      this.isSignedOut = true;
      this.wait({ state: "sign_in", message });
    } else {
      // The same answer would be refused for ever.
      await this.store.drop(answer.body.operation_id);
      await this.count();
      this.hooks.onRefused(answer, error);
      return true;
    }
    return false;
  }
}
