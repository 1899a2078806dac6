import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../../src/api/client";
import type { Annotation, SaveBody } from "../../src/api/types";
import type { Entry, Journal } from "../../src/save/journal";
import { AUTOSAVE_MS, type Conflict, Saver, type SaveStatus } from "../../src/save/saver";
import { box, shape } from "../domain/shapes";

const one = [shape("a", "A", box(0, 0, 5, 5))];
const two = [...one, shape("b", "B", box(5, 0, 9, 5))];

class MemoryJournal implements Journal {
  readonly entries = new Map<string, Entry>();
  readonly log: string[] = [];
  read(key: string): Promise<Entry | null> {
    return Promise.resolve(this.entries.get(key) ?? null);
  }
  write(entry: Entry): Promise<void> {
    this.entries.set(entry.key, entry);
    this.log.push(`write ${entry.features.length}`);
    return Promise.resolve();
  }
  remove(key: string): Promise<void> {
    this.entries.delete(key);
    this.log.push("remove");
    return Promise.resolve();
  }
}

/** A server that keeps its promises: versions, and one effect for an operation however often it is sent. */
class Server {
  version = 0;
  features: Annotation["features"] = [];
  readonly calls: { version: number; body: SaveBody }[] = [];
  private readonly answers = new Map<string, Annotation>();
  failures: ((save: () => Annotation) => never)[] = [];

  annotation(): Annotation {
    return { version: this.version, state: "draft", features: this.features, saved_at: "2026-11-22T13:03:00Z", review: null };
  }

  send(version: number, body: SaveBody): Promise<Annotation> {
    this.calls.push({ version, body });
    const save = (): Annotation => {
      const known = this.answers.get(body.operation_id);
      if (known) return known;
      if (version !== this.version) throw new ApiError(412, "stale", "Stale", { current: this.annotation() });
      this.version += 1;
      this.features = body.features;
      this.answers.set(body.operation_id, this.annotation());
      return this.annotation();
    };
    const failure = this.failures.shift();
    try {
      return Promise.resolve(failure ? failure(save) : save());
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }
}

const cut = (): never => { throw new NetworkError("cut"); };
const answerLost = (save: () => Annotation): never => { save(); throw new NetworkError("lost"); };
const refuse = (status: number, code: string, details = {}) => (): never => { throw new ApiError(status, code, code, details); };

let server: Server;
let journal: MemoryJournal;
let statuses: SaveStatus[];
let conflicts: Conflict[];
let invalid: unknown[];
let saver: Saver;

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  journal = new MemoryJournal();
  statuses = [];
  conflicts = [];
  invalid = [];
  saver = new Saver("me/tile", journal, {
    send: (version, body) => server.send(version, body),
    secondsSpent: () => 3,
    onStatus: (status) => statuses.push(status),
    onVersion: () => undefined,
    onConflict: (conflict) => conflicts.push(conflict),
    onInvalid: (...what) => invalid.push(what),
  }, { version: 0, features: [], saved_at: null });
});

afterEach(() => {
  saver.close();
  vi.useRealTimers();
});

const last = (): SaveStatus | undefined => statuses[statuses.length - 1];

