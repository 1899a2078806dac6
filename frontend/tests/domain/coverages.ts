/** Coverages drawn at random, and what must hold of whatever is made of them. */
import fc from "fast-check";
import type { AskedWindow } from "../../src/domain/asked";
import { checkCoverage } from "../../src/domain/check";
import { lay } from "../../src/domain/coverage";
import { type Draft, emptyDraft, type Feature, featuresOf } from "../../src/domain/draft";
import { doubleArea, type Point, type Rings } from "../../src/domain/geometry";
import { coverageFault } from "./exact";

export const SIDE = 96;

export const points = fc.tuple(fc.integer({ min: -10, max: SIDE + 10 }), fc.integer({ min: -10, max: SIDE + 10 }));

/** Up to seven shapes of up to nine corners, laid one over the other. */
export const coverages: fc.Arbitrary<Draft> = fc
  .array(fc.array(points, { minLength: 3, maxLength: 9 }), { minLength: 1, maxLength: 7 })
  .map((rings) =>
    rings.reduce<Draft>(
      (draft, ring, i) => lay(draft, { id: `s${i}`, class_code: `C${i}`, rings: [ring as readonly Point[]], provenance: "drawn" }),
      emptyDraft(SIDE),
    ),
  );

/** Up to four of the sixteen parts of such a tile. */
export const askedWindows: fc.Arbitrary<readonly AskedWindow[]> = fc
  .uniqueArray(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.map((part): AskedWindow => [3 * (part % 4), 3 * Math.floor(part / 4), 3, 3]));

export function groundOf(shapes: Iterable<Rings>): number {
  let sum = 0;
  for (const rings of shapes) sum += doubleArea(rings);
  return sum / 2;
}

export function labelled(draft: Draft): number {
  return groundOf(featuresOf(draft).map((f) => f.rings));
}

/** What is wrong with a coverage: by the independent check of these tests, then by the server's rule said again. */
export function wrong(features: readonly Feature[], side: number = SIDE): unknown {
  return coverageFault(features, side) ?? checkCoverage(features, side);
}

/** The same of polygons without a class. */
export function wrongShapes(shapes: readonly Rings[], side: number = SIDE): unknown {
  return wrong(shapes.map((rings, i): Feature => ({ id: `p${i}`, class_code: "P", rings, provenance: "drawn" })), side);
}
