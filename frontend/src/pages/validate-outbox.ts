import { ApiError } from "../api/client";
import type { Verdict } from "../api/types";
import {
  type Batch, type BodyOf, BrowserVerdictStore, type Fault, type Judged, type KeptVerdict, type SetAside, type TileId, type VerdictStore,
} from "../save/verdict-store";
import { faultWords } from "./validate-words";

export type OutboxState = "saved" | "waiting" | "sending" | "offline" | "sign_in" | "other_person" | "held" | "unkept";

export interface OutboxStatus<V extends Judged = Verdict> {
  readonly state: OutboxState;
  /** Verdicts that the server does not have. */
  readonly left: number;
  readonly savedAt: string | null;
  readonly message: string;
  /** Verdicts that the server will never take, until the person has read why. */
  readonly aside: readonly SetAside<V>[];
}

export interface OutboxHooks<V extends Judged = Verdict> {
  send(tile: TileId, body: BodyOf<V>): Promise<unknown>;
  /** Asked before each write: verdicts are never sent under another account than the one that gave them. */
  isSamePerson(wasSignedOut: boolean): Promise<boolean>;
  onStatus(status: OutboxStatus<V>): void;
  /** Verdicts on these polygons were not taken; another answer may be. */
  onAskedAgain(tile: TileId, featureIds: readonly string[]): void;
  /** A newer model has drawn the tile: what is asked about the older drawing is no use any more. */
  onDrawnAnew(tile: TileId, olderModel: string): void;
}

const SEND_MS = 2_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
/** Refusals that somebody can lift, or that time does: the verdicts wait for it. */
const LIFTED_LATER = ["consent_required", "campaign_closed", "too_many_verdicts"];
/** Refusals of an answer, not of the polygon it is on. */
const ASKED_AGAIN = ["unknown_class", "invalid_verdict", "invalid_change_answer", "invalid"];

/** Why verdicts of a batch were refused, by polygon: all of them where the refusal names none. */
function faultsOf<V extends Judged>({ body: { verdicts } }: Batch<V>, error: ApiError): Map<string, Fault> {
  const faults = new Map<string, Fault>();
  const blame = (name: string | undefined, code: string, reason: string): void => {
    if (name !== undefined) faults.set(name, { reason, asksAgain: ASKED_AGAIN.includes(code) });
  };
  const { refused, verdicts: unreadable } = error.details;
  if (Array.isArray(refused)) {
    for (const one of refused as { feature_id: string; code: string; message: string; details?: Record<string, unknown> }[]) {
      const words = faultWords(one.code, one.message, one.details);
      blame(verdicts.find((verdict) => verdict.feature_id === one.feature_id)?.feature_id, one.code, words);
    }
  } else if (error.status === 400 && typeof unreadable === "object" && unreadable !== null) {
    // By their place in the list.
    const words = faultWords("invalid_verdict", "");
    for (const place of Object.keys(unreadable)) blame(verdicts[Number(place)]?.feature_id, error.code, words);
  }
  if (faults.size === 0) {
    const words = faultWords(error.code, error.message, error.details);
    for (const { feature_id } of verdicts) blame(feature_id, error.code, words);
  }
  return faults;
}

/** Verdicts on their way to the server: kept by the browser first, sent together, repeated until they are there. */
export class Outbox<V extends Judged = Verdict> {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> | null = null;
  private retries = 0;
  private isSignedOut = false;
  private status: OutboxStatus<V> = { state: "saved", left: 0, savedAt: null, message: "", aside: [] };

  constructor(
    private readonly owner: string,
    private readonly hooks: OutboxHooks<V>,
    private readonly store: VerdictStore<V> = new BrowserVerdictStore<V>(),
    /** How long a verdict stays before it leaves by itself: as long, it is taken back without asking the server. */
    private readonly sendMs = SEND_MS,
  ) {}

  /** Verdicts that the server does not have. */
  get left(): number {
    return this.status.left;
  }

  private tell(change: Partial<OutboxStatus<V>>): void {
    this.status = { ...this.status, ...change };
    this.hooks.onStatus(this.status);
  }

  /** Verdicts on a model's drawing of a tile that this browser has and the server may not. */
  async of(tile: TileId, model: string): Promise<V[]> {
    const { verdicts, batches } = await this.store.waiting(this.owner);
    return [
      ...batches.filter((batch) => batch.tile === tile && batch.body.model_version === model).flatMap((batch) => batch.body.verdicts),
      ...verdicts.filter(({ value }) => value.tile === tile && value.model_version === model).map(({ value }) => value.verdict),
    ];
  }

