/**
 * The rule of a coverage: one class per place, and a later shape takes the ground from earlier ones.
 *
 * Everything stays on the integer grid: edges are noded first (noding.ts), then faces are chosen (arrangement.ts), so
 * that results have the vertices they were given and share their borders exactly.
 */

import { Arrangement, oriented, type Winds } from "./arrangement";
import { BoxIndex } from "./boxindex";
import { type Draft, edited, type Feature, featureOf, newFeatureId } from "./draft";
import { type Box, boxesMeet, boxOf, clipToSquare, doubleArea, doubleSignedArea, locate, type Point, type Rings } from "./geometry";
import { node } from "./noding";

interface Indexed {
  readonly features: readonly Feature[];
  readonly rings: readonly Rings[];
  readonly index: BoxIndex;
}

const indexed = new WeakMap<ReadonlyMap<string, Feature>, Indexed>();

function indexOf(draft: Draft): Indexed {
  let found = indexed.get(draft.features);
  if (!found) {
    const features = [...draft.features.values()];
    const rings = features.map((f) => f.rings);
    found = { features, rings, index: new BoxIndex(rings) };
    indexed.set(draft.features, found);
  }
  return found;
}

/** A shape on its own, as valid polygons: loops and self-crossings resolved, nothing thinner than the grid. */
export function resolve(rings: Rings): Rings[] {
  const noded = node(rings, []).shape.map((ring): Rings => [ring]);
  const isGround = (winds: Winds): boolean => winds.has(0) && winds.size === 1;
  return new Arrangement(noded).polygons((winds) => (isGround(winds) ? 1 : 0)).get(1) ?? [];
}

/** What a shape covers of the tile, as valid polygons. */
function cleaned(rings: Rings, side: number): Rings[] {
  const onGrid = rings.map((ring) => ring.map(([x, y]): Point => [Math.round(x), Math.round(y)]));
  const [exterior, ...holes] = onGrid.map((ring) => clipToSquare(ring, side));
  if (!exterior || exterior.length < 3) return [];
  return resolve([exterior, ...holes.filter((hole) => hole.length >= 3)]);
}

/** What any of several shapes covers of the tile. */
export function united(shapes: readonly Rings[], side: number): Rings[] {
  const parts = shapes.flatMap((rings) => cleaned(rings, side));
  if (shapes.length < 2 || parts.length < 2) return parts;
  const noded = node(parts.flatMap(oriented), []).shape;
  return new Arrangement([noded]).polygons((winds) => ((winds.get(0) ?? 0) > 0 ? 1 : 0)).get(1) ?? [];
}

/** The face of the shape laid; features that meet it are 1, 2, … */
const SHAPE = -1;

const isInShape = (winds: Winds): boolean => (winds.get(0) ?? 0) > 0;

/** A shape noded into the draft, with the features it meets. */
class Meeting {
  /** Features that meet the shape, or whose border noding moved, or that lie where it moved one. */
  private readonly met: number[];
  /** Features that the shape covers without touching their border. */
  readonly covered: Feature[] = [];
  private readonly rings: Rings[];
  private readonly bent: ReadonlySet<number>;
  private readonly all: Indexed;
  private readonly arrangement: Arrangement;

  /** `spares`: what the shape covers is not `covered` but met as well. */
  constructor(
    private readonly draft: Draft,
    shape: readonly Rings[],
    spares = false,
  ) {
    this.all = indexOf(draft);
    const noded = node(shape.flatMap(oriented), this.all.rings, this.all.index);
    const met = new Set(noded.others.keys());
    for (const bend of noded.bends) for (const place of this.all.index.near(bend)) met.add(place);
    this.findMet(noded.shape, met);
    if (spares) for (const feature of this.covered.splice(0)) met.add(this.all.features.indexOf(feature));
    this.met = [...met].sort((a, b) => a - b);
    this.rings = this.met.map((place) => noded.others.get(place) ?? (this.all.rings[place] as Rings));
    this.bent = new Set(this.met.flatMap((place, i) => (noded.bent.has(place) ? [i + 1] : [])));
    this.arrangement = new Arrangement([noded.shape, ...this.rings.map(oriented)]);
  }

  private findMet(shape: Rings, met: Set<number>): void {
    const keyOf = ([x, y]: Point): number => x * 65536 + y;
    const corners = new Set(shape.flatMap((ring) => ring.map(keyOf)));
    for (const ring of shape) {
      const start = ring[0];
      if (!start) continue;
      for (const place of this.all.index.near(boxOf([[start]]))) {
        if (locate(start, this.all.rings[place] as Rings) === 1) met.add(place);
      }
    }
    for (const place of this.all.index.near(boxOf(shape))) {
      if (met.has(place)) continue;
      const rings = this.all.rings[place] as Rings;
      if (rings.some((ring) => ring.some((point) => corners.has(keyOf(point))))) met.add(place);
      else if (locate(rings[0]?.[0] as Point, shape) === 1) this.covered.push(this.all.features[place] as Feature);
    }
  }

