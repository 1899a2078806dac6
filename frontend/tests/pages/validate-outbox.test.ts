import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../../src/api/client";
import type { ValidationBody, Verdict } from "../../src/api/types";
import { Outbox, type OutboxStatus } from "../../src/pages/validate-outbox";
import type { KeptVerdict, TileId } from "../../src/save/verdict-store";
import { MemoryStore } from "./memory-verdict-store";

let store: MemoryStore;
let failures: Error[];
let sent: { tile: TileId; body: ValidationBody }[];
let person: string;
let statuses: OutboxStatus[];
let asked: (TileId | string)[][];
let drawnAnew: [TileId, string][];

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
    onAskedAgain: (tile, names) => asked.push([tile, ...names]),
    onDrawnAnew: (tile, olderModel) => drawnAnew.push([tile, olderModel]),
  }, store);
}

const says = (feature_id: string, verdict: Verdict["verdict"] = "agree"): Verdict => ({ feature_id, verdict, class_code: null, seconds: 1 });
const shown = { row: 3, col: 4, class_code: "A" };
const on = (verdict: Verdict, done = false): Omit<KeptVerdict, "owner"> => ({ tile: 7, model_version: "m1", verdict, done, shown });
const named = (): string[] => sent.flatMap(({ body }) => body.verdicts.map((verdict) => verdict.feature_id));
const state = (): OutboxStatus | undefined => statuses[statuses.length - 1];

const FIRST_RETRY_MS = 1_000;

