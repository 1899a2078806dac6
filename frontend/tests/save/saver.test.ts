import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { draftOf, type Feature } from "../../src/domain/draft";
import { diff } from "../../src/domain/delta";
import { record } from "../../src/domain/history";
import { replay } from "../../src/save/replay";
import { AUTOSAVE_MS, type Conflict, Saver, type SaveStatus } from "../../src/save/saver";
import { WorkLog } from "../../src/save/work-log";
import { box, shape } from "../domain/shapes";
import { answerLost, cut, MemoryJournal, refuse, Server } from "./doubles";

const KEY = "me/tile";
const SIDE = 100;
const one = [shape("a", "A", box(0, 0, 5, 5))];
const two = [...one, shape("b", "B", box(5, 0, 9, 5))];
const three = [...two, shape("c", "C", box(20, 0, 29, 5))];

let server: Server;
let journal: MemoryJournal;
let statuses: SaveStatus[];
let conflicts: Conflict[];
let invalid: unknown[];
let signedIn: number;
let samePerson: boolean;
let lost: number;
let log: WorkLog;
let saver: Saver;

function open(owner = "tab"): void {
  const hooks = { onLost: () => { lost += 1; }, onKept: () => { saver.report(); } };
  log = new WorkLog(KEY, owner, journal, hooks, SIDE, server.annotation());
  saver = new Saver(log, {
    send: (version, body) => server.send(version, body),
    secondsSpent: () => 3,
    onStatus: (status) => statuses.push(status),
    onVersion: () => undefined,
    onConflict: (conflict) => conflicts.push(conflict),
    onInvalid: (...what) => invalid.push(what),
    isSamePerson: () => Promise.resolve(samePerson),
    onSignedIn: () => { signedIn += 1; },
  }, null);
}

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  journal = new MemoryJournal();
  [statuses, conflicts, invalid] = [[], [], []];
  [signedIn, lost, samePerson] = [0, 0, true];
  open();
  await log.open();
});

afterEach(() => {
  saver.close();
  vi.useRealTimers();
});

async function draw(features: readonly Feature[]): Promise<void> {
  const delta = diff(log.history.present, draftOf(SIDE, features));
  if (!delta) throw new Error("nothing to draw");
  await log.append({ kind: "do", delta }, record(log.history, delta));
  saver.changed();
}

const last = (): SaveStatus | undefined => statuses[statuses.length - 1];
const shown = (): readonly Feature[] => [...log.history.present.features.values()];

/** What a browser that is killed now finds when it starts again. */
function found(): { features: Feature[]; base: Feature[] | null; sent: Feature[] | null; undos: number } {
  const kept = journal.entries.get(KEY);
  if (!kept) throw new Error("nothing is kept");
  const { history, base, sent } = replay(kept, SIDE);
  const list = (draft: typeof base): Feature[] | null => draft && [...draft.features.values()];
  return { features: list(history.present) ?? [], base: list(base), sent: list(sent), undos: history.past.size };
}

