// What a public map can show, as the server offers it, and the layers made of that.

import { gettext, interpolate } from "../i18n";

interface Tiles {
  readonly url: string;
  readonly max_zoom: number;
}

export interface OfferedImagery extends Tiles {
  readonly layer: string;
  readonly title: string;
  readonly vintage: number;
  readonly attribution: string;
  readonly bounds: [[number, number], [number, number]];
  /** Where it lies, as latitude and longitude. */
  readonly outline: [number, number][];
}

export interface OfferedMap extends Tiles {
  readonly kind: "class" | "entropy";
  readonly layer: string;
  readonly vintage: number;
  readonly model: string;
}

/** What two maps do not share beside the ground, in the reader's language. */
export interface Difference {
  readonly says: string;
}

export interface MapOffer {
  /** The campaign's own comes first. */
  readonly imagery: readonly OfferedImagery[];
  readonly maps: readonly OfferedMap[];
  readonly change: (Tiles & { readonly from: number; readonly to: number; readonly differences?: readonly Difference[] }) | null;
  /** Where the maps of two vintages name another class; `page` is that of the pair, where they are paired. */
  readonly disagreement?: (Tiles & { readonly from: number; readonly to: number; readonly page: string | null }) | null;
  /** The model's map as polygons; null where none are made yet. */
  readonly polygons: (Tiles & { readonly polygons: number }) | null;
  /** Null on pages of what is fixed, such as a release. */
  readonly labels: (Tiles & { readonly first_polygon_zoom: number; readonly tiles: number; readonly compared_tiles: number }) | null;
}

export type LayerKind = "imagery" | "class" | "entropy" | "polygons" | "change" | "disagreement" | "labels" | "agreement";

/** A layer of the map. Those drawn later lie above. */
export interface MapLayer {
  /** Its name in addresses. */
  readonly key: string;
  readonly kind: LayerKind;
  readonly name: string;
  readonly tiles: Tiles | null;
  /** Why there is nothing to show yet; "" when there is. */
  readonly missing: string;
  /** The imagery that belongs below it. */
  readonly vintage: number;
  readonly opacity: number;
  readonly on: boolean;
}

/** The layers of a map, from the ground up: the campaign's own imagery is on, and its classes where `showClasses` says so. */
export function layersOf(offer: MapOffer, { showClasses = false } = {}): MapLayer[] {
  const own = offer.imagery[0]?.vintage ?? 0;
  const several = offer.imagery.length > 1;
  const dated = (name: string, vintage: number): string =>
    several ? interpolate(gettext("%(name)s (%(year)s)"), { name, year: vintage }) : name;
  const imagery = [...offer.imagery].reverse().map((one): MapLayer => ({
    key: keyOf("imagery", one.vintage, own), kind: "imagery", name: dated(gettext("Imagery"), one.vintage),
    tiles: one, missing: "", vintage: one.vintage, opacity: 1, on: one.vintage === own,
  }));
  const maps = (["class", "entropy"] as const).flatMap((kind) => mapsOf(offer, kind, own, dated, showClasses));
  const { change } = offer;
  return [
    ...imagery,
    ...maps,
    polygonLayer(offer, own),
    {
      key: "change", kind: "change", vintage: own, opacity: 0.9, on: false, tiles: change,
      name: change ? interpolate(gettext("Later class where the maps of %(from)s and %(to)s differ"), change) : gettext("Later class where the maps of two vintages differ"),
      missing: change ? "" : gettext("It takes a map of an earlier vintage of this ground."),
    },
    disagreementLayer(offer, own),
    ...labelLayers(offer, own),
  ];
}

function disagreementLayer({ disagreement = null }: MapOffer, own: number): MapLayer {
  const name = gettext("Where the maps of %(from)s and %(to)s disagree");
  return {
    key: "disagreement", kind: "disagreement", vintage: own, opacity: 0.9, on: false, tiles: disagreement,
    name: disagreement ? interpolate(name, disagreement) : gettext("Where the maps of two vintages disagree"),
    missing: disagreement ? "" : gettext("It takes maps of two vintages of this ground."),
  };
}

function polygonLayer({ polygons, maps }: MapOffer, own: number): MapLayer {
  const missing = maps.length ? gettext("No polygons are made of this map yet.") : gettext("No model has drawn a map yet.");
  return {
    key: "polygons", kind: "polygons", name: gettext("Polygons of the map"), vintage: own, opacity: 0.7, on: false,
    tiles: polygons, missing: polygons ? "" : missing,
  };
}

function labelLayers({ labels }: MapOffer, own: number): MapLayer[] {
  if (!labels) return [];
  return [
    {
      key: "labels", kind: "labels", name: gettext("What people have labelled"), vintage: own, opacity: 0.7, on: false,
      tiles: labels.tiles ? labels : null, missing: labels.tiles ? "" : gettext("No label is accepted yet."),
    },
    {
      key: "agreement", kind: "agreement", name: gettext("How far people agree"), vintage: own, opacity: 0.7, on: false,
      tiles: labels.compared_tiles ? labels : null,
      missing: labels.compared_tiles ? "" : gettext("No tile has been labelled by several people yet."),
    },
  ];
}

function mapsOf(
  offer: MapOffer, kind: "class" | "entropy", own: number, dated: (name: string, vintage: number) => string, showClasses: boolean,
): MapLayer[] {
  const name = kind === "class" ? gettext("What the model sees") : gettext("Where the model doubts");
  const opacity = kind === "class" ? 0.7 : 1; // doubt is the more transparent the less there is of it
  const found = offer.maps.filter((one) => one.kind === kind);
  if (!found.length) {
    const missing = gettext("No model has drawn a map yet.");
    return [{ key: kind, kind, name, tiles: null, missing, vintage: own, opacity, on: false }];
  }
  return [...found].reverse().map((one) => ({
    key: keyOf(kind, one.vintage, own), kind, name: dated(name, one.vintage), tiles: one, missing: "", vintage: one.vintage,
    opacity, on: showClasses && kind === "class" && one.vintage === own,
  }));
}

/** The campaign's own vintage has the short name. */
function keyOf(kind: LayerKind, vintage: number, own: number): string {
  return vintage === own ? kind : `${kind}-${vintage}`;
}
