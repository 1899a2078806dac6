// The controls of a public map: what is shown, how clear, side by side, and a link to the same view.

import { gettext, interpolate, percent } from "../i18n";
import type { MapLayer, MapOffer } from "./map-offer";
import { formatView, parseView } from "./permalink";
import type { PublicMap } from "./public-map";
import { AGREEMENT_STEPS } from "./vector-layer";
import { element } from "./web-map";

/** How long the map must rest before its address is written. */
const REST_MS = 300;
const OF_CLASSES = new Set(["class", "polygons", "labels", "change"]);

/** Wires the page's elements to a map once the server has said what it can show. */
export function wirePanel(map: PublicMap, offer: MapOffer, options: { showClasses?: boolean; onShown?: () => void } = {}): void {
  map.take(offer, options);
  const named = parseView(location.hash);
  if (named) map.apply(named);
  const place = document.getElementById("map-layers");
  const refresh = (): void => {
    if (place) refreshRows(place, map);
    showLegends(map);
    refreshCompare(map);
    options.onShown?.();
  };
  if (place) place.replaceChildren(...rowsInOrder(map.layers).map((layer) => row(layer, map)));
  const steps = document.getElementById("agreement-steps");
  if (steps) drawAgreementLegend(steps);
  tellDifferences(offer);
  wireCompare(map);
  followAddress(map, refresh);
  wireLink(map);
  refresh();
}

const ORDER = ["class", "polygons", "entropy", "labels", "agreement", "change", "disagreement", "imagery"];

/** By what they are, imagery last, and each newest first. */
export function rowsInOrder(layers: readonly MapLayer[]): MapLayer[] {
  return [...layers].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || b.vintage - a.vintage);
}

function row(layer: MapLayer, map: PublicMap): HTMLElement {
  const box = element("div", "", { class: "layer-row" });
  const id = `layer-${layer.key}`;
  const checkbox = element("input", "", { type: "checkbox", id, "data-layer": layer.key });
  const label = element("label");
  label.append(checkbox, element("span", layer.name));
  box.append(label);
  if (layer.missing) {
    checkbox.disabled = true;
    checkbox.setAttribute("aria-describedby", `${id}-why`);
    box.append(element("p", layer.missing, { class: "soft small", id: `${id}-why` }));
    return box;
  }
  const name = interpolate(gettext("Opacity of “%(layer)s”"), { layer: layer.name });
  const slider = element("input", "", { type: "range", min: "0", max: "100", step: "5", "aria-label": name, "data-opacity": layer.key });
  const line = element("div", "", { class: "slide" });
  line.append(element("span", gettext("Opacity"), { "aria-hidden": "true" }), slider);
  checkbox.addEventListener("change", () => {
    map.set(layer.key, { on: checkbox.checked });
  });
  slider.addEventListener("input", () => {
    map.set(layer.key, { opacity: Number(slider.value) / 100 });
  });
  box.append(line);
  return box;
}

function refreshRows(place: HTMLElement, map: PublicMap): void {
  for (const checkbox of place.querySelectorAll<HTMLInputElement>("input[data-layer]")) {
    const layer = map.layerOf(checkbox.dataset.layer ?? "");
    const shown = map.shown.get(checkbox.dataset.layer ?? "");
    if (!layer || !shown) continue;
    checkbox.checked = shown.on && !layer.missing;
    const slider = place.querySelector<HTMLInputElement>(`input[data-opacity="${layer.key}"]`);
    if (!slider) continue;
    slider.value = String(Math.round(shown.opacity * 100));
    slider.setAttribute("aria-valuetext", `${slider.value} %`);
    if (slider.parentElement) slider.parentElement.hidden = !shown.on;
  }
}

/** Kinds of the layers that one sees now. */
function kindsSeen(map: PublicMap): Set<string> {
  const { compared } = map;
  const seen = compared
    ? [map.layerOf(compared.left), map.layerOf(compared.right)]
    : map.layers.filter((layer) => layer.tiles && map.shown.get(layer.key)?.on);
  return new Set(seen.flatMap((layer) => (layer ? [layer.kind] : [])));
}

function showLegends(map: PublicMap): void {
  const seen = kindsSeen(map);
  const reveal = (id: string, visible: boolean): void => {
    const part = document.getElementById(id);
    if (part) part.hidden = !visible;
  };
  reveal("entropy-legend", seen.has("entropy"));
  reveal("agreement-legend", seen.has("agreement"));
  reveal("change-legend", seen.has("change"));
  reveal("disagreement-legend", seen.has("disagreement"));
  const others = seen.has("entropy") || seen.has("agreement") || seen.has("disagreement");
  reveal("class-legend", !others || [...seen].some((kind) => OF_CLASSES.has(kind)));
}

