/** What the page says where two dates are compared, in its language. */

import type { ChangeCell, ChangeKind, ChangeRound, ChangeWhy } from "../api/change";
import { type Chosen, saidOf, wantedOf } from "../domain/change";
import { dateLocale, decimal, gettext, interpolate, percent } from "../i18n";

export type NameOf = (code: string) => string;

/** The years of the two dates, or their days where both are of one year. */
export interface Dates {
  readonly first: string;
  readonly second: string;
}

/** A day as the page's language writes it: "12 July 2019". */
export function dayWords(day: string | null, language: string): string {
  if (day === null) return gettext("day not known");
  return new Date(`${day}T00:00:00Z`).toLocaleDateString(dateLocale(language), { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}

/** What a button is called. */
export function kindWords(kind: ChangeKind, { first, second }: Dates): string {
  switch (kind) {
    case "unchanged": return gettext("Nothing changed");
    case "changed": return gettext("It changed");
    case "first_wrong": return interpolate(gettext("%(date)s was wrong"), { date: first });
    case "second_wrong": return interpolate(gettext("%(date)s is wrong"), { date: second });
    case "unsure": return gettext("Cannot tell");
  }
}

/** What an answer will say of this place, or what it will ask. */
export function effectWords(cell: ChangeCell, kind: ChangeKind, chosen: Chosen, { first, second }: Dates, name: NameOf): string {
  if (kind === "unsure") return gettext("somebody else looks");
  const wanted = wantedOf(cell, kind, chosen);
  if (wanted !== null) return kind === "changed" && wanted === "second" ? gettext("then say into what") : gettext("then say what is right");
  const said = saidOf(cell, kind, chosen);
  switch (kind) {
    case "unchanged": return interpolate(gettext("copy: %(class)s"), { class: name(said.second_code) });
    case "changed": return interpolate(gettext("%(before)s became %(after)s"), { before: name(said.first_code), after: name(said.second_code) });
    case "first_wrong": return interpolate(gettext("in %(date)s it was %(class)s"), { date: first, class: name(said.first_code) });
    case "second_wrong": return interpolate(gettext("in %(date)s it is %(class)s"), { date: second, class: name(said.second_code) });
  }
}

/** The question, as one hears it. */
export function questionWords(cell: ChangeCell, place: { readonly n: number; readonly of: number }, dates: Dates, name: NameOf): string {
  const said = (code: string): string => (code === "" ? gettext("not known") : name(code));
  return [
    interpolate(gettext("Place %(n)s of %(of)s, %(area)s m²."), { ...place, area: decimal(cell.area_m2) }),
    interpolate(gettext("%(first)s: %(before)s. %(second)s: %(after)s."), { first: dates.first, before: said(cell.first_code), second: dates.second, after: said(cell.second_code) }),
    gettext("What happened here?"),
  ].join(" ");
}

/** Why this place is asked about. */
export function whyWords(cell: ChangeCell, why: ChangeWhy, source: ChangeRound["source"]): string {
  if (why.is_control) {
    return interpolate(gettext("Drawn at random, with a probability of %(share)s: it shows how often something changes where nothing seems to."), { share: percent(why.probability, 1) });
  }
  const parts = [source === "maps"
    ? interpolate(gettext("The two maps differ here (score %(score)s)."), { score: decimal(cell.score, 2) })
    : cell.second_code === "" ? gettext("This ground is labelled at the earlier date and not at the later one.") : gettext("People labelled the two dates differently here.")];
  if (cell.doubt !== null) parts.push(interpolate(gettext("The models' doubt here is %(share)s of the largest possible."), { share: percent(cell.doubt) }));
  return parts.join(" ");
}
