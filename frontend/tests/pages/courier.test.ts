import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { api } from "../../src/api/client";
import type { Annotation, Assignment } from "../../src/api/types";
import { Courier } from "../../src/pages/courier";
import { TileSession } from "../../src/pages/tile-session";
import { box, shape } from "../domain/shapes";
import { MemoryJournal, refuse, Server } from "../save/doubles";

vi.mock(import("../../src/save/tab-guard"), async (original) => ({ ...(await original()), isOpenSomewhere: () => Promise.resolve(false) }));

const KEY = "me/camp/7";
const saved = shape("saved", "A", box(0, 0, 10, 10));
let server: Server;
let journal: MemoryJournal;

const assignment = (state: Annotation["state"]): Assignment => ({
  lease: null, why: null, draft_available: false, annotation: { ...server.annotation(), state },
  tile: { id: 7, row: 3, col: 4, part: 0, tile_px: 16, origin_px: [0, 0], gsd_m: 0.2 },
});

/** A shape drawn on the tile and never sent. */
async function drawUnsent(): Promise<void> {
  const nothing = (): void => undefined;
  const session = new TileSession(assignment("draft"), journal, KEY, {
    secondsSpent: () => 1, onStatus: nothing, onVersion: nothing, onConflict: nothing, onInvalid: nothing, onDraft: nothing, onTab: nothing,
  });
  await session.resume();
  await session.run({ kind: "draw", rings: [box(20, 0, 30, 10)], class_code: "B", id: "unsent" });
  session.close();
}

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  journal = new MemoryJournal();
  server.saveElsewhere([saved]);
  vi.spyOn(api, "save").mockImplementation((_tile, version, body) => server.send(version, body));
  await drawUnsent();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function carried(courier: Courier): ReturnType<Courier["sendDrawings"]> {
  const all = courier.sendDrawings();
  await vi.advanceTimersByTimeAsync(2_000);
  return all;
}

it.each([
  ["refused", (): void => { server.failures = [refuse(409, "tile_is_split")]; }],
  ["parted from what the quarters were cut from", (): void => { server.saveElsewhere([saved, shape("later", "A", box(40, 0, 50, 10))]); }],
])("keeps work that a split came before, with both versions to look at, until its person lets it go: %s", async (_how, meanwhile) => {
  meanwhile();
  vi.spyOn(api, "tile").mockImplementation(() => Promise.resolve(assignment("split")));
  const courier = new Courier("me", journal);
  const { sent, left } = await carried(courier);
  expect(sent).toBe(0);
  expect(left).toMatchObject([{ campaign: "camp", tile: "7", place: { row: 3, col: 4, part: 0 } }]);
  const [first] = left;
  expect(first?.split?.mine.features.map(({ id }) => id).sort()).toEqual(["saved", "unsent"]);
  expect(first?.split?.theirs.features).toEqual(server.features);
  await expect(journal.unsent("me")).resolves.toEqual([KEY]);
  if (first) await courier.forget(first);
  expect(journal.entries.size).toBe(0);
});

it("sends what it can, and names the quarter on which it cannot", async () => {
  server.failures = [refuse(409, "campaign_closed")];
  vi.spyOn(api, "tile").mockImplementation(() => Promise.resolve({ ...assignment("draft"), tile: { ...assignment("draft").tile, part: 2 } }));
  const courier = new Courier("me", journal);
  expect((await carried(courier)).left).toMatchObject([{ place: { part: 2 }, problem: "refused", split: null }]);
  expect((await carried(courier)).sent).toBe(1);
  expect(server.features.map(({ id }) => id).sort()).toEqual(["saved", "unsent"]);
});