  /** The feature of that number. */
  feature(number: number): Feature {
    return this.all.features[this.met[number - 1] as number] as Feature;
  }

  /** A feature's place on its border, on the grid or half-way. */
  borderPoint(number: number): Point {
    const [a, b] = this.rings[number - 1]?.[0] as unknown as [Point, Point];
    return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  }

  get numbers(): number[] {
    return this.met.map((_, i) => i + 1);
  }

  /**
   * The feature that has a face; 0 for none. Rounding may turn a strip thinner than a unit over onto a neighbour: of
   * two that meet so, the one whose border was bent gives way.
   */
  owner(winds: Winds): number {
    const owners = [...winds].filter(([source, n]) => source > 0 && n > 0).map(([source]) => source);
    return owners.find((source) => !this.bent.has(source)) ?? owners[0] ?? 0;
  }

  /** The features whose ground the shape overlaps or shares an edge with. */
  neighbours(): Set<number> {
    const found = new Set<number>();
    for (const [a, b] of this.arrangement.borders()) {
      if (!isInShape(a) && !isInShape(b)) continue;
      for (const number of [this.owner(a), this.owner(b)]) if (number > 0) found.add(number);
    }
    return found;
  }

  /** Whether the shape shares ground with a feature. */
  overlaps(): boolean {
    return [...this.arrangement.borders()].flat().some((winds) => isInShape(winds) && this.owner(winds) > 0);
  }

  polygons(labelOf: (winds: Winds) => number): Map<number, Rings[]> {
    return this.arrangement.polygons(labelOf);
  }

  /** What features become that are left with these parts: themselves when they lost nothing. */
  private left(number: number, parts: readonly Rings[]): Feature[] {
    const feature = this.feature(number);
    const area = parts.reduce((sum, rings) => sum + doubleArea(rings), 0);
    const before = oriented(this.rings[number - 1] as Rings).reduce((sum, ring) => sum + doubleSignedArea(ring), 0);
    if (area === before && !this.bent.has(number)) return [feature];
    const kept = area === before ? feature : edited(feature);
    return parts.map((rings, i) => ({ ...kept, id: i === 0 ? feature.id : newFeatureId(), rings }));
  }

  /**
   * The draft with the features that meet the shape made anew from their parts, save those of `gone`, and with
   * others added last. The same draft when that changes nothing.
   */
  settle(parts: ReadonlyMap<number, readonly Rings[]>, gone: Iterable<Feature>, added: readonly Feature[]): Draft {
    const leaving = new Set(gone);
    const features = new Map(this.draft.features);
    let changed = leaving.size > 0 || added.length > 0;
    for (const number of this.numbers) {
      const feature = this.feature(number);
      if (leaving.has(feature)) continue;
      const left = this.left(number, parts.get(number) ?? []);
      if (left[0] === feature) continue;
      changed = true;
      if (left.length === 0) features.delete(feature.id);
      for (const part of left) features.set(part.id, part);
    }
    for (const { id } of leaving) features.delete(id);
    for (const feature of added) {
      features.delete(feature.id);
      features.set(feature.id, feature);
    }
    return changed ? { side: this.draft.side, features } : this.draft;
  }
}

/** Features of the parts of a shape; the first keeps its id. */
function parted(feature: Feature, parts: readonly Rings[]): Feature[] {
  return parts.map((rings, i) => ({ ...feature, id: i === 0 ? feature.id : newFeatureId(), rings }));
}

/** Lays a feature over the draft. Outside the tile it is cut; what it covers is taken from the others. */
export function lay(draft: Draft, feature: Feature): Draft {
  const shape = cleaned(feature.rings, draft.side);
  if (shape.length === 0) return draft;
  const meeting = new Meeting(draft, shape);
  const parts = meeting.polygons((winds) => (isInShape(winds) ? SHAPE : meeting.owner(winds)));
  return meeting.settle(parts, meeting.covered, parted(feature, parts.get(SHAPE) ?? []));
}

/** Takes features out of the draft and lays them again, changed: the last one wins where they meet. */
export function layAgain(draft: Draft, changed: readonly Feature[]): Draft {
  const features = new Map(draft.features);
  for (const { id } of changed) features.delete(id);
  return changed.reduce(lay, { side: draft.side, features } as Draft);
}

/** Makes the ground of shapes unlabelled, of one feature only when `within` names it. */
export function erase(draft: Draft, shapes: readonly Rings[], within: string | null): Draft {
  let ground = united(shapes, draft.side);
  if (within !== null) ground = inside(ground, [featureOf(draft, within).rings])[0] ?? [];
  if (ground.length === 0) return draft;
  const meeting = new Meeting(draft, ground);
  const isErased = (number: number): boolean => within === null || meeting.feature(number).id === within;
  const parts = meeting.polygons((winds) => {
    const owner = meeting.owner(winds);
    return owner > 0 && isInShape(winds) && isErased(owner) ? 0 : owner;
  });
  return meeting.settle(parts, within === null ? meeting.covered : [], []);
}

