import { BoxIndex } from "../boxindex";
import { CommandRefused } from "../command-refused";
import { layAgain } from "../coverage";
import { type Action, type Draft, draftOf, edited, type Feature, newFeatureId } from "../draft";
import {
  type Box,
  boxesMeet,
  boxOf,
  cachedBox,
  cross,
  doubleArea,
  locate,
  type Point,
  type Ring,
  type Rings,
  samePoint,
} from "../geometry";
import { node } from "../noding";
import { overlaps } from "../overlap";
import { Boundary } from "../planar";

interface Edge {
  readonly a: Point;
  readonly b: Point;
  readonly box: Box;
}

/** The line on the grid. What goes on beyond a tile's side from the tile is brought nearer: it cuts nothing there. */
function onGrid(line: Ring, side: number): Ring {
  const bounded = (v: number): number => Math.min(Math.max(Math.round(v), -side), 2 * side);
  const points = line.map(([x, y]): Point => [bounded(x), bounded(y)]);
  return points.filter((p, i) => i === 0 || !samePoint(p, points[i - 1] as Point));
}

/** The parts of the line that pass near one of the features, each there and back as a ring without ground. */
function thereAndBack(line: Ring, features: readonly Feature[]): Rings {
  const parts: Point[][] = [];
  let reaches = false;
  for (const [i, b] of line.slice(1).entries()) {
    const a = line[i] as Point;
    const box = boxOf([[a, b]]);
    const near = features.some((f) => boxesMeet(cachedBox(f.rings), box, 1));
    if (near && reaches) parts[parts.length - 1]?.push(b);
    else if (near) parts.push([a, b]);
    reaches = near;
  }
  return parts.map((part) => [...part, ...part.slice(1, -1).reverse()]);
}

/** Each edge of noded lines once, whichever way it is passed. */
function edgesOf(rings: Rings): Edge[] {
  const found = new Map<string, Edge>();
  for (const ring of rings) {
    ring.forEach((p, i) => {
      const q = ring[(i + 1) % ring.length] as Point;
      if (samePoint(p, q)) return;
      const [a, b] = p[0] < q[0] || (p[0] === q[0] && p[1] < q[1]) ? [p, q] : [q, p];
      found.set(`${a}:${b}`, { a, b, box: boxOf([[a, b]]) });
    });
  }
  return [...found.values()];
}

/** Whether noding moved an outline: a vertex put where an edge already ran does not. */
function isBent(rings: Rings, noded: Rings): boolean {
  return rings.some((ring, r) => {
    const after = noded[r] ?? [];
    let i = 0;
    return after.some((p) => {
      if (i < ring.length && samePoint(p, ring[i] as Point)) {
        i += 1;
        return false;
      }
      return cross(ring[i - 1] as Point, ring[i % ring.length] as Point, p) !== 0;
    });
  });
}

/** The edges that run inside a polygon. */
function within(edges: readonly Edge[], rings: Rings): Edge[] {
  const box = cachedBox(rings);
  return edges.filter(
    (edge) => boxesMeet(edge.box, box) && locate([(edge.a[0] + edge.b[0]) / 2, (edge.a[1] + edge.b[1]) / 2], rings) === 1,
  );
}

/** A feature's ground in parts along the lines, the largest first. */
function partsOf(rings: Rings, lines: readonly Edge[]): Rings[] {
  const boundary = new Boundary().add(rings);
  for (const { a, b } of lines) boundary.addWall(a, b);
  return boundary.polygons().sort((a, b) => doubleArea(b) - doubleArea(a));
}

function named(feature: Feature, parts: readonly Rings[]): Feature[] {
  return parts.map((rings, i) => ({ ...feature, id: i === 0 ? feature.id : newFeatureId(), rings }));
}

/**
 * Rounding may turn a strip thinner than a unit over onto its neighbour: of two shapes that meet so, the one bent is
 * laid again.
 */
function settled(draft: Draft, bent: readonly Feature[]): Draft {
  if (bent.length === 0) return draft;
  const all = [...draft.features.values()].map((f) => f.rings);
  const index = new BoxIndex(all);
  const meeting = bent.filter(({ rings }) =>
    [...index.near(cachedBox(rings))].some((i) => all[i] !== rings && overlaps(rings, all[i] as Rings)),
  );
  return meeting.length === 0 ? draft : layAgain(draft, meeting);
}

/**
 * Cuts shapes along an open line: only those of `ids`, or all that it crosses. The largest part of a shape keeps its
 * id. The line cuts where it passes from border to border; where it ends within a shape, or follows a border, it does
 * nothing. Refused "line_crosses_nothing".
 */
export function split(line: Ring, ids: readonly string[] | null): Action {
  return (draft) => {
    const features = [...draft.features.values()];
    const chosen = ids ? new Set(ids) : null;
    const asked = chosen ? features.filter((f) => chosen.has(f.id)) : features;
    const noded = node(thereAndBack(onGrid(line, draft.side), asked), features.map((f) => f.rings));
    const edges = edgesOf(noded.shape);
    const bent: Feature[] = [];
    let cuts = 0;
    const all = features.flatMap((feature, i): Feature[] => {
      const rings = noded.others.get(i) ?? feature.rings;
      const lines = (chosen?.has(feature.id) ?? true) ? within(edges, rings) : [];
      const parts = lines.length > 0 ? partsOf(rings, lines) : [];
      const isCut = parts.length > 1;
      if (isCut) cuts += 1;
      const moved = rings !== feature.rings && isBent(feature.rings, rings);
      if (!isCut && !moved) return [feature];
      const left = isCut ? named(edited(feature), parts) : named(feature, partsOf(rings, []));
      if (moved) bent.push(...left);
      return left;
    });
    if (cuts === 0) throw new CommandRefused("line_crosses_nothing");
    return settled(draftOf(draft.side, all), bent);
  };
}