describe("a save", () => {
  it("is written in the browser before anything else, sent after a pause, and its history stays", async () => {
    await draw(one);
    expect(found()).toMatchObject({ features: one, base: [], undos: 1 });
    expect(Object.keys(journal.entries.get(KEY)?.contents ?? {}), "the server's content is not written twice").toEqual(["start"]);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS - 1);
    expect(server.calls).toHaveLength(0);
    expect(last()).toMatchObject({ state: "dirty", pending: true, kept: true });
    await vi.advanceTimersByTimeAsync(1);
    expect(server.features).toEqual(one);
    expect(found()).toMatchObject({ features: one, base: one, undos: 1 });
    expect(last()).toMatchObject({ state: "saved", savedAt: "2026-11-22T13:03:00Z", pending: false });
    expect(server.calls[0]?.body).toMatchObject({ seconds_spent: 3, draft_model: null });
  });

  it("writes down what changed, not the tile, whatever the tile holds", async () => {
    const many = Array.from({ length: 400 }, (_, i) => shape(`m${i}`, "A", box(i % 20 * 5, Math.floor(i / 20) * 5, i % 20 * 5 + 4, Math.floor(i / 20) * 5 + 4)));
    server.saveElsewhere(many);
    open();
    await log.open();
    await draw([...many, shape("first", "B", box(4, 0, 5, 5))]);
    await draw([...many, shape("first", "B", box(4, 0, 5, 5)), shape("second", "B", box(9, 0, 10, 5))]);
    expect(JSON.stringify(journal.writes[0]).length).toBeGreaterThan(20_000);
    expect(JSON.stringify(journal.writes[1]).length).toBeLessThan(600);
  });

  it("is written down with its operation before it is sent", async () => {
    await draw(one);
    server.failures = [(save) => {
      expect(journal.entries.get(KEY)?.head.pending?.operation_id).toBe(server.calls[0]?.body.operation_id);
      return cut.call(save);
    }];
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls).toHaveLength(1);
    expect(found()).toMatchObject({ features: one, base: [], sent: one });
  });

  it("gathers quick changes into one", async () => {
    await draw(one);
    await vi.advanceTimersByTimeAsync(500);
    await draw(two);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls).toHaveLength(1);
    expect(server.features).toEqual(two);
  });

  it("keeps its operation through a cut, so that it has one effect", async () => {
    server.failures = [cut, answerLost, cut];
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(last()).toMatchObject({ state: "offline", problem: "offline", kept: true });
    await vi.advanceTimersByTimeAsync(1_000 + 2_000 + 4_000);
    expect(server.calls).toHaveLength(4);
    expect(new Set(server.calls.map((c) => c.body.operation_id)).size).toBe(1);
    expect(server.version).toBe(1);
    expect(last()?.state).toBe("saved");
  });

  it("sends a change made during a cut as its own operation, after the first", async () => {
    server.failures = [answerLost];
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    await draw(two);
    expect(found()).toMatchObject({ features: two, sent: one });
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls.map((c) => [c.version, c.body.features.length])).toEqual([[0, 1], [0, 1], [1, 2]]);
    expect(found()).toMatchObject({ features: two, base: two, sent: null });
  });

  it("is sent again under the same operation by the browser that starts after a kill", async () => {
    server.failures = [answerLost];
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    await draw(two);
    saver.close();
    server.version = 0;
    open("after the kill");
    server.version = 1;
    const kept = await log.open();
    if (!kept) throw new Error("nothing is kept");
    log.adopt(kept);
    saver.changed();
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls[1]?.body).toEqual(server.calls[0]?.body);
    expect(server.features).toEqual(two);
    expect(server.version).toBe(2);
    expect(conflicts).toHaveLength(0);
  });

  it("leaves unsent a change made while the answer was under way", async () => {
    let answer: (() => void) | undefined;
    const slow = vi.spyOn(server, "send").mockImplementationOnce((version, body) => {
      slow.mockRestore();
      return new Promise((resolve) => { answer = () => { resolve(server.send(version, body)); }; });
    });
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    await draw(two);
    server.failures = [];
    answer?.();
    server.failures.push((save) => answerLost(save), cut);
    await vi.advanceTimersByTimeAsync(0);
    expect(found()).toMatchObject({ features: two, base: one });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.features).toEqual(two);
    expect(found()).toMatchObject({ base: two });
  });

  it("is not sent again when undo brought back what the server has", async () => {
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    await draw(two);
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls).toHaveLength(1);
    expect(last()?.state).toBe("saved");
  });

  it("waits for the sign-in and then sends the same work", async () => {
    server.failures = [refuse(403, "not_authenticated")];
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(last()).toMatchObject({ state: "error", problem: "sign_in", kept: true });
    await draw(two);
    expect(last()).toMatchObject({ state: "error", problem: "sign_in", kept: true });
    saver.retryNow();
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls[1]?.body).toEqual(server.calls[0]?.body);
    expect(server.features).toEqual(two);
    expect(last()?.state).toBe("saved");
    expect(signedIn).toBe(1);
  });

  it("is not sent under another account that has signed in meanwhile", async () => {
    server.failures = [refuse(403, "not_authenticated")];
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    samePerson = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.calls).toHaveLength(1);
    expect(last()).toMatchObject({ state: "error", problem: "other_person", kept: true });
    samePerson = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.features).toEqual(one);
  });

  it.each([[503, "busy"], [429, "throttled"]])("tries again after %d", async (status, code) => {
    server.failures = [refuse(status, code)];
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS + 1_000);
    expect(server.features).toEqual(one);
  });

  it("stops at an invalid shape, shows it, and goes on once it is changed, counting the time of both", async () => {
    server.failures = [refuse(422, "overlap", { feature_id: "a", at: [3, 4] })];
    await draw(one);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.calls).toHaveLength(1);
    expect(invalid).toEqual([["a", [3, 4], "overlap"]]);
    expect(found()).toMatchObject({ features: one, base: [], sent: null });
    await draw(two);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.features).toEqual(two);
    expect(server.calls[1]?.body.operation_id).not.toBe(server.calls[0]?.body.operation_id);
    expect(server.calls[1]?.body.seconds_spent).toBe(6);
  });

  it("asks a server that refused once more when the person comes back", async () => {
    server.failures = [refuse(403, "consent_required")];
    await draw(one);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(last()).toMatchObject({ state: "error", problem: "refused" });
    saver.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(server.features).toEqual(one);
  });
});

