import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api } from "../../src/api/client";
import type { Assignment } from "../../src/api/types";
import type { Command } from "../../src/domain/command";
import type { Delta } from "../../src/domain/delta";
import type { Feature } from "../../src/domain/draft";
import type { TabState } from "../../src/save/tab-guard";
import type { Conflict, SaveStatus } from "../../src/save/saver";
import { TileSession } from "../../src/pages/tile-session";
import { box, shape } from "../domain/shapes";
import { answerLost, cut, MemoryJournal, refuse, Server } from "../save/doubles";

let server: Server;
let journal: MemoryJournal;
let seen: { deltas: Delta[]; statuses: SaveStatus[]; conflicts: Conflict[]; tabs: TabState[] };
let opened: TileSession[];

const assignment = (): Assignment => ({
  lease: null, why: null, draft_available: false, annotation: server.annotation(),
  tile: { id: 7, row: 0, col: 0, tile_px: 16, origin_px: [0, 0], gsd_m: 0.2 },
});

function open(): TileSession {
  const session = new TileSession(assignment(), journal, "me/camp/7", {
    secondsSpent: () => 1,
    onStatus: (status) => seen.statuses.push(status),
    onVersion: () => undefined,
    onConflict: (conflict) => seen.conflicts.push(conflict),
    onInvalid: () => undefined,
    onDraft: (delta) => seen.deltas.push(delta),
    onTab: (state) => seen.tabs.push(state),
  });
  opened.push(session);
  return session;
}

const draw = (id: string, x: number): Command => ({ kind: "draw", rings: [box(x, 0, x + 10, 10)], class_code: "A", id });
const ids = (features: readonly Feature[]): string[] => features.map((f) => f.id).sort();

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  journal = new MemoryJournal();
  seen = { deltas: [], statuses: [], conflicts: [], tabs: [] };
  opened = [];
  vi.spyOn(api, "save").mockImplementation((_tile, version, body) => server.send(version, body));
  vi.spyOn(api, "pick").mockImplementation(() => Promise.resolve(assignment()));
  vi.spyOn(api, "submit").mockImplementation(() => Promise.resolve(server.annotation()));
});

afterEach(() => {
  for (const session of opened) session.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a change", () => {
  it("is in the journal before it is shown, and one follows the other", async () => {
    const session = open();
    await session.resume();
    const order: string[] = [];
    const write = journal.write.bind(journal);
    vi.spyOn(journal, "write").mockImplementation(async (...of) => { await write(...of); order.push(`kept, ${session.features.length} shown`); });
    const all = Promise.all([session.run(draw("a", 0)), session.run(draw("b", 20)), session.undo()]);
    expect(session.busy).toBe(true);
    await expect(all).resolves.toEqual(["done", "done", true]);
    expect(order).toEqual(["kept, 0 shown", "kept, 1 shown", "kept, 2 shown"]);
    expect(ids(session.features)).toEqual(["a"]);
    expect([session.busy, session.canUndo, session.canRedo]).toEqual([false, true, true]);
    expect(seen.deltas).toHaveLength(3);
  });

  it("that is refused changes nothing and keeps nobody waiting", async () => {
    const session = open();
    await session.resume();
    await expect(session.run({ kind: "delete", ids: ["nobody"] })).rejects.toThrow("no_such_shape");
    await expect(session.run(draw("a", 0))).resolves.toBe("done");
    expect(journal.writes).toHaveLength(1);
  });
});

