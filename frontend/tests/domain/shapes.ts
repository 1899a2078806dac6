import { type Draft, draftOf, type Feature, type Provenance } from "../../src/domain/draft";
import type { Ring } from "../../src/domain/geometry";

export function box(x0: number, y0: number, x1: number, y1: number): Ring {
  return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
}

export function shape(id: string, code: string, ring: Ring, provenance: Provenance = "drawn"): Feature {
  return { id, class_code: code, rings: [ring], provenance };
}

/** Two squares side by side, sharing the edge x = 20. */
export function neighbours(): Draft {
  return draftOf(100, [shape("left", "A", box(0, 0, 20, 20), "accepted"), shape("right", "B", box(20, 0, 40, 20))]);
}
