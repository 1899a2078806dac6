/** The ground a round brush passes over. */

import { Arrangement, oriented } from "./arrangement";
import { cross, type Point, type Ring, type Rings, SUBPIXELS } from "./geometry";
import { node } from "./noding";
import { simplify } from "./simplify";

const MAX_VERTICES = 1_000;

/** A disc around 0,0 on the grid: within a unit of the circle where 32 corners can be. */
function disc(radius: number): Ring {
  const needed = Math.PI / Math.acos(1 - 1 / Math.max(radius, 2));
  const corners = Math.min(32, Math.max(16, 4 * Math.ceil(needed / 4)));
  return Array.from({ length: corners }, (_, i): Point => {
    const angle = (i * 2 * Math.PI) / corners;
    return [Math.round(radius * Math.cos(angle)), Math.round(radius * Math.sin(angle))];
  });
}

/** The convex hull (Andrew 1979), without vertices in line. */
function hull(points: readonly Point[]): Ring {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (list: readonly Point[]): Point[] => {
    const kept: Point[] = [];
    for (const p of list) {
      while (kept.length > 1 && cross(kept[kept.length - 2] as Point, kept[kept.length - 1] as Point, p) <= 0) kept.pop();
      kept.push(p);
    }
    return kept.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

/** The ground between two stands of the brush, one hull for each step of the line. */
function steps(line: Ring, brush: Ring): Ring[] {
  const at = ([x, y]: Point): Point[] => brush.map(([dx, dy]): Point => [x + dx, y + dy]);
  const [first] = line;
  if (!first) return [];
  if (line.length === 1) return [hull(at(first))];
  return line.slice(1).map((b, i) => hull([...at(line[i] as Point), ...at(b)]));
}

/** The union of two grounds that may cross, on the grid: crossings become vertices first. */
function joined(first: readonly Rings[], second: readonly Rings[]): Rings[] {
  const noded = node([...first, ...second].flatMap(oriented), []).shape;
  return new Arrangement([noded]).polygons((winds) => ((winds.get(0) ?? 0) > 0 ? 1 : 0)).get(1) ?? [];
}

/** The union of grounds, by halves: each joining meets only outlines. */
function union(parts: readonly Rings[]): Rings[] {
  if (parts.length <= 1) return [...parts];
  const half = parts.length >> 1;
  return joined(union(parts.slice(0, half)), union(parts.slice(half)));
}

/**
 * The ground of a stroke, as valid polygons on the grid. The line is thinned to what the brush's size lets one see, and
 * further until its outline has at most about a thousand vertices.
 */
export function strokeOutline(points: readonly Point[], radius: number): Rings[] {
  const line = points.map(([x, y]): Point => [Math.round(x), Math.round(y)]);
  const brush = disc(Math.max(1, radius));
  for (let tolerance = Math.max(SUBPIXELS / 2, radius / 12); ; tolerance *= 2) {
    const outline = union(steps(simplify(line, tolerance), brush).map((ring) => [ring]));
    const vertices = outline.flat().reduce((sum, ring) => sum + ring.length, 0);
    if (vertices <= MAX_VERTICES || tolerance > radius / 4) return outline;
  }
}
