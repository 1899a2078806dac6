import { describe, expect, it } from "vitest";
import { draftOf, emptyDraft } from "../../src/domain/draft";
import { above, asFeature, openSuggestions, type Suggestion } from "../../src/domain/suggestion";
import { box, shape } from "./shapes";

function suggestion(id: string, x: number, confidence: number | null = 0.8): Suggestion {
  return { id, class_code: "M", rings: [box(x, 0, x + 20, 20)], confidence, source: confidence === null ? "vintage" : "model" };
}
const ids = (list: readonly Suggestion[]): string[] => list.map((s) => s.id);

describe("openSuggestions", () => {
  const all = [suggestion("m1", 0), suggestion("m2", 30), suggestion("m3", 60)];

  it("are all of them on an empty tile", () => {
    expect(openSuggestions(emptyDraft(100), all)).toEqual(all);
  });

  it("leave out what was taken, wherever it is by now", () => {
    expect(ids(openSuggestions(draftOf(100, [shape("m1", "M", box(80, 80, 90, 90))]), all))).toEqual(["m2", "m3"]);
  });

  it("leave out what has a label in its middle, not what loses a corner", () => {
    const draft = draftOf(100, [shape("a", "A", box(25, 0, 45, 100)), shape("b", "B", box(60, 15, 100, 100))]);
    expect(ids(openSuggestions(draft, all))).toEqual(["m1", "m3"]);
  });

  it("come back where a label has a hole", () => {
    const frame = { ...shape("f", "F", box(0, 0, 100, 100)), rings: [box(0, 0, 100, 100), box(28, 0, 52, 22)] };
    expect(ids(openSuggestions(draftOf(100, [frame]), all))).toEqual(["m2"]);
  });
});

describe("above", () => {
  it("keeps the confident ones, and those that nobody rated", () => {
    expect(ids(above([suggestion("low", 0, 0.4), suggestion("even", 0, 0.5), suggestion("old", 0, null)], 0.5))).toEqual(["even", "old"]);
  });
});

describe("asFeature", () => {
  it("is accepted with the model's class, corrected with another", () => {
    expect(asFeature(suggestion("m", 0))).toEqual({ id: "m", class_code: "M", rings: [box(0, 0, 20, 20)], provenance: "accepted" });
    expect(asFeature(suggestion("m", 0), "X")).toMatchObject({ class_code: "X", provenance: "corrected" });
  });

  it("is copied from another vintage", () => {
    expect(asFeature(suggestion("v", 0, null))).toMatchObject({ class_code: "M", provenance: "copied" });
  });
});
