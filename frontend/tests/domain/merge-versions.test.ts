import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draftOf, type Feature, featuresOf } from "../../src/domain/draft";
import { lay } from "../../src/domain/coverage";
import { compareVersions, mergeChosen, type Place, type Side, usualChoice } from "../../src/domain/merge-versions";
import { coverageFault } from "./exact";
import { box, shape } from "./shapes";

const a = shape("a", "A", box(0, 0, 10, 10));
const b = shape("b", "B", box(20, 0, 30, 10));
const c = shape("c", "C", box(40, 0, 50, 10));
const kinds = (places: readonly Place[]): string[] => places.map((place) => place.kind);
const usual = (places: readonly Place[]): Feature[] => mergeChosen(places, places.map(usualChoice));
const ids = (features: readonly Feature[]): string[] => features.map((f) => f.id).sort();

describe("compareVersions", () => {
  it("tells who drew what since the base, and keeps both unless told otherwise", () => {
    const places = compareVersions([a, b], [a, c], [a]);
    expect(kinds(places)).toEqual(["only mine", "only theirs", "same"]);
    expect(ids(usual(places))).toEqual(["a", "b", "c"]);
  });

  it("takes a deletion for a change: what one side removed stays away", () => {
    const places = compareVersions([a], [a, b, c], [a, b]);
    expect(places.map(({ kind, theirs }) => [kind, theirs[0]?.id])).toEqual([["only mine", "b"], ["only theirs", "c"], ["same", "a"]]);
    expect(ids(usual(places))).toEqual(["a", "c"]);
  });

  it("holds for one place what shares ground or an id", () => {
    const wide = shape("w", "W", box(5, 0, 25, 10));
    const cut = [shape("a", "A", box(0, 0, 5, 10)), wide, shape("b", "B", box(25, 0, 30, 10))];
    const places = compareVersions(cut, [a, { ...b, class_code: "X" }], [a, b]);
    expect(kinds(places)).toEqual(["both changed"]);
    expect(ids(mergeChosen(places, ["theirs"]))).toEqual(["a", "b"]);
    expect(ids(mergeChosen(places, ["mine"]))).toEqual(["a", "b", "w"]);
  });

  it("does not take two shapes that share only an edge for one place", () => {
    expect(kinds(compareVersions([a], [shape("n", "B", box(10, 0, 20, 10))], []))).toEqual(["only mine", "only theirs"]);
  });

  it("without a base calls changed by both what both have there", () => {
    expect(kinds(compareVersions([a, b], [{ ...a, class_code: "X" }, c], null))).toEqual(["both changed", "only mine", "only theirs"]);
  });
});

describe("mergeChosen", () => {
  const SIDE = 64;
  const ground = fc.tuple(fc.integer({ min: 0, max: 56 }), fc.integer({ min: 0, max: 56 }), fc.integer({ min: 2, max: 24 }), fc.integer({ min: 2, max: 24 }));
  const boxes = fc.array(ground, { maxLength: 5 });
  const laid = (start: readonly Feature[], drawn: readonly (readonly [number, number, number, number])[], name: string): Feature[] =>
    featuresOf(drawn.reduce(
      (draft, [x, y, w, h], i) => lay(draft, shape(`${name}${i}`, name, [[x, y], [x + w, y + (i % 3)], [x + w, y + h], [x, y + h]])),
      draftOf(SIDE, start),
    ));

  it("gives a coverage whatever is chosen, and holds nothing that neither side has", () => {
    fc.assert(
      fc.property(boxes, boxes, boxes, fc.infiniteStream(fc.boolean()), (first, second, third, coin) => {
        const base = laid([], first, "base");
        const [mine, theirs] = [laid(base, second, "mine"), laid(base, third, "theirs")];
        const places = compareVersions(mine, theirs, base);
        const choices = places.map((): Side => (coin.next().value ? "mine" : "theirs"));
        const merged = mergeChosen(places, choices);
        expect(coverageFault(merged, SIDE)).toBeNull();
        expect(new Set(ids(merged)).size).toBe(merged.length);
        expect(merged.every((f) => mine.includes(f) || theirs.includes(f))).toBe(true);
        expect(ids(mergeChosen(places, places.map(() => "mine")))).toEqual(ids(mine));
        expect(ids(mergeChosen(places, places.map(() => "theirs")))).toEqual(ids(theirs));
      }),
      { numRuns: 100 },
    );
  }, 30_000);
});
