// A territory's page: its map within its boundary, and the page made ready for paper.

import type * as Leaflet from "leaflet";
import type { GeoJsonObject } from "geojson";
import { gettext } from "../i18n";
import { wirePanel } from "../overview/layer-panel";
import type { MapOffer } from "../overview/map-offer";
import { imageryAlone, PublicMap } from "../overview/public-map";
import type { ClassLook } from "../overview/vector-layer";
import { type MapBoot, pageData } from "../overview/web-map";

interface TerritoryBoot extends MapBoot {
  campaign: string;
  looks: Readonly<Record<string, ClassLook>>;
  boundary: GeoJsonObject;
}

/** Pictures that have not come by then are left out of the print. */
const PRINT_WAITS_MS = 4000;

const boot = pageData<TerritoryBoot>("boot");

async function offered(): Promise<MapOffer> {
  const answer = await fetch(`/api/v1/campaigns/${boot.campaign}/map/`).catch(() => null);
  if (answer?.ok) return (await answer.json()) as MapOffer;
  const said = document.getElementById("map-said");
  if (said) said.textContent = gettext("The map's other layers could not be loaded. Reload the page to try again.");
  return imageryAlone(boot);
}

/** The boundary, in two strokes that are seen on dark and on light ground; returns what it holds. */
function drawBoundary(map: Leaflet.Map): Leaflet.LatLngBounds {
  const line = (color: string, weight: number): Leaflet.GeoJSON =>
    window.L.geoJSON(boot.boundary, { interactive: false, style: { color, weight, fill: false, className: "territory-boundary" } });
  line("#ffffff", 5).addTo(map);
  return line("#0b1218", 2).addTo(map).getBounds();
}

/** The ground that the map is about: where the boundary and the imagery meet, else the boundary. */
function groundOf(boundary: Leaflet.LatLngBounds): Leaflet.LatLngBounds {
  const imagery = window.L.latLngBounds(boot.bounds);
  if (!imagery.intersects(boundary)) return boundary;
  return window.L.latLngBounds(
    [Math.max(imagery.getSouth(), boundary.getSouth()), Math.max(imagery.getWest(), boundary.getWest())],
    [Math.min(imagery.getNorth(), boundary.getNorth()), Math.min(imagery.getEast(), boundary.getEast())],
  );
}

/** Resolves once every picture of the map has come, or has had its time. */
async function pictures(map: Leaflet.Map): Promise<void> {
  const started = performance.now();
  const waits = (): boolean => [...map.getContainer().querySelectorAll<HTMLImageElement>("img.leaflet-tile")].some((tile) => !tile.complete);
  do await new Promise((resolve) => setTimeout(resolve, 150));
  while (waits() && performance.now() - started < PRINT_WAITS_MS);
}

/** Paper has a width of its own: the map is laid out for it, with every fold open, and put back afterwards. */
function wirePrint(map: Leaflet.Map, ground: Leaflet.LatLngBounds, ready: Promise<unknown>): void {
  const canvas = map.getContainer().parentElement;
  let opened: HTMLDetailsElement[] = [];
  const lay = (): void => {
    canvas?.style.setProperty("width", "680px");
    canvas?.style.setProperty("height", "400px");
    map.invalidateSize({ animate: false });
    map.fitBounds(ground, { animate: false });
    // Asked twice, it keeps what it opened.
    opened.push(...document.querySelectorAll<HTMLDetailsElement>("main details:not([open])"));
    for (const fold of opened) fold.open = true;
    for (const link of document.querySelectorAll<HTMLAnchorElement>(".territory .panel li a[href]")) link.dataset.address = link.href;
  };
  const restore = (): void => {
    canvas?.style.removeProperty("width");
    canvas?.style.removeProperty("height");
    map.invalidateSize({ animate: false });
    for (const fold of opened) fold.open = false;
    opened = [];
  };
  window.addEventListener("beforeprint", lay);
  window.addEventListener("afterprint", restore);
  const button = document.getElementById("print");
  let isAsked = false;
  button?.addEventListener("click", () => {
    if (isAsked) return;
    isAsked = true;
    void ready.catch(() => undefined).then(() => {
      lay();
      return pictures(map);
    }).then(() => {
      isAsked = false;
      restore(); // what is asked for now is the browser's own, which lays the page out again
      window.print();
    });
  });
}

Object.assign(window, {
  territoryMapReady: (map: Leaflet.Map): void => {
    const shown = new PublicMap(map, boot, { classes: boot.looks, language: boot.language });
    const ground = groundOf(drawBoundary(map));
    map.setMinZoom(0);
    map.fitBounds(ground);
    const ready = offered().then((offer) => {
      wirePanel(shown, offer, { showClasses: true });
    });
    wirePrint(map, ground, ready);
  },
});
