// A plan of a sample as the server answers it, and its numbers as the page writes them.

import { gettext } from "../i18n";

export type PlanSource = "counted" | "earlier_sample" | "holdout" | "assumed" | "given";

export interface SamplePlan {
  places: number;
  overall_half: number;
  strata: readonly {
    code: string;
    share_from: PlanSource;
    accuracy_from: PlanSource;
    places: number;
    accuracy_half: number;
    area_half_ha: number;
  }[];
}

const LEFT_OUT = new Set(["csrfmiddlewaretoken", "draw", "plan", "count"]);
const DIGITS = 3; // of what has no interval of its own
const MOST_DECIMALS = 4; // of a hectare: a square metre

/** What is typed in the form, as a query of the API. */
export function planQuery(typed: FormData, pair: string): string {
  const query = new URLSearchParams();
  typed.forEach((value, name) => {
    if (!LEFT_OUT.has(name) && typeof value === "string") query.append(name, value);
  });
  if (pair) query.append("pair", pair);
  return query.toString();
}

/** Percentage points with one decimal. */
export function accuracyText(share: number, language: string): string {
  return (100 * share).toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** Three digits, and all of the whole ones. */
export function hectaresText(value: number, language: string): string {
  const decimals = value > 0 ? Math.min(MOST_DECIMALS, Math.max(0, DIGITS - 1 - Math.floor(Math.log10(value)))) : 0;
  return value.toLocaleString(language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** Where an expectation comes from. */
export function sourceWords(source: PlanSource): string {
  switch (source) {
    case "counted": return gettext("counted on the map");
    case "earlier_sample": return gettext("seen in the last sample");
    case "holdout": return gettext("measured on control tiles");
    case "assumed": return gettext("assumed");
    case "given": return gettext("as you typed");
  }
}
