import { describe, expect, it } from "vitest";
import { draftOf, type Feature } from "../../src/domain/draft";
import type { Rings } from "../../src/domain/geometry";
import { marksOf } from "../../src/practice/marks";
import { ANSWER, BUILT, GRASS, modelDraft, practiceAssignment, practiceCampaign, WATER } from "../../src/practice/scene";
import { PracticeBackend } from "../../src/practice/backend";
import { type Scene, stepsOf } from "../../src/practice/steps";

const SIDE = practiceAssignment("t").tile.tile_px * 8;
const all: Rings = [[[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]]];
const shape = (id: string, class_code: string, rings: Rings): Feature => ({ id, class_code, rings, provenance: "drawn" });
const share = (letter: string): number => [...ANSWER.join("")].filter((one) => one === letter).length / ANSWER.join("").length;
const scene = (features: readonly Feature[], more: Partial<Scene> = {}): Scene => {
  const draft = draftOf(SIDE, features);
  return { draft, marks: marksOf(draft), tool: "edit", code: null, hasMoved: false, hasSuggestions: false, hasSelection: false, ...more };
};
const steps = stepsOf(() => "1");
const done = (at: Scene): boolean[] => steps.map((step) => step.isDone(at));

describe("the marks of a draft", () => {
  it("are nothing for an empty tile", () => {
    const marks = marksOf(draftOf(SIDE, []));
    expect([marks.labelled, marks.right, marks.share("p", WATER), marks.precision("p", WATER)]).toEqual([0, 0, 0, 0]);
  });

  it("count a tile that is all grass as labelled, and right where there is grass", () => {
    const marks = marksOf(draftOf(SIDE, [shape("a", GRASS, all)]));
    expect(marks.labelled).toBe(1);
    expect(marks.right).toBeCloseTo(share("."), 10);
    expect(marks.precision(".", GRASS)).toBeCloseTo(share("."), 10);
  });
});

describe("the steps", () => {
  it("are not done on the empty tile", () => {
    expect(done(scene([]))).toEqual([false, false, false, false, false, false, false, false]);
  });

  it("do not take a whole tile of water for a pond", () => {
    expect(done(scene([shape("a", WATER, all)]))[2]).toBe(false);
  });

  it("see that the sure part of the draft was taken, and that the barn still has the wrong class", () => {
    const sure = modelDraft.features.filter((f) => (f.confidence ?? 0) > 0.8).map((f) => shape(f.id, f.class_code, f.rings));
    expect(done(scene(sure)).slice(4, 6)).toEqual([true, false]);
    const corrected = sure.map((f) => (f.id === "practice-4" ? { ...f, class_code: BUILT } : f));
    expect(done(scene(corrected)).slice(4, 6)).toEqual([true, true]);
  });

  it("point at the class first and at the tools then, and at nothing once one is in hand", () => {
    const wood = steps[3];
    expect(wood?.targets(scene([]))).toEqual(["class-CS2.1.1.1"]);
    expect(wood?.targets(scene([], { code: "CS2.1.1.1" }))).toEqual(["tool-brush", "tool-segments"]);
    expect(wood?.targets(scene([], { code: "CS2.1.1.1", tool: "brush" }))).toEqual([]);
  });
});

describe("the back end in the page", () => {
  it("answers a save with the next version and forgets it at the next tile", async () => {
    const backend = new PracticeBackend();
    const first = await backend.claim();
    const features = [shape("a", GRASS, all)];
    const saved = await backend.save(first.tile.id, 0, { operation_id: "o", features, seconds_spent: 1, draft_model: null });
    expect(saved).toMatchObject({ version: 1, features });
    expect((await backend.pick(first.tile.id)).annotation).toEqual(saved);
    const second = await backend.claim();
    expect(second.tile.id).not.toBe(first.tile.id);
    expect(second.annotation.features).toEqual([]);
  });

  it("offers the classes of the palette in the nomenclature's order, each in both languages", () => {
    const { classes } = practiceCampaign().nomenclature;
    expect(classes.map((c) => c.code)).toEqual(["CS1.1.1.1", "CS1.1.1.2", "CS1.1.2.1", "CS1.2.2", "CS2.1.1.1", "CS2.2.1"]);
    expect(classes.every((c) => c.name.fr !== "" && c.name.en !== "" && c.name.fr !== c.name.en)).toBe(true);
  });
});
