/** Words for people. `gettext` must keep this name: the catalogue is collected by it. */

declare global {
  interface Window {
    gettext?: (message: string) => string;
  }
}

/** The message in the page's language, or as written when no catalogue is loaded. */
export function gettext(message: string): string {
  return window.gettext ? window.gettext(message) : message;
}

/** Puts values in the places of a translated message: `interpolate(gettext("%(n)s shapes"), { n })`. */
export function interpolate(message: string, values: object): string {
  const known = new Map<string, unknown>(Object.entries(values));
  return message.replace(/%\((\w+)\)s/g, (place, name: string) => (known.has(name) ? String(known.get(name)) : place));
}

/** A share as the page's language writes it: "63%", « 63 % » with its no-break space. */
export function percent(share: number, digits = 0): string {
  return new Intl.NumberFormat(document.documentElement.lang || "en", { style: "percent", maximumFractionDigits: digits }).format(share);
}

/** A number as the page's language writes it. */
export function decimal(value: number, digits = 0): string {
  return new Intl.NumberFormat(document.documentElement.lang || "en", { maximumFractionDigits: digits }).format(value);
}

/** The locale of dates: in English, days come before months and hours are 24, as on the maps' own dates. */
export function dateLocale(language: string): string {
  return language === "en" ? "en-GB" : language;
}