/** Says, wherever two vintages' maps are compared, what else than the ground they do not share. */
export function tellDifferences(offer: MapOffer): void {
  const differences = offer.change?.differences ?? [];
  for (const box of document.querySelectorAll<HTMLElement>("[data-what-differs]")) {
    box.hidden = !differences.length;
    box.querySelector("ul")?.replaceChildren(...differences.map(({ says }) => element("li", says)));
  }
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[data-pair-page]")) {
    const page = offer.disagreement?.page;
    link.hidden = !page || page === location.pathname;
    if (page) link.href = page;
  }
}

/** Colours of agreement, the highest first. */
export function drawAgreementLegend(list: HTMLElement): void {
  const steps = AGREEMENT_STEPS.map(([low, colour], at) => ({ low, high: AGREEMENT_STEPS[at + 1]?.[0] ?? 100, colour }));
  list.replaceChildren(
    ...steps.reverse().map(({ low, high, colour }) => {
      const item = element("li");
      const swatch = element("span", "", { class: "swatch", "aria-hidden": "true" });
      swatch.style.background = colour;
      item.append(swatch, interpolate(gettext("%(low)s to %(high)s"), { low: percent(low / 100), high: percent(high / 100) }));
      return item;
    }),
  );
}

function sides(): [HTMLInputElement, HTMLSelectElement, HTMLSelectElement] | null {
  const [toggle, left, right] = ["compare-on", "compare-left", "compare-right"].map((id) => document.getElementById(id));
  const found = toggle instanceof HTMLInputElement && left instanceof HTMLSelectElement && right instanceof HTMLSelectElement;
  return found ? [toggle, left, right] : null;
}

function wireCompare(map: PublicMap): void {
  const found = sides();
  if (!found) return;
  const [toggle, left, right] = found;
  const offered = map.layers.filter((layer) => layer.tiles);
  toggle.disabled = offered.length < 2;
  for (const side of [left, right]) {
    side.replaceChildren(...rowsInOrder(offered).map((layer) => element("option", layer.name, { value: layer.key })));
  }
  // The first thing one wants to know of a map: what is on the ground there, or what was.
  const imagery = offered.filter((layer) => layer.kind === "imagery").map((layer) => layer.key);
  left.value = imagery.length > 1 ? (imagery[0] ?? "") : "imagery";
  right.value = imagery.length > 1 ? "imagery" : (offered.find((layer) => layer.kind !== "imagery")?.key ?? "");
  const apply = (): void => {
    map.compare(toggle.checked ? { left: left.value, right: right.value } : null);
  };
  for (const control of found) control.addEventListener("change", apply);
}

function refreshCompare(map: PublicMap): void {
  const found = sides();
  if (!found) return;
  const [toggle, left, right] = found;
  toggle.checked = map.compared !== null;
  if (map.compared) [left.value, right.value] = [map.compared.left, map.compared.right];
  const box = document.getElementById("compare-sides");
  if (box) box.hidden = !toggle.checked;
  const note = document.getElementById("compare-note");
  if (note) note.hidden = !toggle.checked;
}

/** Keeps the address after the # and the map the same, from the first move on. */
function followAddress(map: PublicMap, refresh: () => void): void {
  let waiting = 0;
  let written = location.hash;
  const write = (): void => {
    written = formatView(map.view());
    history.replaceState(history.state, "", written);
  };
  const soon = (): void => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(write, REST_MS);
  };
  map.changed = () => {
    refresh();
    soon();
  };
  // Leaflet settles before anybody has moved anything.
  window.setTimeout(() => map.map.on("moveend", soon), REST_MS);
  window.addEventListener("hashchange", () => {
    const view = location.hash === written ? null : parseView(location.hash);
    if (view) map.apply(view);
  });
}

function wireLink(map: PublicMap): void {
  const button = document.getElementById("copy-view");
  if (button instanceof HTMLButtonElement) button.disabled = false;
  const said = document.getElementById("copy-said");
  button?.addEventListener("click", () => {
    const address = location.href.replace(/#.*/, "") + formatView(map.view());
    history.replaceState(history.state, "", address);
    const tell = (text: string): void => {
      if (said) said.textContent = text;
    };
    // Without leave to write to the clipboard, the address bar has it.
    const copied = navigator.clipboard?.writeText(address) ?? Promise.reject(new Error("no clipboard"));
    copied.then(
      () => {
        tell(gettext("Copied: the link opens this view."));
      },
      () => {
        tell(gettext("Copy the address of this page: it opens this view."));
      },
    );
  });
}
