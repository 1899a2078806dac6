/** What the fast lane says, in the page's language. */

import { ApiError, NetworkError } from "../api/client";
import { refusalWords } from "../api/refusals";
import type { ValidationItem } from "../api/types";
import { edgeNeighbours } from "../domain/neighbours";
import { gettext, interpolate, percent } from "../i18n";
import { type ClassName, distinct } from "./announcer";

/** Why something did not work, and what to do. */
export function reasonWords(error: unknown, { otherPerson = false } = {}): string {
  if (otherPerson) return gettext("Another account is signed in. Sign in again as yourself in another tab.");
  if (error instanceof NetworkError) return error.message;
  // What a browser says of itself is in its own language, and in nobody's words.
  if (!(error instanceof ApiError)) return gettext("The browser could not do it. Load the page again.");
  if (error.needsSignIn) return gettext("You are signed out. Sign in again in another tab, then try again here.");
  return refusalOr(error.code, error.message, error.details)
    ?? interpolate(gettext("The server could not do it (code %(status)s). Try again in a moment."), { status: error.status });
}

/** Why an answer was not taken: in the page's own words where it has some, since the server's name a shape by its id. */
export function faultWords(code: string, message: string, details?: Readonly<Record<string, unknown>>): string {
  return refusalWords(code, undefined, details) ?? refusalOr(code, message, details) ?? gettext("The server did not take this answer.");
}

/** The refusal in the page's language; nothing where there are only words of another one. */
function refusalOr(code: string, message: string, details?: Readonly<Record<string, unknown>>): string | undefined {
  const isEnglish = document.documentElement.lang.startsWith("en");
  return refusalWords(code, isEnglish && message !== "" ? message : undefined, details);
}

/** The shape asked about, as one hears it: its class, how sure the model is, and what lies beside it. */
export function questionWords(item: ValidationItem, all: readonly ValidationItem[], n: number, name: ClassName): string {
  const said = interpolate(gettext("%(n)s of %(count)s. The model says %(class)s"), { n, count: all.length, class: name(item.class_code) });
  const sure = item.confidence === null ? "" : interpolate(gettext(", %(share)s sure"), { share: percent(item.confidence) });
  const beside = edgeNeighbours(item, all).map((one) => name(one.class_code));
  const around = beside.length > 0 ? [interpolate(gettext("Neighbours: %(names)s."), { names: distinct(beside) })] : [];
  return [`${said}${sure}.`, ...around, gettext("Is that right?")].join(" ");
}