describe("a browser without room", () => {
  it("sends at once, says so, and puts everything down again when there is room", async () => {
    await draw(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    journal.full = true;
    server.failures = [cut];
    await draw(two);
    await vi.advanceTimersByTimeAsync(0);
    expect(last()).toMatchObject({ pending: true, kept: false });
    expect(server.calls).toHaveLength(2);
    journal.full = false;
    await draw(three);
    expect(found()).toMatchObject({ features: three, base: one, undos: 3 });
    expect(log.isKept).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.features).toEqual(three);
  });

  it("never writes over what it could not read", async () => {
    await draw(one);
    saver.close();
    vi.spyOn(journal, "claim").mockRejectedValueOnce(new Error("no storage now"));
    open("later");
    await log.open();
    await draw(two);
    expect(found().features).toEqual(one);
    expect(last()).toMatchObject({ pending: true, kept: false });
    await vi.advanceTimersByTimeAsync(0);
    expect(server.features).toEqual(two);
  });

  it("leaves nothing older behind once the server has it all", async () => {
    server.failures = [cut];
    await draw(one);
    journal.full = true;
    await draw(two);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.features).toEqual(two);
    expect(journal.entries.size).toBe(0);
    expect(last()).toMatchObject({ state: "saved", pending: false, kept: true });
  });
});

describe("a conflict", () => {
  beforeEach(async () => {
    server.saveElsewhere(two);
    await draw([shape("z", "C", box(50, 50, 60, 60))]);
    await vi.advanceTimersByTimeAsync(60_000);
  });

  it("is asked about, never overwritten, and the work stays in the browser", () => {
    expect(server.calls).toHaveLength(1);
    expect(server.features).toEqual(two);
    expect(conflicts).toHaveLength(1);
    expect(found().features).toEqual(shown());
    expect(last()).toMatchObject({ state: "error", problem: "conflict", pending: true });
  });

  it("goes on with the choice on top of the other version", async () => {
    const { current } = conflicts[0] as Conflict;
    const chosen = [...shown(), ...two];
    const delta = diff(log.history.present, draftOf(SIDE, chosen));
    if (!delta) throw new Error("nothing chosen");
    await log.rebase(current, { record: { kind: "do", delta }, history: record(log.history, delta) });
    saver.resolved(current);
    expect(found()).toMatchObject({ features: chosen, base: two, undos: 2 });
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls[1]?.version).toBe(1);
    expect(server.features).toEqual(chosen);
  });

  it("is not asked about when the server holds the very same", async () => {
    const mine = shown();
    server.saveElsewhere(mine);
    await draw([...mine, ...one]);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(conflicts).toHaveLength(2);
    server.saveElsewhere([...mine, ...one]);
    saver.resolved(conflicts[1]?.current as Conflict["current"]);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(conflicts).toHaveLength(2);
    expect(last()?.state).toBe("saved");
    expect(found()).toMatchObject({ base: [...mine, ...one] });
  });
});

describe("a tab that another has taken over from", () => {
  it("writes and sends nothing more, and what it kept is the other's", async () => {
    await draw(one);
    await journal.claim(KEY, "other tab");
    await expect(draw(two)).rejects.toThrow("Another tab");
    expect(shown()).toEqual(one);
    expect(lost).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.calls).toHaveLength(0);
    expect(found()).toMatchObject({ features: one, base: [] });
    expect(last()).toMatchObject({ problem: "elsewhere" });
  });
});

describe("flush", () => {
  it("says whether everything is on the server", async () => {
    await draw(one);
    await expect(saver.flush()).resolves.toBe(true);
    server.failures = [cut];
    await draw(two);
    await expect(saver.flush()).resolves.toBe(false);
  });
});
