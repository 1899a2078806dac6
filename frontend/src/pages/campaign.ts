// The campaign page: its map of tiles, what each round brought, and a maintainer's retraining.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";
import { ReportForm } from "../overview/report-form";
import { ReportLayer } from "../overview/reports";
import { wireRetraining } from "../overview/retraining";
import { showRounds } from "../overview/rounds";
import type { ClassLook } from "../overview/vector-layer";
import { wirePanel } from "../overview/layer-panel";
import type { MapOffer } from "../overview/map-offer";
import { imageryAlone, PublicMap } from "../overview/public-map";
import { drawTileLegend, loadTiles } from "../overview/tiles";
import { type MapBoot, pageData } from "../overview/web-map";

interface CampaignBoot extends MapBoot {
  campaign: string;
  studio: string;
  open: boolean;
  maintainer: boolean;
  /** The campaign's classes by code, named in the page's language. */
  looks: Readonly<Record<string, ClassLook>>;
}

const boot = pageData<CampaignBoot>("boot");

/** Below the map's layers, to whoever reads and to whoever hears. */
function say(words: string): void {
  const said = document.getElementById("map-said");
  if (said) said.textContent = [said.textContent, words].join(" ").trim();
}

async function showTiles(map: Leaflet.Map, shown: PublicMap): Promise<Leaflet.GeoJSON | null> {
  const legend = document.getElementById("tile-legend");
  const toggle = document.getElementById("show-tiles");
  const legendBox = document.getElementById("tile-legend-box");
  if (legend) drawTileLegend(legend);
  let layer: Leaflet.GeoJSON | null = null;
  const apply = (): void => {
    const isOn = !(toggle instanceof HTMLInputElement) || toggle.checked;
    if (isOn) layer?.addTo(map);
    else layer?.remove();
    if (legendBox) legendBox.hidden = !isOn;
  };
  toggle?.addEventListener("change", apply);
  layer = await loadTiles(map, boot.campaign, boot, () => !shown.showsColours).catch(() => null);
  if (!layer) {
    say(gettext("The tiles to label could not be loaded. Reload the page to try again."));
    if (toggle instanceof HTMLInputElement) [toggle.checked, toggle.disabled] = [false, true];
  }
  apply();
  return layer;
}

/** The form to report a wrong place, which an address may open. It waits for nothing else of the page. */
function wireReportForm(map: Leaflet.Map, reports: ReportLayer): void {
  // A site may take reports from people with an account alone: then there is no form for others.
  if (!document.getElementById("report-form")) return;
  const form = new ReportForm(map, boot.campaign, reports);
  const openIfNamed = (): void => {
    if (location.hash === "#report") form.open();
  };
  window.addEventListener("hashchange", openIfNamed);
  openIfNamed();
}

async function showReports(reports: ReportLayer, map: Leaflet.Map): Promise<void> {
  const toggle = document.getElementById("show-reports");
  const apply = (): void => {
    if (toggle instanceof HTMLInputElement && !toggle.checked) reports.layer.remove();
    else reports.layer.addTo(map);
  };
  toggle?.addEventListener("change", apply);
  await reports.load(boot.campaign);
  apply();
  const wanted = new URLSearchParams(location.search).get("report");
  if (wanted) reports.show(wanted);
}

async function offered(): Promise<MapOffer> {
  const answer = await fetch(`/api/v1/campaigns/${boot.campaign}/map/`).catch(() => null);
  if (answer?.ok) return (await answer.json()) as MapOffer;
  say(gettext("The map's other layers could not be loaded. Reload the page to try again."));
  return imageryAlone(boot);
}

Object.assign(window, {
  campaignMapReady: (map: Leaflet.Map): void => {
    const shown = new PublicMap(map, boot, { classes: boot.looks, language: boot.language });
    const reports = new ReportLayer(map, (code) => boot.looks[code]?.name ?? code);
    let tiles: Leaflet.GeoJSON | null = null;
    let wasFilled = true;
    const restyle = (): void => {
      if (!tiles || wasFilled === !shown.showsColours) return;
      wasFilled = !shown.showsColours;
      tiles.resetStyle();
    };
    void offered().then((offer) => {
      wirePanel(shown, offer, { onShown: restyle });
    });
    // One after the other: reports lie above the tiles.
    void showTiles(map, shown).then((layer) => {
      tiles = layer;
      restyle(); // what the address names may have come first
      return showReports(reports, map);
    });
    const rounds = document.getElementById("rounds");
    if (rounds) void showRounds(rounds, boot.campaign, boot.language);
    wireReportForm(map, reports);
  },
});
if (boot.maintainer) wireRetraining(boot.campaign, boot.language);