describe("a tile opened again", () => {
  it("has its undo and redo, also of what the server has acknowledged", async () => {
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    await first.run(draw("b", 20));
    await first.saver.flush();
    await first.run(draw("c", 40));
    await first.undo();
    await first.saver.flush();
    first.close();

    const second = open();
    await expect(second.resume()).resolves.toMatchObject({ kind: "none" });
    expect(ids(second.features)).toEqual(["a", "b"]);
    await second.undo();
    await second.redo();
    await second.redo();
    expect(ids(second.features)).toEqual(["a", "b", "c"]);
    await second.saver.flush();
    expect(ids(server.features)).toEqual(["a", "b", "c"]);
    expect(seen.conflicts).toHaveLength(0);
  });

  it("sends a save without an answer under its old id, then what came after", async () => {
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    server.failures = [answerLost];
    await first.saver.flush();
    await first.run(draw("b", 20));
    first.close();

    const second = open();
    await expect(second.resume()).resolves.toMatchObject({ kind: "restored" });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(server.calls[1]?.body).toEqual(server.calls[0]?.body);
    expect([server.version, ids(server.features)]).toEqual([2, ["a", "b"]]);
    expect(seen.conflicts).toHaveLength(0);
  });

  it("asks when the server went on too, sends nothing meanwhile, and keeps both when told so", async () => {
    server.failures = [cut];
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    await first.saver.flush();
    first.close();
    // The save that got no answer was never stored: a version from elsewhere is there instead.
    server.saveElsewhere([shape("other", "B", box(60, 60, 70, 70))]);
    const sent = server.calls.length;

    const second = open();
    await second.resume();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(seen.conflicts).toHaveLength(1);
    expect(server.calls.length).toBe(sent + 1);
    const { current } = seen.conflicts[0] as Conflict;
    await second.resolve(current, [...second.features, ...current.features]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(ids(server.features)).toEqual(["a", "other"]);
    await second.undo();
    expect(ids(second.features)).toEqual(["a"]);
  });

  it.each([["nothing was sent", 0], ["it was sent and refused once more", 5_000]])("keeps what was drawn while the question was open and %s", async (_how, wait) => {
    const session = open();
    await session.resume();
    server.saveElsewhere([shape("other", "B", box(60, 60, 70, 70))]);
    await session.run(draw("a", 0));
    await session.saver.flush();
    const { current } = seen.conflicts[0] as Conflict;
    await session.run(draw("late", 20));
    await vi.advanceTimersByTimeAsync(wait);
    expect(seen.conflicts).toHaveLength(wait > 0 ? 2 : 1);
    await session.resolve(current, current.features);
    expect(ids(session.features)).toEqual(["late", "other"]);
    await session.saver.flush();
    expect(ids(server.features)).toEqual(["late", "other"]);
  });

  it("forgets an acknowledged entry that the server has gone beyond", async () => {
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    await first.saver.flush();
    first.close();
    server.saveElsewhere([shape("other", "B", box(60, 60, 70, 70))]);
    const second = open();
    await expect(second.resume()).resolves.toMatchObject({ kind: "none" });
    expect(ids(second.features)).toEqual(["other"]);
    expect(second.canUndo).toBe(false);
    await second.run(draw("b", 20));
    await second.saver.flush();
    expect(ids(server.features)).toEqual(["b", "other"]);
  });

  it("takes kept work up before a change made while it was being read", async () => {
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    first.close();
    const second = open();
    const all = Promise.all([second.resume(), second.run(draw("b", 20))]);
    await expect(all).resolves.toMatchObject([{ kind: "restored" }, "done"]);
    expect(ids(second.features)).toEqual(["a", "b"]);
  });

  it("that was submitted leaves nothing in this browser", async () => {
    const session = open();
    await session.resume();
    await session.run(draw("a", 0));
    await session.saver.flush();
    await session.submit();
    expect(journal.entries.size).toBe(0);
  });
});

describe("a submission", () => {
  it("holds the shape that was still being computed when it was asked for", async () => {
    const session = open();
    await session.resume();
    await session.run(draw("a", 0));
    await session.saver.flush();
    const drawn = session.run(draw("b", 20));
    const submitted = vi.mocked(api.submit).mockImplementation((_tile, version) => {
      expect([version, ids(server.features)]).toEqual([2, ["a", "b"]]);
      return Promise.resolve(server.annotation());
    });
    await expect(session.submit()).resolves.not.toBeNull();
    await expect(drawn).resolves.toBe("done");
    expect(submitted).toHaveBeenCalledTimes(1);
    expect(journal.entries.size).toBe(0);
  });

  it("waits when the last changes are not on the server", async () => {
    server.failures = [cut];
    const session = open();
    await session.resume();
    await session.run(draw("a", 0));
    await expect(session.submit()).resolves.toBeNull();
    expect(api.submit).not.toHaveBeenCalled();
    expect(journal.entries.size).toBe(1);
  });
});

const quarter = (): Assignment => ({
  ...assignment(),
  annotation: { ...server.annotation(), version: 1, features: [shape("piece", "A", box(0, 0, 5, 5))] },
  tile: { id: 71, row: 0, col: 0, part: 1, tile_px: 8, origin_px: [0, 0], gsd_m: 0.2 },
});

describe("a split", () => {
  it("is asked for with all that was drawn on the server, and leaves nothing of the whole in this browser", async () => {
    const asked = vi.spyOn(api, "split").mockImplementation((_tile, version) => {
      expect([version, ids(server.features)]).toEqual([2, ["a", "b"]]);
      return Promise.resolve(quarter());
    });
    const session = open();
    await session.resume();
    await session.run(draw("a", 0));
    await session.saver.flush();
    const drawn = session.run(draw("b", 20));
    await expect(session.split()).resolves.toMatchObject({ tile: { id: 71 } });
    await expect(drawn).resolves.toBe("done");
    expect(asked).toHaveBeenCalledTimes(1);
    expect(journal.entries.size).toBe(0);
  });

  it.each([["refused", refuse(409, "campaign_closed")], ["not answered", cut]])("is not asked for when the last save was %s, and the work stays", async (_how, failure) => {
    const asked = vi.spyOn(api, "split").mockImplementation(() => Promise.resolve(quarter()));
    const session = open();
    await session.resume();
    await session.run(draw("a", 0));
    await session.saver.flush();
    await session.run(draw("b", 20));
    server.failures = [failure];
    await expect(session.split()).resolves.toBeNull();
    expect(asked).not.toHaveBeenCalled();
    await expect(journal.unsent("me")).resolves.toEqual(["me/camp/7"]);
  });

  it("that the server refuses leaves the work and its undo as they were", async () => {
    vi.spyOn(api, "split").mockImplementation(() => Promise.resolve().then(refuse(409, "cannot_split")));
    const session = open();
    await session.resume();
    await session.run(draw("a", 0));
    await expect(session.split()).rejects.toThrow("cannot_split");
    expect(journal.entries.size).toBe(1);
    await expect(session.undo()).resolves.toBe(true);
  });
});

describe("a second tab", () => {
  it("is told what to open when the tile was split meanwhile, and takes nothing of the quarter for the whole's", async () => {
    vi.mocked(api.pick).mockImplementation(() => Promise.resolve(quarter()));
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    await first.saver.flush();
    const second = open();
    const all = Promise.all([second.takeOver(), second.run(draw("b", 20)).catch((error: unknown) => String(error))]);
    const [moved, drawn] = await all;
    expect(moved).toMatchObject({ kind: "moved", instead: { tile: { id: 71 } } });
    expect(drawn).toContain("open_elsewhere");
    expect(second.assignment.tile.id).toBe(7);
    expect(ids(second.features)).toEqual(["a"]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ids(server.features)).toEqual(["a"]);
  });

  it("does not leave a split tile while what it drew is on its page alone", async () => {
    vi.mocked(api.pick).mockImplementation(() => Promise.resolve(quarter()));
    const second = open();
    await second.resume();
    journal.full = true;
    server.failures = Array.from({ length: 9 }, () => refuse(409, "tile_is_split"));
    await second.run(draw("b", 20));
    await open().takeOver();
    await expect(second.takeOver()).resolves.toMatchObject({ kind: "conflict" });
    expect(ids(second.assignment.annotation.features)).toEqual([]);
  });

  it("has the work of the first before a change made the moment the tile is its own", async () => {
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    const second = open();
    const all = Promise.all([second.takeOver(), second.run(draw("b", 20))]);
    await expect(all).resolves.toMatchObject([{ kind: "restored" }, "done"]);
    expect(ids(second.features)).toEqual(["a", "b"]);
  });

  it("goes on with all that the first had shown, and the first changes and sends nothing more", async () => {
    server.failures = [cut, cut];
    const first = open();
    await first.resume();
    await first.run(draw("a", 0));
    await first.saver.flush();

    const second = open();
    await second.takeOver();
    await expect(first.run(draw("x", 40))).rejects.toThrow("open_elsewhere");
    expect(seen.statuses[seen.statuses.length - 1]).toMatchObject({ problem: "elsewhere" });
    expect(ids(second.features)).toEqual(["a"]);
    await second.run(draw("b", 20));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(ids(server.features)).toEqual(["a", "b"]);
    expect(new Set(server.calls.slice(0, 3).map((call) => call.body.operation_id)).size).toBe(1);
    expect(seen.conflicts).toHaveLength(0);
    expect(seen.statuses[seen.statuses.length - 1]).toMatchObject({ state: "saved", pending: false, kept: true });
  });
});
