// Public maps in Web Mercator. Leaflet is the one that django-leaflet put on the page (window.L), never bundled here.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";

declare global {
  interface Window {
    L: typeof Leaflet;
  }
}

export type Overlay = "none" | "class" | "entropy";

export interface MapBoot {
  layer: string;
  /** Of the imagery; grows when ground is replaced. */
  version?: number;
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

/** Imagery at the bottom, one model layer over it at a time. */
export class WebMap {
  private overlay: Leaflet.TileLayer | null = null;
  private shown: Overlay = "none";
  private opacity = 0.7;

  constructor(
    readonly map: Leaflet.Map,
    private readonly boot: MapBoot,
    private prediction: number | null,
  ) {
    map.attributionControl.setPrefix("Leaflet");
    map.zoomControl.remove();
    window.L.control
      .zoom({ zoomInTitle: gettext("Zoom in"), zoomOutTitle: gettext("Zoom out") })
      .addTo(map);
    const version = (boot.version ?? 1) > 1 ? `?v=${String(boot.version)}` : "";
    window.L.tileLayer(`/imagery/${boot.layer}/web/{z}/{x}/{y}.jpg${version}`, {
      attribution: escapeText(boot.attribution),
      maxNativeZoom: 20,
      maxZoom: 22,
      bounds: boot.bounds,
    }).addTo(map);
    hideOutside(map, boot.outline);
    map.fitBounds(boot.bounds);
    map.setMinZoom(Math.max(0, map.getZoom() - 2));
  }

  setPrediction(id: number): void {
    this.prediction = id;
    this.show(this.shown);
  }

  show(overlay: Overlay): void {
    this.overlay?.remove();
    this.overlay = null;
    this.shown = overlay;
    if (overlay === "none" || this.prediction === null) return;
    this.overlay = window.L.tileLayer(`/predictions/${this.prediction}/${overlay}/web/{z}/{x}/{y}.png`, {
      opacity: this.opacity,
      maxNativeZoom: 20,
      maxZoom: 22,
      bounds: this.boot.bounds,
      className: "pixelated",
    }).addTo(this.map);
  }

  setOpacity(share: number): void {
    this.opacity = share;
    this.overlay?.setOpacity(share);
  }
}

/** Map tiles are square JPEGs, white beyond the imagery: cover that with the map's own ground. */
function hideOutside(map: Leaflet.Map, outline: [number, number][]): void {
  const pane = map.createPane("outside");
  pane.style.zIndex = "250";
  pane.style.pointerEvents = "none";
  const world: [number, number][] = [[-85, -360], [-85, 360], [85, 360], [85, -360]];
  const ground = getComputedStyle(map.getContainer()).backgroundColor;
  window.L.polygon([world, outline], {
    pane: "outside",
    // Its own renderer, or Leaflet would draw it above the tiles people click.
    renderer: window.L.svg({ pane: "outside", padding: 1 }),
    interactive: false,
    stroke: false,
    fillColor: ground,
    fillOpacity: 1,
  }).addTo(map);
}

/** Leaflet takes attribution as HTML: what people wrote must stay text. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function reveal(id: string, visible: boolean): void {
  const part = document.getElementById(id);
  if (part) part.hidden = !visible;
}

/** Wire the page's radio buttons named "overlay", its opacity slider and the legends that go with them to a map. */
export function wireOverlayControls(webMap: WebMap, onShow: (overlay: Overlay) => void = () => undefined): void {
  const show = (overlay: Overlay): void => {
    webMap.show(overlay);
    reveal("opacity-line", overlay !== "none");
    reveal("entropy-legend", overlay === "entropy");
    reveal("class-legend", overlay !== "entropy");
    onShow(overlay);
  };
  for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="overlay"]')) {
    radio.addEventListener("change", () => {
      if (radio.checked) show(radio.value as Overlay);
    });
    // A browser that comes back to the page may have kept another choice than the template's.
    if (radio.checked) show(radio.disabled ? "none" : (radio.value as Overlay));
  }
  const slider = document.getElementById("opacity");
  if (slider instanceof HTMLInputElement) {
    webMap.setOpacity(Number(slider.value) / 100);
    slider.addEventListener("input", () => {
      webMap.setOpacity(Number(slider.value) / 100);
    });
  }
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
