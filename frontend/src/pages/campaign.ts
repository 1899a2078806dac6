// The campaign page: its map of tiles, and what each round brought.

import type * as Leaflet from "leaflet";
import { gettext, interpolate } from "../i18n";
import { lineChart } from "../overview/chart";
import {
  element,
  formatNumber,
  type MapBoot,
  pageData,
  WebMap,
  wireOverlayControls,
} from "../overview/web-map";

interface CampaignBoot extends MapBoot {
  campaign: string;
  studio: string;
}

interface TileProperties {
  id: number;
  row: number;
  col: number;
  state: "open" | "submitted" | "sent_back" | "accepted" | "unusable";
  priority: number | null;
  role: "pool" | "control";
}

interface Round {
  number: number;
  labelled_tiles: number | null;
  function: string;
  model_version: string;
  holdout_miou: number | null;
  mean_entropy_nats: number | null;
  promoted: boolean | null;
  prediction: number | null;
}

const STATES: Record<TileProperties["state"], { colour: string; name: string }> = {
  open: { colour: "#ffffff", name: gettext("to do") },
  submitted: { colour: "#f0b429", name: gettext("waiting for review") },
  sent_back: { colour: "#e5484d", name: gettext("sent back") },
  accepted: { colour: "#30a46c", name: gettext("accepted") },
  unusable: { colour: "#8d8d8d", name: gettext("unusable imagery") },
};
const CONTROL_COLOUR = "#3b82f6";

const boot = pageData<CampaignBoot>("boot");
let webMap: WebMap | null = null;

function tileStyle(properties: TileProperties): Leaflet.PathOptions {
  const control = properties.role === "control";
  const waiting = properties.state === "open";
  const doubt = waiting && properties.priority !== null ? 0.08 + 0.5 * Math.min(properties.priority / 1.5, 1) : 0.06;
  return {
    color: control ? CONTROL_COLOUR : waiting ? "#ffffff" : STATES[properties.state].colour,
    weight: control ? 2 : 1,
    dashArray: control ? "4 3" : "",
    fillColor: waiting && !control ? "#d6409f" : STATES[properties.state].colour,
    fillOpacity: waiting ? (control ? 0.05 : doubt) : 0.4,
  };
}

function tilePopup(properties: TileProperties): HTMLElement {
  const box = element("div");
  box.append(
    element("strong", interpolate(gettext("Tile row %(row)s, column %(col)s"), { row: properties.row, col: properties.col })),
    element("p", properties.role === "control" ? gettext("Control tile: it judges the model.") : STATES[properties.state].name),
  );
  if (properties.priority !== null && properties.role === "pool") {
    box.append(
      element(
        "p",
        interpolate(gettext("Doubt of the model: %(score)s nats"), {
          score: formatNumber(properties.priority, 2, boot.language),
        }),
      ),
    );
  }
  if (properties.role === "pool" && properties.state !== "accepted" && properties.state !== "unusable") {
    box.append(element("a", gettext("Label this tile"), { href: `${boot.studio}?tile=${properties.id}` }));
  }
  return box;
}

async function loadTiles(map: Leaflet.Map): Promise<void> {
  const answer = await fetch(`/api/v1/campaigns/${boot.campaign}/tiles.geojson`);
  if (!answer.ok) return;
  const layer = window.L.geoJSON<TileProperties>(await answer.json(), {
    style: (feature) => (feature ? tileStyle(feature.properties) : {}),
    onEachFeature: (feature, path) => {
      path.bindPopup(() => tilePopup(feature.properties));
    },
  }).addTo(map);
  const toggle = document.getElementById("show-tiles");
  if (toggle instanceof HTMLInputElement) {
    toggle.addEventListener("change", () => (toggle.checked ? layer.addTo(map) : layer.remove()));
  }
}

function drawLegend(): void {
  const list = document.getElementById("tile-legend");
  if (!list) return;
  const entries = [
    { colour: "#d6409f", name: gettext("to do (darker: more doubt)") },
    STATES.submitted,
    STATES.sent_back,
    STATES.accepted,
    { colour: CONTROL_COLOUR, name: gettext("control tile") },
  ];
  for (const { colour, name } of entries) {
    const item = element("li");
    const swatch = element("span", "", { class: "swatch", "aria-hidden": "true" });
    swatch.style.background = colour;
    item.append(swatch, name);
    list.append(item);
  }
}

