import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../../src/api/client";
import type { Sample, SampleAnswerBody, SampleUnit } from "../../src/api/sample-types";
import type { Layer } from "../../src/api/types";
import { SampleLane } from "../../src/pages/sample-lane";
import type { AnswerStore, KeptAnswer } from "../../src/save/answer-store";

class MemoryAnswers implements AnswerStore {
  readonly rows: KeptAnswer[] = [];
  isBroken = false;

  waiting(owner: string): Promise<readonly KeptAnswer[]> {
    if (this.isBroken) return Promise.reject(new Error("no store"));
    return Promise.resolve(this.rows.filter((one) => one.owner === owner));
  }

  add(answer: KeptAnswer): Promise<void> {
    if (this.isBroken) return Promise.reject(new Error("no store"));
    this.rows.push(answer);
    return Promise.resolve();
  }

  drop(operationId: string): Promise<boolean> {
    const at = this.rows.findIndex((one) => one.body.operation_id === operationId);
    if (at >= 0) this.rows.splice(at, 1);
    return Promise.resolve(at >= 0);
  }
}

const layer = (vintage: number): Layer => ({ vintage } as Layer);
const unit = (id: number): SampleUnit => ({ id, number: id, windows: [] });
const UNITS = [1, 2, 3];

let store: MemoryAnswers;
let sent: { unit: number; body: SampleAnswerBody }[];
let failures: Error[];
let isDown: boolean;
let shown: number[];
let notices: string[];
let asked: number;

function open(kind: Sample["kind"] = "change"): SampleLane {
  const layers = kind === "change" ? [layer(2019), layer(2022)] : [layer(2022)];
  const sample: Sample = { id: 9, kind, campaign: "c", layers, units: 3, left: 3, closed: false, disputed: 0, may_settle: false };
  const answered = (id: number): boolean => sent.some((one) => one.unit === id);
  return new SampleLane("ada/answer", sample, {
    next: (_id, without) => {
      asked += 1;
      if (isDown) return Promise.reject(new NetworkError("cut"));
      const open = UNITS.filter((id) => !answered(id));
      return Promise.resolve({ units: open.filter((id) => !without.includes(id)).slice(0, 2).map(unit), left: open.length });
    },
    answer: (_id, at, body) => {
      const failure = failures.shift();
      if (failure) return Promise.reject(failure);
      if (isDown) return Promise.reject(new NetworkError("cut"));
      sent.push({ unit: at, body });
      return Promise.resolve();
    },
    isSamePerson: () => Promise.resolve(true),
  }, {
    refresh: () => undefined, open: ({ id }) => { shown.push(id); }, clear: () => undefined, prepare: () => undefined,
    notify: (words) => { notices.push(words); }, ask: () => undefined, seconds: () => 1,
  }, store);
}

