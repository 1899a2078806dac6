import { expect, it } from "vitest";
import { compact, expand } from "../../src/domain/compact";
import type { Feature } from "../../src/domain/draft";
import { box } from "./shapes";

const features: Feature[] = [
  { id: "a", class_code: "CS1.1", rings: [box(0, 0, 80, 80), box(10, 10, 20, 20)], provenance: "drawn" },
  { id: "b", class_code: "CS2", rings: [box(80, 0, 160, 80)], provenance: "segment" },
];

it("gives back the features that were made compact, holes and order included", () => {
  expect(expand(compact(features))).toEqual(features);
  expect(expand(structuredClone(compact(features)))).toEqual(features);
  expect(expand(compact([]))).toEqual([]);
});