function roundsTable(rounds: Round[]): HTMLElement {
  const table = element("table");
  const head = element("tr");
  const titles = [
    gettext("round"),
    gettext("labelled tiles"),
    gettext("mean IoU on control tiles"),
    gettext("mean doubt (nats)"),
    gettext("published"),
  ];
  titles.forEach((title, index) => head.append(element("th", title, { scope: "col", class: index ? "number" : "" })));
  const headGroup = element("thead");
  headGroup.append(head);
  const body = element("tbody");
  for (const round of rounds) {
    const row = element("tr");
    row.append(
      element("td", String(round.number)),
      element("td", String(round.labelled_tiles ?? 0), { class: "number" }),
      element("td", formatNumber(round.holdout_miou, 3, boot.language), { class: "number" }),
      element("td", formatNumber(round.mean_entropy_nats, 3, boot.language), { class: "number" }),
      element("td", round.promoted ? gettext("yes") : gettext("no, the earlier model stays"), { class: "number" }),
    );
    body.append(row);
  }
  table.append(headGroup, body);
  const scroll = element("div", "", { class: "scroll" });
  scroll.append(table);
  return scroll;
}

async function loadRounds(): Promise<void> {
  const place = document.getElementById("rounds");
  if (!place) return;
  const answer = await fetch(`/api/v1/campaigns/${boot.campaign}/rounds/`);
  if (!answer.ok) {
    place.replaceChildren(element("p", gettext("The rounds could not be loaded. Reload the page to try again.")));
    return;
  }
  const all = (await answer.json()) as Round[];
  const trained = all.filter((round) => round.holdout_miou !== null || round.mean_entropy_nats !== null);
  if (trained.length === 0) {
    place.replaceChildren(
      element("p", gettext("No model yet: it is trained once enough tiles have been accepted."), { class: "soft" }),
    );
    return;
  }
  place.replaceChildren(
    lineChart(
      trained.map((round) => String(round.number)),
      [
        { name: gettext("mean IoU"), values: trained.map((round) => round.holdout_miou), kind: "first" },
        { name: gettext("doubt"), values: trained.map((round) => round.mean_entropy_nats), kind: "second" },
      ],
      gettext("Mean IoU on control tiles and mean doubt of the model, by round"),
    ),
    roundsTable(trained),
  );
  const prediction = trained.map((round) => round.prediction).findLast((id) => id !== null);
  if (prediction !== undefined && prediction !== null) {
    webMap?.setPrediction(prediction);
    for (const radio of document.querySelectorAll<HTMLInputElement>('input[name="overlay"]')) radio.disabled = false;
  }
}

function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

interface JobState {
  id: string;
  state: string;
  progress: number;
  message: string;
  error: string;
}

async function followJob(job: JobState, show: (text: string) => void): Promise<void> {
  let latest = job;
  while (latest.state === "queued" || latest.state === "running") {
    show(`${Math.round(100 * latest.progress)} % ${latest.message}`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const answer = await fetch(`/api/v1/jobs/${job.id}/`);
    if (!answer.ok) return;
    latest = (await answer.json()) as JobState;
  }
  show(latest.state === "succeeded" ? gettext("Trained. Reload to see the new round.") : latest.error || latest.state);
}

function wireRetraining(): void {
  const button = document.getElementById("retrain");
  const state = document.getElementById("retrain-state");
  if (!(button instanceof HTMLButtonElement) || !state) return;
  const show = (text: string): void => {
    state.textContent = text;
  };
  button.addEventListener("click", () => {
    button.disabled = true;
    show(gettext("Starting…"));
    void (async () => {
      const answer = await fetch(`/api/v1/campaigns/${boot.campaign}/training-runs/`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: "{}",
      });
      const body = (await answer.json()) as { job?: JobState; error?: { message: string } };
      if (body.job) await followJob(body.job, show);
      else show(body.error?.message ?? gettext("The training could not be started. Try again in a moment."));
      button.disabled = false;
    })();
  });
}

Object.assign(window, {
  campaignMapReady: (map: Leaflet.Map): void => {
    webMap = new WebMap(map, boot, null);
    wireOverlayControls(webMap);
    drawLegend();
    void loadTiles(map);
    void loadRounds();
  },
});
wireRetraining();