const rest = (): Promise<unknown> => vi.advanceTimersByTimeAsync(100);
const codes = (): unknown[] => sent.map(({ unit: at, body }) => [at, ...body.codes, body.sureness]);

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryAnswers();
  [sent, failures, isDown, shown, notices, asked] = [[], [], false, [], [], 0];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("a sample", () => {
  it("is gone through place by place, a key a date, and ends", async () => {
    const lane = open();
    await lane.start();
    lane.say("A");
    expect(lane.seeing.codes).toEqual(["A"]);
    lane.same();
    await rest();
    lane.toggleSure();
    lane.say("A");
    lane.say("B");
    await rest();
    lane.cannotTell();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(shown).toEqual([1, 2, 3]);
    expect(codes()).toEqual([[1, "A", "A", "sure"], [2, "A", "B", "unsure"], [3, null, null, "sure"]]);
    expect([lane.phase, lane.left]).toEqual(["done", 0]);
  });

  it("at one date takes one key a place", async () => {
    const lane = open("area");
    await lane.start();
    lane.say("A");
    await rest();
    expect(lane.unit?.id).toBe(2);
  });

  it("counts no key pressed before the next place is there", async () => {
    const lane = open("area");
    await lane.start();
    lane.say("A");
    lane.say("B");
    lane.cannotTell();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(codes()).toEqual([[1, "A", "sure"]]);
  });

  it("does not take “the same” for an answer before a class was said", async () => {
    const lane = open();
    await lane.start();
    lane.same();
    expect(lane.seeing.codes).toEqual([]);
    expect(notices).toHaveLength(1);
  });

  it("takes a class back, then the answer before, without a trace while it has not left", async () => {
    const lane = open();
    await lane.start();
    lane.say("A");
    lane.takeBack();
    expect(lane.seeing.codes).toEqual([]);
    lane.say("A");
    lane.say("B");
    await rest();
    lane.takeBack();
    await rest();
    expect([lane.unit?.id, lane.left, store.rows.length]).toEqual([1, 3, 0]);
    lane.say("C");
    lane.same();
    await rest();
    expect(lane.unit?.id).toBe(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(codes()).toEqual([[1, "C", "C", "sure"]]);
  });

  it("says so where the answer taken back has been sent, and sends the one given instead", async () => {
    const lane = open("area");
    await lane.start();
    lane.say("A");
    await vi.advanceTimersByTimeAsync(5_000);
    lane.takeBack();
    await rest();
    expect([lane.unit?.id, notices.length]).toEqual([1, 1]);
    lane.say("B");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(codes()).toEqual([[1, "A", "sure"], [1, "B", "sure"]]);
    expect(lane.left).toBe(2);
  });

  it("goes on without a connection as far as it was given places, then waits and goes on by itself", async () => {
    const lane = open("area");
    await lane.start();
    isDown = true;
    lane.say("A");
    await rest();
    lane.say("B");
    await vi.advanceTimersByTimeAsync(5_000);
    expect([lane.phase, lane.status.state, store.rows.length]).toEqual(["sending", "offline", 2]);
    isDown = false;
    await vi.advanceTimersByTimeAsync(30_000);
    expect([lane.phase, lane.unit?.id]).toEqual(["asking", 3]);
    expect(codes()).toEqual([[1, "A", "sure"], [2, "B", "sure"]]);
  });

  it("sends on the next visit what this one left behind, and does not ask about it again", async () => {
    const first = open("area");
    await first.start();
    isDown = true;
    first.say("A");
    await rest();
    const second = open("area");
    await second.start();
    expect(second.phase).toBe("sending");
    isDown = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent[0]).toMatchObject({ unit: 1 });
    expect(second.unit?.id).toBe(2);
  });

  it("leaves a place for later and comes back to it when asked", async () => {
    const lane = open("area");
    await lane.start();
    lane.skip();
    await rest();
    expect(lane.unit?.id).toBe(2);
    lane.say("A");
    await rest();
    lane.say("A");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(lane.phase).toBe("done");
    lane.lookAgain();
    await rest();
    expect(lane.unit?.id).toBe(1);
  });

  it("tells what the server will never take, and goes on", async () => {
    failures = [new ApiError(409, "sample_closed", "This sample is closed.")];
    const lane = open("area");
    await lane.start();
    lane.say("A");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(notices).toHaveLength(1);
    expect([store.rows.length, lane.unit?.id]).toEqual([0, 2]);
  });

  it("sends at once where the browser keeps nothing, and asks again where that fails", async () => {
    store.isBroken = true;
    const lane = open("area");
    await lane.start();
    lane.say("A");
    await rest();
    expect(codes()).toEqual([[1, "A", "sure"]]);
    isDown = true;
    lane.say("B");
    await rest();
    expect([lane.phase, lane.unit?.id, notices.length]).toEqual(["asking", 2, 1]);
  });

  it("that cannot be opened says why", async () => {
    isDown = true;
    const lane = open("area");
    await lane.start();
    expect([lane.phase, lane.failure !== ""]).toEqual(["failed", true]);
    expect(asked).toBe(1);
  });
});
