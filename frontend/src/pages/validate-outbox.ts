import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { ApiError } from "../api/client";
import type { ValidationBody, Verdict } from "../api/types";

type Tile = number | string;

interface Kept {
  readonly owner: string;
  readonly tile: Tile;
  readonly model_version: string;
  readonly verdict: Verdict;
  readonly done: boolean;
}

interface Batch {
  readonly operation_id: string;
  readonly owner: string;
  readonly tile: Tile;
  readonly body: ValidationBody;
}

interface Schema extends DBSchema {
  /** Given, not on their way yet: they may be taken back. */
  verdicts: { key: number; value: Kept };
  /** On their way, under an operation id that stays the same until the server answers. */
  batches: { key: string; value: Batch };
}

export type OutboxState = "saved" | "waiting" | "sending" | "offline" | "sign_in" | "refused" | "unkept";

export interface OutboxStatus {
  readonly state: OutboxState;
  /** Verdicts that the server does not have. */
  readonly left: number;
  readonly savedAt: string | null;
  readonly message: string;
}

type Send = (tile: Tile, body: ValidationBody) => Promise<unknown>;

const SEND_MS = 2_000;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const MOST_IN_A_BATCH = 200;

/** Verdicts on their way to the server: kept by the browser first, sent together, repeated until they are there. */
export class Outbox {
  private readonly database: Promise<IDBPDatabase<Schema>>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private sending: Promise<void> | null = null;
  private retries = 0;
  private status: OutboxStatus = { state: "saved", left: 0, savedAt: null, message: "" };

  constructor(
    private readonly owner: string,
    private readonly send: Send,
    private readonly onStatus: (status: OutboxStatus) => void,
  ) {
    this.database = openDB<Schema>("solcommun-validate", 1, {
      upgrade(database) {
        database.createObjectStore("verdicts", { autoIncrement: true });
        database.createObjectStore("batches", { keyPath: "operation_id" });
      },
    });
  }

  private tell(change: Partial<OutboxStatus>): void {
    this.status = { ...this.status, ...change };
    this.onStatus(this.status);
  }

  private async mine(): Promise<{ verdicts: { key: number; value: Kept }[]; batches: Batch[] }> {
    const transaction = (await this.database).transaction(["verdicts", "batches"]);
    const [keys, values, batches] = await Promise.all([
      transaction.objectStore("verdicts").getAllKeys(), transaction.objectStore("verdicts").getAll(), transaction.objectStore("batches").getAll(),
    ]);
    const verdicts = values.map((value, i) => ({ key: keys[i] as number, value })).filter(({ value }) => value.owner === this.owner);
    return { verdicts, batches: batches.filter((batch) => batch.owner === this.owner) };
  }

  /** Verdicts on a tile that this browser has and the server may not. */
  async of(tile: Tile): Promise<Verdict[]> {
    const { verdicts, batches } = await this.mine();
    return [
      ...batches.filter((batch) => batch.tile === tile).flatMap((batch) => batch.body.verdicts),
      ...verdicts.filter(({ value }) => value.tile === tile).map(({ value }) => value.verdict),
    ];
  }

  /** Keeps a verdict; resolves once the browser has it. It leaves shortly after. */
  async put(tile: Tile, modelVersion: string, verdict: Verdict, done: boolean): Promise<void> {
    const kept: Kept = { owner: this.owner, tile, model_version: modelVersion, verdict, done };
    try {
      const transaction = (await this.database).transaction("verdicts", "readwrite", { durability: "strict" });
      await transaction.store.add(kept);
      await transaction.done;
    } catch (error) {
      await this.sendUnkept(kept, error);
      return;
    }
    this.tell({ state: this.status.state === "saved" ? "waiting" : this.status.state, left: this.status.left + 1 });
    this.schedule(SEND_MS);
  }

  /** The browser cannot keep it: the server is asked at once, and a failure is the caller's to show. */
  private async sendUnkept(kept: Kept, cause: unknown): Promise<void> {
    this.tell({ state: "unkept", message: String(cause) });
    await this.send(kept.tile, { operation_id: crypto.randomUUID(), model_version: kept.model_version, verdicts: [kept.verdict], done: kept.done });
    this.tell({ savedAt: new Date().toISOString() });
  }

  /** Takes the last verdict on a polygon back, if it has not left yet. */
  async takeBack(tile: Tile, featureId: string): Promise<boolean> {
    const { verdicts } = await this.mine();
    const found = verdicts.reverse().find(({ value }) => value.tile === tile && value.verdict.feature_id === featureId);
    if (!found) return false;
    await (await this.database).delete("verdicts", found.key);
    await this.count();
    return true;
  }

  private async count(): Promise<void> {
    const { verdicts, batches } = await this.mine();
    const left = verdicts.length + batches.reduce((sum, batch) => sum + batch.body.verdicts.length, 0);
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

  /** Sends all there is, oldest first. Resolves when nothing is left, or when it must wait. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.sending ??= this.drain().finally(() => { this.sending = null; });
    await this.sending;
  }

  private async drain(): Promise<void> {
    for (;;) {
      const batch = await this.nextBatch();
      if (!batch) {
        this.retries = 0;
        if (this.status.left === 0 && this.status.state !== "refused") this.tell({ state: "saved" });
        return;
      }
      this.tell({ state: "sending" });
      try {
        await this.send(batch.tile, batch.body);
      } catch (error) {
        if (!(await this.failed(batch, error))) return;
        continue;
      }
      await (await this.database).delete("batches", batch.operation_id);
      await this.count();
      this.tell({ state: this.status.left === 0 ? "saved" : "waiting", savedAt: new Date().toISOString(), message: "" });
    }
  }

  /** What was on its way, or the verdicts of one tile put on their way in one transaction. */
  private async nextBatch(): Promise<Batch | null> {
    const { verdicts, batches } = await this.mine();
    if (batches[0]) return batches[0];
    const first = verdicts[0]?.value;
    if (!first) return null;
    const together = verdicts.filter(({ value }) => value.tile === first.tile && value.model_version === first.model_version).slice(0, MOST_IN_A_BATCH);
    const operationId = crypto.randomUUID();
    const batch: Batch = {
      operation_id: operationId,
      owner: this.owner,
      tile: first.tile,
      body: {
        operation_id: operationId, model_version: first.model_version, verdicts: latest(together.map(({ value }) => value.verdict)),
        done: together.some(({ value }) => value.done),
      },
    };
    const transaction = (await this.database).transaction(["verdicts", "batches"], "readwrite", { durability: "strict" });
    await transaction.objectStore("batches").add(batch);
    for (const { key } of together) await transaction.objectStore("verdicts").delete(key);
    await transaction.done;
    return batch;
  }

  /** True when the next batch may be tried. */
  private async failed(batch: Batch, error: unknown): Promise<boolean> {
    const isRefusal = error instanceof ApiError && !error.isTransient && !error.needsSignIn;
    if (isRefusal) {
      // The same operation would get the same answer for ever.
      await (await this.database).delete("batches", batch.operation_id);
      await this.count();
      this.tell({ state: "refused", message: error.message });
      return true;
    }
    this.tell({ state: error instanceof ApiError && error.needsSignIn ? "sign_in" : "offline", message: (error as Error).message });
    this.schedule(Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries));
    this.retries += 1;
    return false;
  }
}

/** One verdict a polygon, the last given. */
function latest(verdicts: readonly Verdict[]): Verdict[] {
  return [...new Map(verdicts.map((verdict) => [verdict.feature_id, verdict])).values()];
}