/**
 * What each of some polygons, which do not overlap, has of a ground: pieces that are each connected, the largest first, and
 * do not overlap either. Where an outline crosses the border of the ground it is cut on the grid, rounded once for all that
 * share the place; where rounding turned one over onto another, the one whose outline moved gives way.
 */
export function inside(ground: readonly Rings[], polygons: readonly Rings[]): Rings[][] {
  const index = new BoxIndex(polygons);
  const noded = node(ground.flatMap(oriented), polygons, index);
  const borders = noded.shape.flatMap((ring) => ring.map((a, i) => boxOf([[a, ring[(i + 1) % ring.length] as Point]])));
  const ringsOf = (place: number): Rings => noded.others.get(place) ?? (polygons[place] as Rings);
  const comeFirst = (place: number, box: Box): Rings[] =>
    [...index.near(box)].filter((other) => (noded.bent.has(other) ? other < place : other !== place)).map(ringsOf);
  return polygons.map((_, place) => {
    const rings = ringsOf(place);
    const box = boxOf(rings);
    const isBent = noded.bent.has(place);
    if (!isBent && !borders.some((border) => boxesMeet(border, box))) {
      return ground.some((one) => locate(rings[0]?.[0] as Point, one) === 1) ? [rings] : [];
    }
    const near = noded.shape.filter((ring) => boxesMeet(boxOf([ring]), box));
    const others = isBent ? comeFirst(place, box) : [];
    const all = new Arrangement([near, oriented(rings), ...others.map(oriented)]);
    const isOwn = (winds: Winds): boolean => (winds.get(1) ?? 0) > 0 && ![...winds].some(([source, n]) => source > 1 && n > 0);
    return all.polygons((winds) => (isInShape(winds) && isOwn(winds) ? 1 : 0)).get(1) ?? [];
  });
}

/** The ground of shapes that nothing labels, as polygons that are each connected, on the grid, the largest first. */
export function bareGround(draft: Draft, shapes: readonly Rings[]): Rings[] {
  const ground = united(shapes, draft.side);
  if (ground.length === 0) return [];
  const meeting = new Meeting(draft, ground, true);
  return meeting.polygons((winds) => (isInShape(winds) && meeting.owner(winds) === 0 ? 1 : 0)).get(1) ?? [];
}

/**
 * Gives the ground of shapes a class. It joins features of that class which it overlaps or shares an edge with (of
 * segments: only those made of segments); the largest of these keeps its id, and `feature.id` is for ground that joins
 * none.
 */
export function paint(draft: Draft, shapes: readonly Rings[], feature: Omit<Feature, "rings">): Draft {
  const ground = united(shapes, draft.side);
  if (ground.length === 0) return draft;
  const meeting = new Meeting(draft, ground);
  const joins = (other: Feature): boolean =>
    other.class_code === feature.class_code && (feature.provenance !== "segment" || other.provenance === "segment");
  const joined = new Set([...meeting.neighbours()].filter((number) => joins(meeting.feature(number))));
  const parts = meeting.polygons((winds) => {
    const owner = meeting.owner(winds);
    return isInShape(winds) || joined.has(owner) ? SHAPE : owner;
  });
  const members = [...joined].map((number) => ({ feature: meeting.feature(number), at: meeting.borderPoint(number) }));
  const made = named(feature, parts.get(SHAPE) ?? [], members);
  return meeting.settle(parts, [...meeting.covered, ...members.map((m) => m.feature)], made);
}

/** Painted polygons as features: each is its largest member, grown, or new where it has none. */
function named(
  painted: Omit<Feature, "rings">,
  polygons: readonly Rings[],
  members: readonly { feature: Feature; at: Point }[],
): Feature[] {
  const left = new Set(members);
  let isFirst = true;
  return polygons.map((rings): Feature => {
    const own = [...left].filter(({ at }) => locate(at, rings) >= 0).sort((a, b) => doubleArea(b.feature.rings) - doubleArea(a.feature.rings));
    for (const member of own) left.delete(member);
    const largest = own[0]?.feature;
    if (largest) {
      if (own.length === 1 && doubleArea(rings) === doubleArea(largest.rings)) return largest;
      return { ...(painted.provenance === "segment" ? largest : edited(largest)), rings };
    }
    const id = isFirst ? painted.id : newFeatureId();
    isFirst = false;
    return { ...painted, id, rings };
  });
}

/** Lays a suggestion where nothing is labelled yet. One that lost ground by it is no longer as it was suggested. */
export function takeFree(draft: Draft, feature: Feature): Draft {
  if (draft.features.has(feature.id)) return draft;
  const shape = cleaned(feature.rings, draft.side);
  if (shape.length === 0) return draft;
  const meeting = new Meeting(draft, shape, true);
  const parts = meeting.polygons((winds) => meeting.owner(winds) || (isInShape(winds) ? SHAPE : 0));
  const isWhole = shape.length === 1 && doubleArea(shape[0] as Rings) === doubleArea(feature.rings) && !meeting.overlaps();
  return meeting.settle(parts, [], parted(isWhole ? feature : edited(feature), parts.get(SHAPE) ?? []));
}
