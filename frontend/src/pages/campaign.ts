// The campaign page: its map of tiles, what each round brought, and a maintainer's retraining.

import type * as Leaflet from "leaflet";
import { ReportForm } from "../overview/report-form";
import { ReportLayer } from "../overview/reports";
import { wireRetraining } from "../overview/retraining";
import { showRounds } from "../overview/rounds";
import { drawTileLegend, loadTiles } from "../overview/tiles";
import { type MapBoot, pageData, WebMap, wireOverlayControls } from "../overview/web-map";

interface CampaignBoot extends MapBoot {
  campaign: string;
  studio: string;
  open: boolean;
  maintainer: boolean;
  /** Names of the campaign's classes, in the page's language. */
  classes: Readonly<Record<string, string>>;
}

const boot = pageData<CampaignBoot>("boot");

async function showTiles(map: Leaflet.Map): Promise<void> {
  const legend = document.getElementById("tile-legend");
  const toggle = document.getElementById("show-tiles");
  const legendBox = document.getElementById("tile-legend-box");
  if (legend) drawTileLegend(legend);
  const layer = await loadTiles(map, boot.campaign, boot);
  if (!layer || !(toggle instanceof HTMLInputElement)) return;
  const apply = (): void => {
    if (toggle.checked) layer.addTo(map);
    else layer.remove();
    if (legendBox) legendBox.hidden = !toggle.checked;
  };
  toggle.addEventListener("change", apply);
  apply();
}

async function showReports(map: Leaflet.Map): Promise<void> {
  const reports = new ReportLayer(map, (code) => boot.classes[code] ?? code);
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

async function showFigures(webMap: WebMap): Promise<void> {
  const place = document.getElementById("rounds");
  if (!place) return;
  const prediction = await showRounds(place, boot.campaign, boot.language);
  if (prediction === null) return;
  webMap.setPrediction(prediction);
  for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="overlay"]')) radio.disabled = false;
}

Object.assign(window, {
  campaignMapReady: (map: Leaflet.Map): void => {
    const webMap = new WebMap(map, boot, null);
    wireOverlayControls(webMap);
    // One after the other: reports lie above the tiles.
    void showTiles(map).then(() => showReports(map));
    void showFigures(webMap);
  },
});
if (boot.maintainer) wireRetraining(boot.campaign, boot.language);
