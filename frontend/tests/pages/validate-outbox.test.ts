import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../../src/api/client";
import type { ValidationBody, Verdict } from "../../src/api/types";
import { Outbox, type OutboxStatus } from "../../src/pages/validate-outbox";
import { type Batch, batchOf, type KeptVerdict, lastOn, type TileId, type VerdictStore, type Waiting } from "../../src/save/verdict-store";

/** The browser's store in memory: what is written there outlives an outbox. */
class MemoryStore implements VerdictStore {
  private readonly verdicts = new Map<number, KeptVerdict>();
  private readonly batches = new Map<string, Batch>();
  private last = 0;
  full = false;

  private read(owner: string): Waiting {
    return {
      verdicts: [...this.verdicts].map(([key, value]) => ({ key, value })).filter(({ value }) => value.owner === owner),
      batches: [...this.batches.values()].filter((batch) => batch.owner === owner),
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

  pack(owner: string): Promise<Batch | null> {
    const waiting = this.read(owner);
    const made = waiting.batches[0] ? null : batchOf(waiting);
    for (const key of made?.keys ?? []) this.verdicts.delete(key);
    if (made) this.batches.set(made.batch.operation_id, made.batch);
    return Promise.resolve(made?.batch ?? waiting.batches[0] ?? null);
  }

  drop(operationId: string): Promise<void> {
    this.batches.delete(operationId);
    return Promise.resolve();
  }
}

let store: MemoryStore;
let failures: Error[];
let sent: { tile: TileId; body: ValidationBody }[];
let person: string;
let statuses: OutboxStatus[];

function open(owner = "ada/camp"): Outbox {
  return new Outbox(owner, {
    send: (tile, body) => {
      const failure = failures.shift();
      if (failure) return Promise.reject(failure);
      sent.push({ tile, body });
      return Promise.resolve();
    },
    isSamePerson: () => Promise.resolve(owner.startsWith(person)),
    onStatus: (status) => statuses.push(status),
  }, store);
}

const says = (feature_id: string, verdict: Verdict["verdict"] = "agree"): Verdict => ({ feature_id, verdict, class_code: null, seconds: 1 });
const named = (): string[] => sent.flatMap(({ body }) => body.verdicts.map((verdict) => verdict.feature_id));
const state = (): OutboxStatus | undefined => statuses[statuses.length - 1];

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryStore();
  [failures, sent, person, statuses] = [[], [], "ada", []];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("verdicts", () => {
  it("leave together, the last one on a polygon alone, and each once", async () => {
    const outbox = open();
    await outbox.put(7, "m1", says("a"), false);
    await outbox.put(7, "m1", says("b"), false);
    await outbox.put(7, "m1", says("a", "disagree"), true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.body).toMatchObject({ verdicts: [{ feature_id: "a", verdict: "disagree" }, { feature_id: "b" }], done: true });
    expect(state()).toMatchObject({ state: "saved", left: 0 });
  });

  it("without an answer are sent again under the same id, also by the next visit", async () => {
    failures = [new NetworkError("cut")];
    const first = open();
    await first.put(7, "m1", says("a"), false);
    await first.flush();
    expect(state()).toMatchObject({ state: "offline", left: 1 });
    const waiting = (await store.waiting("ada/camp")).batches[0];
    await open().start();
    expect(sent[0]?.body.operation_id).toBe(waiting?.operation_id);
    expect(named()).toEqual(["a"]);
  });

  it("are never sent under another account, and go when their own is back", async () => {
    failures = [new ApiError(401, "not_authenticated", "")];
    const outbox = open();
    await outbox.put(7, "m1", says("a"), false);
    await outbox.flush();
    person = "eve";
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    expect(state()).toMatchObject({ state: "other_person", left: 1 });
    person = "ada";
    await vi.advanceTimersByTimeAsync(60_000);
    expect(named()).toEqual(["a"]);
  });

  it("wait where somebody can lift the refusal, and only what is of no use any more is dropped", async () => {
    const outbox = open();
    failures = [new ApiError(403, "consent_required", "Agree first")];
    await outbox.put(7, "m1", says("a"), false);
    await outbox.flush();
    expect(state()).toMatchObject({ state: "refused", left: 1 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(named()).toEqual(["a"]);
    failures = [new ApiError(409, "drawing_replaced", "Drawn anew")];
    await outbox.put(7, "m1", says("b"), false);
    await outbox.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(named()).toEqual(["a"]);
    expect(state()).toMatchObject({ state: "refused", left: 0 });
  });

  it("can be taken back until they leave", async () => {
    const outbox = open();
    await outbox.put(7, "m1", says("a"), false);
    await outbox.put(7, "m1", says("b"), false);
    await expect(outbox.takeBack(7, "b")).resolves.toBe(true);
    await outbox.flush();
    await expect(outbox.takeBack(7, "a")).resolves.toBe(false);
    expect(named()).toEqual(["a"]);
  });

  it("go to the server at once where the browser keeps nothing, under the right account only", async () => {
    store.full = true;
    const outbox = open();
    await outbox.put(7, "m1", says("a"), false);
    expect(named()).toEqual(["a"]);
    expect(state()).toMatchObject({ state: "unkept" });
    person = "eve";
    await expect(outbox.put(7, "m1", says("b"), false)).rejects.toThrow();
    expect(named()).toEqual(["a"]);
  });
});
