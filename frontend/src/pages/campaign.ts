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

async function showTiles(map: Leaflet.Map, shown: PublicMap): Promise<Leaflet.GeoJSON | null> {
  const legend = document.getElementById("tile-legend");
  const toggle = document.getElementById("show-tiles");
  const legendBox = document.getElementById("tile-legend-box");
  if (legend) drawTileLegend(legend);
  const layer = await loadTiles(map, boot.campaign, boot, () => !shown.showsColours);
  if (!layer || !(toggle instanceof HTMLInputElement)) return layer;
  const apply = (): void => {
    if (toggle.checked) layer.addTo(map);
    else layer.remove();
    if (legendBox) legendBox.hidden = !toggle.checked;
  };
  toggle.addEventListener("change", apply);
  apply();
  return layer;
}

async function showReports(map: Leaflet.Map): Promise<void> {
  const reports = new ReportLayer(map, (code) => boot.looks[code]?.name ?? code);
  const toggle = document.getElementById("show-reports");
  const apply = (): void => {
    if (toggle instanceof HTMLInputElement && !toggle.checked) reports.layer.remove();
    else reports.layer.addTo(map);
  };
  toggle?.addEventListener("change", apply);
  // A site may take reports from people with an account alone: then there is no form for others.
  if (document.getElementById("report-form")) {
    const form = new ReportForm(map, boot.campaign, reports);
    if (location.hash === "#report") form.open();
  }
  await reports.load(boot.campaign);
  apply();
  const wanted = new URLSearchParams(location.search).get("report");
  if (wanted) reports.show(wanted);
}

async function offered(): Promise<MapOffer> {
  const answer = await fetch(`/api/v1/campaigns/${boot.campaign}/map/`).catch(() => null);
  if (answer?.ok) return (await answer.json()) as MapOffer;
  const said = document.getElementById("map-said");
  if (said) said.textContent = gettext("The map's other layers could not be loaded. Reload the page to try again.");
  return imageryAlone(boot);
}

Object.assign(window, {
  campaignMapReady: (map: Leaflet.Map): void => {
    const shown = new PublicMap(map, boot, { classes: boot.looks, language: boot.language });
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
      return showReports(map);
    });
    const rounds = document.getElementById("rounds");
    if (rounds) void showRounds(rounds, boot.campaign, boot.language);
  },
});
if (boot.maintainer) wireRetraining(boot.campaign, boot.language);
