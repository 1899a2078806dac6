import {
  type Batch, batchOf, type Fault, type KeptVerdict, lastOn, parted, type SetAside, type TileId, tooSoonDone,
  type VerdictStore, type Waiting,
} from "../../src/save/verdict-store";

/** The browser's store in memory: what is written there outlives an outbox. */
export class MemoryStore implements VerdictStore {
  private readonly verdicts = new Map<number, KeptVerdict>();
  private readonly batches = new Map<string, Batch>();
  private aside: SetAside[] = [];
  private last = 0;
  full = false;
  /** A call that fails once. */
  fails: "pack" | "drop" | "setAside" | null = null;

  private mayFail(call: "pack" | "drop" | "setAside"): Promise<void> {
    if (this.fails !== call) return Promise.resolve();
    this.fails = null;
    return Promise.reject(new DOMException("", "UnknownError"));
  }

  private read(owner: string): Waiting {
    return {
      verdicts: [...this.verdicts].map(([key, value]) => ({ key, value })).filter(({ value }) => value.owner === owner),
      batches: [...this.batches.values()].filter((batch) => batch.owner === owner),
      aside: this.aside.filter((one) => one.owner === owner),
    };
  }

  waiting(owner: string): Promise<Waiting> {
    return Promise.resolve(this.read(owner));
  }

  add(verdict: KeptVerdict): Promise<void> {
    if (this.full) return Promise.reject(new DOMException("", "QuotaExceededError"));
    this.verdicts.set((this.last += 1), verdict);
    return Promise.resolve();
  }

  takeBack(owner: string, tile: TileId, featureId: string): Promise<boolean> {
    const key = lastOn(this.read(owner), tile, featureId);
    return Promise.resolve(key !== undefined && this.verdicts.delete(key));
  }

  async pack(owner: string): Promise<Batch | null> {
    await this.mayFail("pack");
    const waiting = this.read(owner);
    const made = waiting.batches[0] ? null : batchOf(waiting);
    for (const key of made?.keys ?? []) this.verdicts.delete(key);
    if (made) this.batches.set(made.batch.operation_id, made.batch);
    return made?.batch ?? waiting.batches[0] ?? null;
  }

  async drop(operationId: string): Promise<void> {
    await this.mayFail("drop");
    this.batches.delete(operationId);
  }

  async setAside(batch: Batch, faults: ReadonlyMap<string, Fault>): Promise<void> {
    await this.mayFail("setAside");
    if (!this.batches.delete(batch.operation_id)) return;
    const { rest, aside } = parted(batch, faults);
    if (rest) this.batches.set(rest.operation_id, rest);
    for (const { key, value } of tooSoonDone(batch, faults, this.read(batch.owner))) this.verdicts.set(key, { ...value, done: false });
    this.aside.push(...aside);
  }

  forgetAside(owner: string): Promise<void> {
    this.aside = this.aside.filter((one) => one.owner !== owner);
    return Promise.resolve();
  }
}