describe("a save", () => {
  it("is journaled at once, sent after a pause, and forgotten once acknowledged", async () => {
    saver.change(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS - 1);
    expect(journal.entries.get("me/tile")?.features).toBe(one);
    expect(server.calls).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(server.features).toBe(one);
    expect(journal.entries.size).toBe(0);
    expect(last()).toMatchObject({ state: "saved", savedAt: "2026-11-22T13:03:00Z" });
    expect(server.calls[0]?.body).toMatchObject({ seconds_spent: 3, draft_model: null });
  });

  it("gathers quick changes into one", async () => {
    saver.change(one);
    await vi.advanceTimersByTimeAsync(500);
    saver.change(two);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls).toHaveLength(1);
    expect(server.features).toBe(two);
  });

  it("keeps its operation through a cut, so that it has one effect", async () => {
    server.failures = [cut, answerLost, cut];
    saver.change(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(last()).toMatchObject({ state: "offline", problem: "offline" });
    expect(journal.entries.size).toBe(1);
    await vi.advanceTimersByTimeAsync(1_000 + 2_000 + 4_000);
    expect(server.calls).toHaveLength(4);
    expect(new Set(server.calls.map((c) => c.body.operation_id)).size).toBe(1);
    expect(server.version).toBe(1);
    expect(last()?.state).toBe("saved");
  });

  it("sends a change made during a cut as its own operation, after the first", async () => {
    server.failures = [answerLost];
    saver.change(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    saver.change(two);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls.map((c) => [c.version, c.body.features.length])).toEqual([[0, 1], [0, 1], [1, 2]]);
    expect(server.version).toBe(2);
    expect(journal.entries.size).toBe(0);
  });

  it("keeps in the journal a change made while the answer was under way", async () => {
    let answer: (() => void) | undefined;
    const slow = vi.spyOn(server, "send").mockImplementationOnce((version, body) => {
      slow.mockRestore();
      return new Promise((resolve) => {
        answer = () => { resolve(server.send(version, body)); };
      });
    });
    saver.change(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    saver.change(two);
    answer?.();
    server.failures.push(cut);
    await vi.advanceTimersByTimeAsync(0);
    expect(server.features).toBe(one);
    expect(journal.log).not.toContain("remove");
    expect(journal.entries.get("me/tile")).toMatchObject({ base_version: 1, features: two });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.features).toBe(two);
    expect(journal.entries.size).toBe(0);
  });

  it("waits for the sign-in and then sends the same work", async () => {
    server.failures = [refuse(403, "not_authenticated")];
    saver.change(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(last()).toMatchObject({ state: "error", problem: "sign_in" });
    saver.retryNow();
    await vi.advanceTimersByTimeAsync(0);
    expect(server.features).toBe(one);
    expect(last()?.state).toBe("saved");
  });

  it("tries a busy server again", async () => {
    server.failures = [refuse(503, "busy")];
    saver.change(one);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS + 1_000);
    expect(server.features).toBe(one);
  });

  it("stops at an invalid shape, shows it, and goes on once it is changed", async () => {
    server.failures = [refuse(422, "overlap", { feature_id: "a", at: [3, 4] })];
    saver.change(one);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(server.calls).toHaveLength(1);
    expect(invalid).toEqual([["a", [3, 4], "overlap"]]);
    expect(journal.entries.get("me/tile")?.features).toBe(one);
    saver.change(two);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.features).toBe(two);
    expect(server.calls[1]?.body.operation_id).not.toBe(server.calls[0]?.body.operation_id);
  });
});

describe("a conflict", () => {
  beforeEach(async () => {
    server.version = 7;
    server.features = two;
    saver.change(one);
    await vi.advanceTimersByTimeAsync(60_000);
  });

  it("is asked about, never overwritten, and the work stays in the browser", () => {
    expect(server.calls).toHaveLength(1);
    expect(server.features).toBe(two);
    expect(conflicts).toHaveLength(1);
    expect(journal.entries.get("me/tile")?.features).toBe(one);
  });

  it("kept mine: saves on top of the other version", async () => {
    saver.keepMine((conflicts[0] as Conflict).current);
    await vi.advanceTimersByTimeAsync(AUTOSAVE_MS);
    expect(server.calls[1]?.version).toBe(7);
    expect(server.features).toBe(one);
  });

  it("took theirs: sends nothing more and empties the journal", async () => {
    await saver.takeTheirs((conflicts[0] as Conflict).current);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.calls).toHaveLength(1);
    expect(journal.entries.size).toBe(0);
    expect(saver.version).toBe(7);
  });
});

describe("flush", () => {
  it("says whether everything is on the server", async () => {
    saver.change(one);
    await expect(saver.flush()).resolves.toBe(true);
    server.failures = [cut];
    saver.change(two);
    await expect(saver.flush()).resolves.toBe(false);
  });
});
