/**
 * Two versions of one tile, drawn apart, put together place by place.
 *
 * Shapes that share ground, or an id, are one place: what is chosen in one place never meets what is chosen in another,
 * so that any choice is a coverage and nothing has to be cut.
 */

import { type Feature, sameFeature } from "./draft";
import { overlaps } from "./overlap";

/** Who changed the place since the base; without a base, who has shapes there that the other has not. */
export type PlaceKind = "only mine" | "only theirs" | "both changed" | "same";
export type Side = "mine" | "theirs";

export interface Place {
  readonly kind: PlaceKind;
  readonly mine: readonly Feature[];
  readonly theirs: readonly Feature[];
}

function byId(features: readonly Feature[]): Map<string, Feature> {
  return new Map(features.map((f) => [f.id, f]));
}

function sameSet(a: readonly Feature[], b: readonly Feature[]): boolean {
  const others = byId(b);
  return a.length === b.length && a.every((f) => { const other = others.get(f.id); return other !== undefined && sameFeature(f, other); });
}

/** The features of one list without those that the other holds as they are. */
function without(features: readonly Feature[], others: ReadonlyMap<string, Feature>): Feature[] {
  return features.filter((f) => { const other = others.get(f.id); return !other || !sameFeature(f, other); });
}

/** Groups of positions that are linked, by union and find. */
class Groups {
  private readonly parents: number[];

  constructor(size: number) {
    this.parents = Array.from({ length: size }, (_, i) => i);
  }

  find(i: number): number {
    let root = i;
    for (let up = this.parents[root]; up !== undefined && up !== root; up = this.parents[root]) root = up;
    this.parents[i] = root;
    return root;
  }

  join(a: number, b: number): void {
    this.parents[this.find(a)] = this.find(b);
  }
}

function meets(a: Feature, b: Feature): boolean {
  return a.id === b.id || overlaps(a.rings, b.rings);
}

function kindOf(mine: readonly Feature[], theirs: readonly Feature[], base: readonly Feature[] | null): PlaceKind {
  if (base === null) {
    if (theirs.length === 0) return "only mine";
    return mine.length === 0 ? "only theirs" : "both changed";
  }
  const there = [...mine, ...theirs];
  const was = base.filter((f) => there.some((other) => meets(f, other)));
  if (sameSet(mine, was)) return "only theirs";
  return sameSet(theirs, was) ? "only mine" : "both changed";
}

/** Every place of the two versions: those that differ first, then what is the same, one shape each. */
export function compareVersions(mine: readonly Feature[], theirs: readonly Feature[], base: readonly Feature[] | null): Place[] {
  const [ours, others] = [without(mine, byId(theirs)), without(theirs, byId(mine))];
  const groups = new Groups(ours.length + others.length);
  ours.forEach((f, i) => {
    others.forEach((other, j) => { if (meets(f, other)) groups.join(i, ours.length + j); });
  });
  const places = new Map<number, { mine: Feature[]; theirs: Feature[] }>();
  const placeOf = (i: number): { mine: Feature[]; theirs: Feature[] } => {
    const root = groups.find(i);
    let place = places.get(root);
    if (!place) places.set(root, (place = { mine: [], theirs: [] }));
    return place;
  };
  ours.forEach((f, i) => placeOf(i).mine.push(f));
  others.forEach((f, j) => placeOf(ours.length + j).theirs.push(f));
  const changed = new Set(ours);
  return [
    ...[...places.values()].map((place): Place => ({ ...place, kind: kindOf(place.mine, place.theirs, base) })),
    ...mine.filter((f) => !changed.has(f)).map((f): Place => ({ kind: "same", mine: [f], theirs: [f] })),
  ];
}

/** What stays unless the person says otherwise: whoever changed the place; one's own where both did. */
export function usualChoice(place: Place): Side {
  return place.kind === "only theirs" ? "theirs" : "mine";
}

/** The features that go on: of each place, those of the chosen side. */
export function mergeChosen(places: readonly Place[], choices: readonly Side[]): Feature[] {
  return places.flatMap((place, i) => (choices[i] === "theirs" ? place.theirs : place.mine));
}
