/** The scene one practises on, drawn by platform/demo/practice.py: its picture, classes, model's draft and right answer. */

import type { Assignment, Campaign, ModelDraft, ModelFeature, NomenclatureClass } from "../api/types";
import { gettext } from "../i18n";
import given from "./scene.json";

export const SEALED = "CS1.1.1.2";
export const BUILT = "CS1.1.1.1";
export const WATER = "CS1.2.2";
export const WOOD = "CS2.1.1.1";
export const GRASS = "CS2.2.1";

/** What is where on the tile: one letter a square of `sample_px` pixels, row by row. */
export const ANSWER: readonly string[] = given.answer;
export const SAMPLE_PX = given.sample_px;

export type Letter = "p" | "w" | "r" | "h" | "b" | ".";

/** The class that each letter of the answer stands for: pond, wood, road, houses, barn, open ground. */
export const CLASS_OF: Readonly<Record<Letter, string>> = { p: WATER, w: WOOD, r: SEALED, h: BUILT, b: BUILT, ".": GRASS };

const MODEL = "practice";
const SLUG = "practice";

/** Where the files lie that belong to the scene. */
export const fileUrl = (name: string): string => `${import.meta.env.BASE_URL}practice/${name}`;

/** Every address of the picture, so that it can be had before the network goes. */
export function pictureUrls(): string[] {
  const places = [0, 1].flatMap((z) => [...Array(1 << z).keys()].flatMap((x) => [...Array(1 << z).keys()].map((y) => `${z}/${x}/${y}`)));
  return places.map((place) => fileUrl(`${place}.jpg`));
}

export function practiceCampaign(): Campaign {
  return {
    slug: SLUG,
    title: gettext("Practice tile"),
    tile_px: given.tile_px,
    my_role: null,
    layer: {
      slug: SLUG,
      title: gettext("Drawn for practice"),
      vintage: "",
      acquired_on: null,
      gsd_m: given.gsd_m,
      width: given.picture_px,
      height: given.picture_px,
      bands: ["R", "G", "B"],
      native_max_zoom: 1,
      map_version: "practice",
      licence: "",
      attribution: "Solcommun",
      tiles_url: fileUrl("{z}/{x}/{y}.jpg"),
    },
    nomenclature: { code: given.nomenclature, version: given.version, classes: given.classes as readonly NomenclatureClass[] },
  };
}

/** A fresh tile to practise on. */
export function practiceAssignment(id: string): Assignment {
  return {
    lease: null,
    tile: { id, row: 0, col: 0, tile_px: given.tile_px, origin_px: [given.origin_px, given.origin_px], gsd_m: given.gsd_m },
    why: null,
    annotation: { version: 0, state: "new", features: [], saved_at: null, review: null },
    draft_available: true,
    blind: false,
    other_vintages: false,
  };
}

export const modelDraft: ModelDraft = { model_version: MODEL, features: given.draft as unknown as readonly ModelFeature[] };
