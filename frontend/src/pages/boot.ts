import type { Boot, Campaign } from "../api/types";
import { depthOf, type PaletteClass, withKeys } from "../domain/palette";

/** What the server put beside the page. Throws when it is missing: the page cannot work without. */
export function readBoot(): Boot {
  const text = document.querySelector("#boot")?.textContent;
  if (!text) throw new Error("The page has no #boot element");
  return JSON.parse(text) as Boot;
}

/** The classes one may draw, in the nomenclature's order, in the page's language. */
export function paletteOf(campaign: Campaign, language: Boot["language"]): PaletteClass[] {
  const named = new Map(
    campaign.nomenclature.classes.map((c) => [
      c.code,
      { code: c.code, name: c.name[language] || c.name.en, selectable: c.selectable },
    ]),
  );
  return withKeys(
    campaign.nomenclature.classes
      .filter((c) => c.selectable)
      .map((c) => ({
        code: c.code,
        name: c.name[language] || c.name.en,
        definition: c.definition[language] || c.definition.en,
        colour: c.colour,
        under: c.parent !== null && depthOf(c.code) ? named.get(c.parent) : undefined,
      })),
  );
}

/** Every class has its colour, also those one may no longer draw. */
export function coloursOf(campaign: Campaign): Map<string, string> {
  return new Map(campaign.nomenclature.classes.map((c) => [c.code, c.colour]));
}
