import { describe, expect, it } from "vitest";
import { commandWords, refusalOfCommand, segmentWords, shapeWords, suggestionWords } from "../../src/pages/announcer";
import { draftOf, type Feature } from "../../src/domain/draft";
import type { Rings } from "../../src/domain/geometry";
import type { Segments } from "../../src/domain/raster";
import type { Suggestion } from "../../src/domain/suggestion";

const box = (x0: number, y0: number, x1: number, y1: number): Rings => [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]];
const name = (code: string): string => ({ T: "T Trees", B: "B Buildings" })[code] ?? code;

// Four pixels: two segments above, one below over the whole width.
const segments: Segments = { side_px: 2, ids: Uint16Array.from([0, 1, 2, 2]), count: 3 };
const trees: Feature = { id: "t", class_code: "T", rings: box(8, 0, 16, 8), provenance: "drawn" };
const draft = draftOf(16, [trees]);
const offered: Suggestion = { id: "s", class_code: "B", rings: box(0, 0, 8, 8), confidence: 0.82, source: "model" };

describe("what is said of a segment", () => {
  it("names its place, its label, the model's word, the doubt and the neighbours", () => {
    const words = segmentWords({ draft, segments, suggestions: [offered], doubt: Uint8Array.from([255, 1, 1, 1]), name }, 0);
    expect(words).toBe("Segment 1 of 3: not labelled. The model says B Buildings, 82% sure. Doubt: 100%. Neighbours: T Trees, not labelled.");
  });

  it("leaves out what is not known", () => {
    const words = segmentWords({ draft, segments, suggestions: [], doubt: null, name }, 1);
    expect(words).toBe("Segment 2 of 3: T Trees. Neighbours: not labelled.");
  });
});

describe("what is said of suggestions, shapes and commands", () => {
  it("gives a suggestion its place, and another vintage its own words", () => {
    expect(suggestionWords(offered, 3, 9, name)).toBe("Suggestion 3 of 9. The model says B Buildings, 82% sure.");
    expect(suggestionWords({ ...offered, confidence: null, source: "vintage" }, 1, 1, name)).toContain("The other vintage says B Buildings.");
  });

  it("measures a shape in square metres", () => {
    // One pixel of 0.5 m.
    expect(shapeWords(trees, 1, 1, 0.5, name)).toBe("Shape 1 of 1: T Trees, 0.3 m².");
  });

  it("names what was deleted by what it was before", () => {
    expect(commandWords({ kind: "delete", ids: ["t"] }, draft, name)).toBe("Deleted: T Trees.");
    expect(commandWords({ kind: "take", features: [trees, { ...trees, id: "u" }] }, draft, name)).toBe("Suggestions taken: 2.");
  });

  it("says what to do after a refusal, also one it does not know", () => {
    expect(refusalOfCommand("no_gap_here")).toContain("U goes to the next gap");
    expect(refusalOfCommand("something_new")).toContain("Nothing was changed");
  });
});
