// What pages with a public map share. Leaflet is the one that django-leaflet put on the page (window.L), never bundled here.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";

declare global {
  interface Window {
    L: typeof Leaflet;
  }
}

export interface MapBoot {
  layer: string;
  /** Of the imagery's files: browsers keep map tiles of a version for good. */
  version: string;
  bounds: [[number, number], [number, number]];
  /** Where there is imagery, as latitude and longitude. */
  outline: [number, number][];
  attribution: string;
  language: string;
}

/** Parse the JSON that the page carries in an element; throws when the element is missing, which is a template's fault. */
export function pageData<T>(id: string): T {
  const element = document.getElementById(id);
  if (!element?.textContent) throw new Error(`the page has no #${id}`);
  return JSON.parse(element.textContent) as T;
}

/** Leaflet takes attribution as HTML: what people wrote must stay text. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** An element with text and attributes; text is text, never markup. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  text = "",
  attributes: Record<string, string> = {},
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export function formatNumber(value: number | null, digits: number, language: string): string {
  if (value === null) return gettext("not measured");
  return value.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
