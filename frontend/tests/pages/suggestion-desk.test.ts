import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/client";
import type { Assignment, ModelDraft } from "../../src/api/types";
import type { AskedWindow } from "../../src/domain/asked";
import { runCommand } from "../../src/domain/command";
import { draftOf } from "../../src/domain/draft";
import { boxOf, doubleArea, type Rings } from "../../src/domain/geometry";
import { asFeature } from "../../src/domain/suggestion";
import type { StudioApi } from "../../src/pages/studio-api";
import { SuggestionDesk } from "../../src/pages/suggestion-desk";
import { TileData, TileStore } from "../../src/pages/tile-data";

const strip = (i: number): Rings => [[[i * 16, 0], [i * 16 + 16, 0], [i * 16 + 16, 64], [i * 16, 64]]];
const drawing: ModelDraft = {
  model_version: "m1",
  features: [0.9, 0.4, 0.7].map((confidence, i) => ({ id: `r${i}`, class_code: "T", rings: strip(i), provenance: "accepted" as const, confidence })),
};
const assignment = { draft_available: true } as Assignment;
const NONE: readonly AskedWindow[] = [];
const empty = draftOf(64, []);
const modelDraft = vi.fn<StudioApi["modelDraft"]>();
const api = { modelDraft } as Partial<StudioApi> as StudioApi;

beforeEach(() => {
  modelDraft.mockReset();
  localStorage.clear();
});

function open(asked: () => readonly AskedWindow[] = () => NONE): SuggestionDesk {
  const desk = new SuggestionDesk(() => undefined, asked);
  desk.reset(new TileData(api, 7, 8), assignment);
  return desk;
}

describe("the desk of suggestions", () => {
  it("puts the least sure first and steps round and round", async () => {
    modelDraft.mockResolvedValue(drawing);
    const desk = open();
    expect(await desk.showModel()).toBe(true);
    expect(desk.open(empty).map((s) => s.id)).toEqual(["r1", "r2", "r0"]);
    expect(desk.current(empty)?.id).toBe("r1");
    expect(desk.step(empty, 1)?.id).toBe("r2");
    expect(desk.step(empty, 1)?.id).toBe("r0");
    expect(desk.step(empty, 1)?.id).toBe("r1");
  });

  it("offers only what has ground in the parts that are asked for, and of that only what lies in them", async () => {
    modelDraft.mockResolvedValue(drawing);
    const offered = (desk: SuggestionDesk): unknown => desk.open(empty).map(({ id, rings }) => [id, boxOf(rings)]);
    // Of the tile's eight columns of pixels the strips have two each.
    const one: readonly AskedWindow[] = [[2, 0, 2, 8]];
    const middle = open(() => one);
    await middle.showModel();
    expect(offered(middle)).toEqual([["r1", { minX: 16, minY: 0, maxX: 32, maxY: 64 }]]);
    const two: readonly AskedWindow[] = [[3, 4, 2, 4]];
    const between = open(() => two);
    await between.showModel();
    expect(offered(between)).toEqual([["r1", { minX: 24, minY: 32, maxX: 32, maxY: 64 }], ["r2", { minX: 32, minY: 32, maxX: 40, maxY: 64 }]]);
  });

  it("labels nothing beside the parts when all is taken, as the model's own where nobody had labelled", async () => {
    modelDraft.mockResolvedValue(drawing);
    const asked: readonly AskedWindow[] = [[3, 4, 2, 4]];
    const desk = open(() => asked);
    await desk.showModel();
    const taken = runCommand(empty, { kind: "take", features: desk.open(empty).map((s) => asFeature(s)) });
    expect([...taken.features.values()].map(({ id, provenance, rings }) => [id, provenance, doubleArea(rings) / 2]))
      .toEqual([["r1", "accepted", 8 * 32], ["r2", "accepted", 8 * 32]]);
  });

  it("leaves out what is labelled in the parts, and offers what is bare there, whatever lies beside them", async () => {
    modelDraft.mockResolvedValue(drawing);
    const asked: readonly AskedWindow[] = [[2, 0, 2, 2]];
    const desk = open(() => asked);
    await desk.showModel();
    const label = (minY: number, maxY: number) =>
      draftOf(64, [{ id: "own", class_code: "T", rings: [[[0, minY], [64, minY], [64, maxY], [0, maxY]]], provenance: "drawn" }]);
    expect(desk.open(label(0, 16))).toEqual([]);
    expect(desk.open(label(16, 64)).map((s) => s.id)).toEqual(["r1"]);
  });

  it("follows when the tile is asked for otherwise", async () => {
    modelDraft.mockResolvedValue(drawing);
    let asked: readonly AskedWindow[] = [[2, 0, 2, 8]];
    const desk = open(() => asked);
    await desk.showModel();
    expect(desk.open(empty).map((s) => s.id)).toEqual(["r1"]);
    asked = NONE;
    expect(desk.open(empty).map((s) => s.id)).toEqual(["r1", "r2", "r0"]);
  });

  it("goes on with the one that follows when the one in hand is taken", async () => {
    modelDraft.mockResolvedValue(drawing);
    const desk = open();
    await desk.showModel();
    desk.step(empty, 1);
    const after = draftOf(64, [{ id: "r2", class_code: "T", rings: strip(2), provenance: "accepted" }]);
    expect(desk.open(after).map((s) => s.id)).toEqual(["r1", "r0"]);
    expect(desk.current(after)?.id).toBe("r0");
  });

  it("shows nothing on the map while it is hidden", async () => {
    modelDraft.mockResolvedValue(drawing);
    const desk = open();
    await desk.showModel();
    desk.setShown(false);
    expect(desk.shown(empty)).toEqual([]);
    expect(desk.current(empty)).toBeNull();
  });

  it("can be asked again after a failure, and takes a blind tile for an answer", async () => {
    modelDraft.mockRejectedValueOnce(new Error("No answer")).mockRejectedValueOnce(new ApiError(404, "blind_tile", "x"));
    const desk = open();
    expect(await desk.showModel()).toBe(false);
    expect([desk.phase, desk.message]).toEqual(["failed", "No answer"]);
    await desk.showModel();
    expect(desk.phase).toBe("none");
    await desk.showModel();
    expect(modelDraft).toHaveBeenCalledTimes(2);
  });

  it("forgets an answer that comes after the tile was left", async () => {
    let answer: (draft: ModelDraft) => void = () => undefined;
    modelDraft.mockReturnValue(new Promise((resolve) => { answer = resolve; }));
    const desk = open();
    const asked = desk.showModel();
    desk.reset(new TileData(api, 8, 8), assignment);
    answer(drawing);
    expect(await asked).toBe(false);
    expect(desk.total).toBe(0);
  });
});

describe("the store of tiles", () => {
  it("asks once for what is wanted twice and keeps the last three tiles", async () => {
    modelDraft.mockResolvedValue(drawing);
    const store = new TileStore(api);
    await Promise.all([store.of(1, 8).draft(), store.of(1, 8).draft()]);
    expect(modelDraft).toHaveBeenCalledTimes(1);
    for (const tile of [2, 3, 4]) store.of(tile, 8);
    await store.of(1, 8).draft();
    expect(modelDraft).toHaveBeenCalledTimes(2);
  });
});