  /** Keeps a verdict; resolves once the browser has it. It leaves shortly after. */
  async put(given: Omit<KeptVerdict<V>, "owner">): Promise<void> {
    const kept: KeptVerdict<V> = { ...given, owner: this.owner };
    try {
      await this.store.add(kept);
    } catch (error) {
      await this.sendUnkept(kept, error);
      return;
    }
    const { state, left } = this.status;
    this.tell({ state: state === "saved" || state === "unkept" ? "waiting" : state, left: left + 1 });
    this.schedule(this.sendMs);
  }

  /** The browser cannot keep it: the server is asked at once, and a failure is the caller's to show. */
  private async sendUnkept(kept: KeptVerdict<V>, cause: unknown): Promise<void> {
    this.tell({ state: "unkept", message: String(cause) });
    if (!(await this.hooks.isSamePerson(this.isSignedOut))) {
      this.tell({ state: "other_person" });
      throw cause;
    }
    await this.hooks.send(kept.tile, { operation_id: crypto.randomUUID(), model_version: kept.model_version, verdicts: [kept.verdict], done: kept.done });
    this.tell({ savedAt: new Date().toISOString() });
  }

  /** Takes the last verdict on a polygon back, if it has not left yet. */
  async takeBack(tile: TileId, featureId: string): Promise<boolean> {
    const isThere = await this.store.takeBack(this.owner, tile, featureId);
    if (isThere) await this.count();
    return isThere;
  }

  private async count(): Promise<void> {
    const { verdicts, batches, aside } = await this.store.waiting(this.owner);
    const left = verdicts.length + batches.reduce((sum, batch) => sum + batch.body.verdicts.length, 0);
    this.tell(left === 0 && this.status.state === "waiting" ? { left, aside, state: "saved" } : { left, aside });
  }

  /** The person has read which verdicts were not taken, and why. */
  async forgetAside(): Promise<void> {
    await this.store.forgetAside(this.owner);
    await this.count();
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
    this.sending ??= this.drain().catch((error: unknown) => { this.waitForStore(error); }).finally(() => { this.sending = null; });
    await this.sending;
  }

  /** Sends nothing more by itself; what is kept stays. */
  close(): void {
    clearTimeout(this.timer);
  }

  private async drain(): Promise<void> {
    for (let batch = await this.store.pack(this.owner); batch; batch = await this.store.pack(this.owner)) {
      try {
        if (!(await this.hooks.isSamePerson(this.isSignedOut))) {
          this.wait({ state: "other_person", message: "" });
          return;
        }
        this.tell({ state: "sending" });
        await this.hooks.send(batch.tile, batch.body);
      } catch (error) {
        if (!(await this.failed(batch, error))) return;
        continue;
      }
      this.isSignedOut = false;
      await this.store.drop(batch.operation_id);
      await this.count();
      this.tell({ state: this.status.left === 0 ? "saved" : "waiting", savedAt: new Date().toISOString(), message: "" });
    }
    this.retries = 0;
    await this.count(); // another tab may have sent what was counted here
    if (this.status.left === 0) this.tell({ state: "saved", message: "" });
  }

  private wait(status: Partial<OutboxStatus<V>>): void {
    this.tell(status);
    this.schedule(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries));
    this.retries += 1;
  }

  /** The browser's store failed midway. What it holds is still there, and the server takes a batch once. */
  private waitForStore(error: unknown): void {
    this.wait(this.status.state === "unkept" ? {} : { state: "offline", message: String(error) });
  }

  /** True when the next batch may be tried. */
  private async failed(batch: Batch<V>, error: unknown): Promise<boolean> {
    const message = (error as Error).message;
    if (error instanceof ApiError && LIFTED_LATER.includes(error.code)) this.wait({ state: "held", message });
    else if (!(error instanceof ApiError) || error.isTransient) this.wait({ state: "offline", message });
    else if (error.needsSignIn) {
      this.isSignedOut = true;
      this.wait({ state: "sign_in", message });
    } else {
      // The same verdicts would get the same answer for ever. The others of the batch are none the worse for them.
      const faults = faultsOf(batch, error);
      await this.store.setAside(batch, faults);
      await this.count();
      const again = [...faults].filter(([, fault]) => fault.asksAgain).map(([name]) => name);
      if (again.length > 0) this.hooks.onAskedAgain(batch.tile, again);
      if (error.code === "drawing_replaced") this.hooks.onDrawnAnew(batch.tile, batch.body.model_version);
      return true;
    }
    return false;
  }
}