beforeEach(() => {
  vi.useFakeTimers();
  store = new MemoryStore();
  [failures, sent, person, statuses, asked, drawnAnew] = [[], [], "ada", [], [], []];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("verdicts", () => {
  it("leave together, the last one on a polygon alone, and each once", async () => {
    const outbox = open();
    await outbox.put(on(says("a")));
    await outbox.put(on(says("b")));
    await outbox.put(on(says("a", "disagree"), true));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toHaveLength(1);
    expect(sent[0]?.body).toMatchObject({ verdicts: [{ feature_id: "a", verdict: "disagree" }, { feature_id: "b" }], done: true });
    expect(state()).toMatchObject({ state: "saved", left: 0 });
  });

  it("without an answer are sent again under the same id, also by the next visit", async () => {
    failures = [new NetworkError("cut")];
    const first = open();
    await first.put(on(says("a")));
    await first.flush();
    expect(state()).toMatchObject({ state: "offline", left: 1 });
    const waiting = (await store.waiting("ada/camp")).batches[0];
    await open().start();
    expect(sent[0]?.body.operation_id).toBe(waiting?.operation_id);
    expect(named()).toEqual(["a"]);
  });

  it("of two tabs that one of them sends are shown as sent in the other as well", async () => {
    const [here, there] = [open(), open()];
    await here.put(on(says("a")));
    await there.put(on(says("b")));
    await here.flush();
    expect(named()).toEqual(["a", "b"]);
    statuses = [];
    await there.flush();
    expect(state()).toMatchObject({ state: "saved", left: 0 });
    expect(sent).toHaveLength(1);
  });

  it("are never sent under another account, and go when their own is back", async () => {
    failures = [new ApiError(401, "not_authenticated", "")];
    const outbox = open();
    await outbox.put(on(says("a")));
    await outbox.flush();
    person = "eve";
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    expect(state()).toMatchObject({ state: "other_person", left: 1 });
    person = "ada";
    await vi.advanceTimersByTimeAsync(60_000);
    expect(named()).toEqual(["a"]);
  });

  it("wait where somebody can lift the refusal", async () => {
    const outbox = open();
    failures = [new ApiError(403, "consent_required", "Agree first")];
    await outbox.put(on(says("a")));
    await outbox.flush();
    expect(state()).toMatchObject({ state: "held", left: 1 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(named()).toEqual(["a"]);
  });

  it.each(["consent_required", "campaign_closed", "too_many_verdicts"])("are asked of the server ever more seldom while it says %s, and all go in the end", async (code) => {
    const outbox = open();
    failures = Array.from({ length: 12 }, () => new ApiError(code === "too_many_verdicts" ? 429 : 403, code, "Not now"));
    await outbox.put(on(says("a"), true));
    await vi.advanceTimersByTimeAsync(95_000);
    // After 2 s, then 1, 2, 4, 8, 16 and 30 s later, and 30 s after that.
    expect(12 - failures.length).toBe(8);
    expect(state()).toMatchObject({ state: "held", left: 1, message: "Not now", aside: [] });
    failures = [];
    await vi.advanceTimersByTimeAsync(30_000);
    expect(named()).toEqual(["a"]);
    expect(state()).toMatchObject({ state: "saved", left: 0 });
  });
});

describe("a verdict that will never be taken", () => {
  const refusal = (...refused: object[]): ApiError => new ApiError(422, "unknown_feature", "A bad one", { feature_id: "b", refused });
  const gone = { feature_id: "b", code: "unknown_feature", message: "No such shape" };

  it("costs none of the others, which go at once under an id of their own", async () => {
    const outbox = open();
    failures = [refusal(gone)];
    for (const name of ["a", "b", "c"]) await outbox.put(on(says(name), name === "c"));
    await outbox.flush();
    expect(sent).toHaveLength(1);
    expect(sent[0]?.body).toMatchObject({ verdicts: [{ feature_id: "a" }, { feature_id: "c" }], done: true });
    expect(state()).toMatchObject({ state: "saved", left: 0 });
    expect(state()?.aside).toMatchObject([{ tile: 7, verdict: { feature_id: "b" }, shown }]);
    expect(state()?.aside[0]?.reason).toBeTruthy();
    expect(asked).toEqual([]);
  });

  it("of a class that is gone is asked again, and the tile is not left before", async () => {
    const outbox = open();
    failures = [refusal({ ...gone, code: "unknown_class" })];
    for (const name of ["a", "b"]) await outbox.put(on(says(name), name === "b"));
    await outbox.flush();
    expect(sent[0]?.body).toMatchObject({ verdicts: [{ feature_id: "a" }], done: false });
    expect(asked).toEqual([[7, "b"]]);
  });

  it("keeps the tile with the person also when a later answer on it says that they are through", async () => {
    const outbox = open();
    failures = [refusal({ ...gone, code: "unknown_class" })];
    const names = Array.from({ length: 201 }, (_, i) => (i === 0 ? "b" : `other-${i}`));
    for (const name of names) await outbox.put(on(says(name), name === "other-200"));
    await outbox.flush();
    expect(sent.map(({ body }) => [body.verdicts.length, body.done])).toEqual([[199, false], [1, false]]);
    expect(asked).toEqual([[7, "b"]]);
  });

  it("is told until the person has read why, also at the next visit, and to nobody else", async () => {
    failures = [refusal(gone)];
    const outbox = open();
    await outbox.put(on(says("b")));
    await outbox.flush();
    expect(sent).toEqual([]);
    const later = open();
    await later.start();
    expect(state()?.aside).toHaveLength(1);
    await open("eve/camp").start();
    expect(state()?.aside).toEqual([]);
    await later.forgetAside();
    expect(state()?.aside).toEqual([]);
  });

  it("is found by its place in the list where the server could not read it", async () => {
    failures = [new ApiError(400, "invalid", "Some values", { verdicts: { 1: { seconds: ["too long"] } } })];
    const outbox = open();
    for (const name of ["a", "b"]) await outbox.put(on(says(name)));
    await outbox.flush();
    expect(named()).toEqual(["a"]);
    expect(state()?.aside).toMatchObject([{ verdict: { feature_id: "b" } }]);
  });

  it("of a drawing that a newer model has replaced is told to the page, which asks about the newer one", async () => {
    failures = [new ApiError(409, "drawing_replaced", "Drawn anew")];
    const outbox = open();
    await outbox.put(on(says("a")));
    await outbox.flush();
    expect(drawnAnew).toEqual([[7, "m1"]]);
    expect(asked).toEqual([]);
  });

  it.each([
    ["the refusal names none", new ApiError(409, "drawing_replaced", "Drawn anew")],
    ["it names others", refusal({ ...gone, feature_id: "z" })],
  ])("takes its batch with it where %s, and that ends there", async (_how, error) => {
    failures = [error];
    const outbox = open();
    for (const name of ["a", "b"]) await outbox.put(on(says(name)));
    await outbox.flush();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent).toEqual([]);
    expect(state()?.aside.map((one) => one.verdict.feature_id)).toEqual(["a", "b"]);
    await outbox.put(on(says("c")));
    await outbox.flush();
    expect(named()).toEqual(["c"]);
  });
});

describe("verdicts", () => {
  it("can be taken back until they leave", async () => {
    const outbox = open();
    await outbox.put(on(says("a")));
    await outbox.put(on(says("b")));
    await expect(outbox.takeBack(7, "b")).resolves.toBe(true);
    await outbox.flush();
    await expect(outbox.takeBack(7, "a")).resolves.toBe(false);
    expect(named()).toEqual(["a"]);
  });

  it.each(["pack", "drop", "setAside"] as const)("leave a little later where the browser's store failed once, in %s", async (call) => {
    const outbox = open();
    for (const name of ["a", "b"]) await outbox.put(on(says(name)));
    if (call === "setAside") failures = Array.from({ length: 2 }, () => new ApiError(409, "drawing_replaced", "Drawn anew"));
    store.fails = call;
    await outbox.flush();
    expect(state()).toMatchObject({ state: "offline", left: 2 });
    await vi.advanceTimersByTimeAsync(FIRST_RETRY_MS);
    expect(state()).toMatchObject({ state: "saved", left: 0 });
    expect(new Set(sent.map(({ body }) => body.operation_id)).size, "one id, however often").toBe(call === "setAside" ? 0 : 1);
  });

  it("go to the server at once where the browser keeps nothing, under the right account only", async () => {
    store.full = true;
    const outbox = open();
    await outbox.put(on(says("a")));
    expect(named()).toEqual(["a"]);
    expect(state()).toMatchObject({ state: "unkept" });
    person = "eve";
    await expect(outbox.put(on(says("b")))).rejects.toThrow();
    expect(named()).toEqual(["a"]);
  });
});
