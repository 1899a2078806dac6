/** Whose ground is whose after each command on coverages, worked out by hand. Areas are in square units. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Command, CommandRefused, runCommand } from "../../src/domain/command";
import { type Draft, draftOf, emptyDraft, type Feature, featuresOf, type Provenance } from "../../src/domain/draft";
import { doubleArea, type Ring, type Rings } from "../../src/domain/geometry";
import { coverageFault } from "./exact";
import { box, shape } from "./shapes";

const SIDE = 100;

/** Areas by class; the draft must be a coverage. */
function areas(draft: Draft): Record<string, number> {
  expect(coverageFault(featuresOf(draft), draft.side)).toBeNull();
  const sums: Record<string, number> = {};
  for (const f of featuresOf(draft)) sums[f.class_code] = (sums[f.class_code] ?? 0) + doubleArea(f.rings) / 2;
  return sums;
}

const draw = (ring: Ring, class_code: string, id = class_code.toLowerCase(), ...holes: Ring[]): Command => ({ kind: "draw", rings: [ring, ...holes], class_code, id });
const erase = (ring: Ring, within: string | null = null): Command => ({ kind: "erase", shapes: [[ring]], within });
const paint = (shapes: Ring[], class_code: string, id: string, provenance: "drawn" | "segment" = "drawn"): Command => ({
  kind: "paint", shapes: shapes.map((ring) => [ring]), class_code, id, provenance,
});
const after = (...commands: Command[]): Draft => commands.reduce(runCommand, emptyDraft(SIDE));
const feature = (draft: Draft, id: string): Feature => draft.features.get(id) as Feature;

describe("draw", () => {
  it("inside another shape makes a hole, and over the hole's island takes the island alone", () => {
    const draft = after(draw(box(10, 10, 60, 60), "A"), draw(box(20, 20, 40, 40), "B"));
    expect(areas(draft)).toEqual({ A: 2100, B: 400 });
    expect(areas(runCommand(draft, draw(box(20, 20, 40, 40), "C")))).toEqual({ A: 2100, C: 400 });
  });

  it("keeps the hole it was drawn with unlabelled", () => {
    expect(areas(after(draw(box(0, 0, 50, 50), "A", "a", box(10, 10, 20, 20))))).toEqual({ A: 2400 });
  });

  it("leaves the island in its own hole to whom it belongs", () => {
    const draft = after(draw(box(12, 12, 18, 18), "I"), draw(box(0, 0, 50, 50), "A", "a", box(10, 10, 20, 20)));
    expect(areas(draft)).toEqual({ I: 36, A: 2400 });
  });

  it("over an equal shape replaces it", () => {
    const draft = after(draw(box(10, 10, 60, 60), "A"), draw(box(10, 10, 60, 60), "B"));
    expect(featuresOf(draft).map((f) => f.id)).toEqual(["b"]);
  });

  it("outside the tile changes nothing; across its border it is cut there", () => {
    const empty = emptyDraft(SIDE);
    expect(runCommand(empty, draw(box(120, 10, 150, 40), "A"))).toBe(empty);
    expect(areas(after(draw(box(80, -30, 130, 40), "A")))).toEqual({ A: 800 });
    expect(areas(after(draw(box(-50, -50, 150, 150), "A")))).toEqual({ A: 10000 });
  });

  it("around an island that touches nothing takes it", () => {
    expect(areas(after(draw(box(40, 40, 50, 50), "I"), draw(box(10, 10, 90, 90), "A")))).toEqual({ A: 6400 });
  });

  it("of squares labels exactly their union, the last on top, whatever they are", () => {
    const square = fc.tuple(fc.integer({ min: -4, max: 26 }), fc.integer({ min: -4, max: 26 }), fc.integer({ min: 1, max: 16 }));
    fc.assert(
      fc.property(fc.array(square, { minLength: 1, maxLength: 9 }), (squares) => {
        const cells = new Map<string, string>();
        let draft = emptyDraft(24);
        for (const [i, [x, y, size]] of squares.entries()) {
          draft = runCommand(draft, draw(box(x, y, x + size, y + size), `C${i}`, `s${i}`));
          for (let cx = Math.max(0, x); cx < Math.min(24, x + size); cx++) {
            for (let cy = Math.max(0, y); cy < Math.min(24, y + size); cy++) cells.set(`${cx},${cy}`, `C${i}`);
          }
        }
        const expected: Record<string, number> = {};
        for (const code of cells.values()) expected[code] = (expected[code] ?? 0) + 1;
        expect(areas(draft)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe("erase", () => {
  const two = after(draw(box(0, 0, 50, 50), "A"), draw(box(50, 0, 100, 50), "B"));

  it("inside a shape makes a hole", () => {
    const draft = runCommand(two, erase(box(10, 10, 20, 20)));
    expect(areas(draft)).toEqual({ A: 2400, B: 2500 });
    expect(feature(draft, "a").rings).toHaveLength(2);
    expect(feature(draft, "b")).toBe(feature(two, "b"));
  });

  it("across a border takes from both, or from the one named", () => {
    expect(areas(runCommand(two, erase(box(40, 10, 60, 20))))).toEqual({ A: 2400, B: 2400 });
    const draft = runCommand(two, erase(box(40, 10, 60, 20), "a"));
    expect(areas(draft)).toEqual({ A: 2400, B: 2500 });
    expect(feature(draft, "b")).toBe(feature(two, "b"));
  });

  it("removes what it covers whole, and nothing on empty ground", () => {
    expect(areas(runCommand(two, erase(box(0, 0, 50, 50))))).toEqual({ B: 2500 });
    expect(areas(runCommand(two, erase(box(-10, -10, 110, 110))))).toEqual({});
    expect(runCommand(two, erase(box(0, 60, 50, 90)))).toBe(two);
  });

  it("of a shape that is not there is refused", () => {
    expect(() => runCommand(two, erase(box(0, 0, 5, 5), "gone"))).toThrow(CommandRefused);
  });
});

describe("paint", () => {
  const apart = draftOf(SIDE, [shape("one", "A", box(0, 0, 20, 20), "accepted"), shape("two", "A", box(40, 0, 70, 20)), shape("b", "B", box(20, 30, 40, 50))]);

  it("joins two shapes of its class across a gap; the larger gives the name", () => {
    const draft = runCommand(apart, paint([box(20, 5, 40, 15)], "A", "new"));
    expect(areas(draft)).toEqual({ A: 1200, B: 400 });
    expect(featuresOf(draft).filter((f) => f.class_code === "A").map((f) => f.id)).toEqual(["two"]);
  });

  it("joins what it overlaps and takes the ground of other classes", () => {
    const draft = runCommand(apart, paint([box(10, 10, 30, 40)], "A", "new"));
    // A had 400 and gains 20·30 - 10·10 overlapped = 500, of which 10·10 was B's.
    expect(areas(draft)).toEqual({ A: 400 + 500 + 600, B: 300 });
    expect(feature(draft, "one").provenance).toBe("corrected");
  });

  it("does not join across a corner", () => {
    const draft = runCommand(apart, paint([box(20, 20, 30, 30)], "A", "new"));
    expect(feature(draft, "new").rings).toEqual([expect.arrayContaining([[20, 20], [30, 30]])]);
    expect(featuresOf(draft)).toHaveLength(4);
  });

  it("within a shape of its class changes nothing", () => {
    expect(runCommand(apart, paint([box(45, 5, 50, 10)], "A", "new"))).toBe(apart);
  });

  it("unites its shapes, and names apart what lies apart", () => {
    const draft = runCommand(emptyDraft(SIDE), paint([box(0, 0, 20, 20), box(10, 10, 30, 30), box(50, 50, 60, 60)], "A", "new"));
    expect(featuresOf(draft).map((f) => doubleArea(f.rings) / 2)).toEqual([700, 100]);
    expect(featuresOf(draft)[0]?.id).toBe("new");
  });

  it("of segments joins only what was made of segments, and stays a segment", () => {
    const first = runCommand(apart, paint([box(20, 0, 30, 10)], "A", "s", "segment"));
    expect(featuresOf(first)).toHaveLength(4);
    const second = runCommand(first, paint([box(30, 0, 40, 10)], "A", "t", "segment"));
    expect(feature(second, "s")).toMatchObject({ provenance: "segment" });
    expect(doubleArea(feature(second, "s").rings) / 2).toBe(200);
    expect(feature(second, "one")).toBe(feature(apart, "one"));
  });

  it("around its own class fills the hole with one shape", () => {
    const draft = runCommand(after(draw(box(40, 40, 50, 50), "A")), paint([box(30, 30, 60, 60)], "A", "new"));
    expect(areas(draft)).toEqual({ A: 900 });
  });
});

describe("take", () => {
  const own = after(draw(box(0, 0, 50, 50), "A"), draw(box(70, 70, 80, 80), "I"));
  const suggestion = (id: string, rings: Rings, provenance: Provenance = "accepted"): Feature => ({ id, class_code: "M", rings, provenance });
  const take = (...features: Feature[]): Command => ({ kind: "take", features });

  it("leaves the person's own work alone and gets the rest", () => {
    const draft = runCommand(own, take(suggestion("m", [box(40, 40, 90, 90)])));
    expect(areas(draft)).toEqual({ A: 2500, I: 100, M: 2500 - 100 - 100 });
    expect(feature(draft, "a")).toBe(feature(own, "a"));
    expect(feature(draft, "i")).toBe(feature(own, "i"));
    expect(feature(draft, "m").provenance).toBe("corrected");
  });

  it("calls accepted what lost nothing", () => {
    const draft = runCommand(own, take(suggestion("m", [box(50, 0, 70, 50)]), suggestion("n", [box(80, 80, 90, 90)], "copied")));
    expect([feature(draft, "m").provenance, feature(draft, "n").provenance]).toEqual(["accepted", "copied"]);
  });

  it("gives the first of two that overlap the ground they share", () => {
    const draft = runCommand(own, take(suggestion("m", [box(50, 0, 70, 20)]), { ...suggestion("n", [box(60, 0, 80, 20)]), class_code: "N" }));
    expect(areas(draft)).toEqual({ A: 2500, I: 100, M: 400, N: 200 });
  });

  it("does nothing where all is labelled, or with what was taken before", () => {
    expect(runCommand(own, take(suggestion("m", [box(10, 10, 20, 20)])))).toBe(own);
    expect(runCommand(own, take(suggestion("a", [box(60, 0, 80, 20)])))).toBe(own);
  });
});

describe("limits of the server", () => {
  it("refuse a shape of more than ten thousand vertices and leave the draft", () => {
    const teeth = Array.from({ length: 10_001 }, (_, i) => [2 * i, 9 * (i % 2)] as const);
    const command = draw([...teeth, [20_000, 50], [0, 50]], "A");
    expect(() => runCommand(emptyDraft(32_760), command)).toThrow("shape_too_complex");
  }, 30_000);

  it("refuse to replace the draft with what is no coverage", () => {
    const command: Command = { kind: "replace", features: [shape("a", "A", box(0, 0, 20, 20)), shape("b", "B", box(19, 0, 40, 20))] };
    expect(() => runCommand(emptyDraft(SIDE), command)).toThrow("not_a_coverage");
  });
});
