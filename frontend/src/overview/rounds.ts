// What each round brought: two charts and a table.

import { gettext, interpolate } from "../i18n";
import { type ChartPoint, drawAtWidth, pointChart } from "./chart";
import { element, formatNumber } from "./web-map";

export interface Round {
  number: number;
  labelled_tiles: number | null;
  model_version: string;
  /** The model that was trained before the round, published or not. */
  candidate: string | null;
  holdout_miou: number | null;
  mean_entropy_nats: number | null;
  promoted: boolean | null;
}

export interface TrainedModel {
  version: string;
  number: number;
  state: "candidate" | "promoted" | "held" | "rejected" | "retired";
  training_tiles: number;
  /** Where it comes from, when it was not trained here. */
  origin: { title: Readonly<Record<string, string>>; variant: string; attribution: string; licence: string } | null;
  /** Imported weights may be published before there is anything to judge them by. */
  judged: boolean;
  miou: number | null;
  miou_low: number | null;
  miou_high: number | null;
  prediction: number | null;
}

async function listOf<T>(url: string): Promise<T[] | null> {
  const answer = await fetch(url);
  return answer.ok ? ((await answer.json()) as T[]) : null;
}

/** What is said of a published model that comes from elsewhere; null of one that was trained here. */
export function importedNote(models: readonly TrainedModel[], campaign: string, language: string): HTMLElement | null {
  const published = models.find((model) => model.state === "promoted");
  if (!published?.origin) return null;
  const { title, variant, attribution, licence } = published.origin;
  const source = `${title[language] ?? title["en"] ?? ""} ${variant}`;
  const values = { model: published.version, source, attribution, licence };
  const words = interpolate(gettext("%(model)s was not trained here: it comes from %(source)s (%(attribution)s, %(licence)s)."), values);
  const note = element("p", `${words} `);
  if (!published.judged) {
    note.append(element("strong", gettext("It is not judged yet: nothing is known of how good it is here. A maintainer published it so that people have a start.")), " ");
  }
  note.append(element("a", gettext("All about this model"), { href: modelAddress(campaign, published.version) }));
  return note;
}

export function modelPoints(models: readonly TrainedModel[], language: string): ChartPoint[] {
  return models
    .filter((model): model is TrainedModel & { miou: number } => model.miou !== null)
    .sort((a, b) => a.number - b.number)
    .map((model) => ({
      x: model.training_tiles,
      y: model.miou,
      low: model.miou_low,
      high: model.miou_high,
      muted: model.state !== "promoted" && model.state !== "retired",
      title: interpolate(gettext("%(model)s: %(miou)s, between %(low)s and %(high)s"), {
        model: model.version,
        miou: formatNumber(model.miou, 2, language),
        low: formatNumber(model.miou_low, 2, language),
        high: formatNumber(model.miou_high, 2, language),
      }),
    }));
}

export function doubtPoints(rounds: readonly Round[], language: string): ChartPoint[] {
  return rounds
    .filter((round): round is Round & { mean_entropy_nats: number } => round.mean_entropy_nats !== null)
    .map((round) => ({
      x: round.labelled_tiles ?? 0,
      y: round.mean_entropy_nats,
      title: interpolate(gettext("Round %(round)s: %(nats)s nats"), {
        round: round.number,
        nats: formatNumber(round.mean_entropy_nats, 2, language),
      }),
    }));
}

function figure(caption: string, points: ChartPoint[], language: string, top?: number): HTMLElement {
  const box = element("figure");
  const place = element("div");
  box.append(element("figcaption", caption), place);
  const common = { description: caption, xTitle: gettext("labelled tiles"), language };
  drawAtWidth(place, (width) => pointChart(points, top === undefined ? { ...common, width } : { ...common, width, top }));
  return box;
}

function modelAddress(campaign: string, version: string): string {
  return `/campaigns/${campaign}/models/${version}/`;
}

function modelLink(campaign: string, version: string | null): HTMLElement {
  const cell = element("td");
  if (version) {
    const link = element("a", "", { href: modelAddress(campaign, version) });
    link.append(element("code", version));
    cell.append(link);
  }
  return cell;
}

function roundsTable(rounds: readonly Round[], campaign: string, language: string): HTMLElement {
  const table = element("table");
  const head = element("tr");
  const titles = [
    gettext("round"),
    gettext("labelled tiles"),
    gettext("mean IoU on control tiles"),
    gettext("mean doubt (nats)"),
    gettext("new model published"),
    gettext("new model"),
  ];
  titles.forEach((title, index) => {
    head.append(element("th", title, { scope: "col", class: index && index < titles.length - 1 ? "number" : "" }));
  });
  const headGroup = element("thead");
  headGroup.append(head);
  const body = element("tbody");
  for (const round of [...rounds].reverse()) {
    const row = element("tr");
    row.append(
      element("th", String(round.number), { scope: "row" }),
      element("td", (round.labelled_tiles ?? 0).toLocaleString(language), { class: "number" }),
      element("td", formatNumber(round.holdout_miou, 2, language), { class: "number" }),
      element("td", formatNumber(round.mean_entropy_nats, 2, language), { class: "number" }),
      element("td", round.promoted ? gettext("yes") : gettext("no, the earlier one stays"), { class: "number" }),
      modelLink(campaign, round.candidate),
    );
    body.append(row);
  }
  table.append(headGroup, body);
  const scroll = element("div", "", { class: "scroll" });
  scroll.append(table);
  return scroll;
}

/** Fill the place with the campaign's rounds. */
export async function showRounds(place: HTMLElement, campaign: string, language: string): Promise<void> {
  const [rounds, models] = await Promise.all([
    listOf<Round>(`/api/v1/campaigns/${campaign}/rounds/`),
    listOf<TrainedModel>(`/api/v1/campaigns/${campaign}/models/`),
  ]);
  if (rounds === null || models === null) {
    place.replaceChildren(element("p", gettext("The rounds could not be loaded. Reload the page to try again.")));
    return;
  }
  const trained = rounds.filter((round) => round.promoted !== null);
  const quality = modelPoints(models, language);
  const imported = importedNote(models, campaign, language);
  if (trained.length === 0 && quality.length === 0) {
    if (imported) {
      place.replaceChildren(imported);
      return;
    }
    place.replaceChildren(
      element("p", gettext("No model yet: it is trained once enough tiles have been accepted."), { class: "soft" }),
    );
    return;
  }
  const charts = element("div", "", { class: "charts" });
  if (quality.length) charts.append(figure(gettext("Mean IoU on control tiles"), quality, language, 1));
  if (trained.length) charts.append(figure(gettext("Mean doubt of the model (nats)"), doubtPoints(trained, language), language));
  place.replaceChildren(...(imported ? [imported] : []), charts);
  if (quality.some((point) => point.muted)) {
    place.append(
      element("p", gettext("A hollow point is a model that was not published."), { class: "soft small" }),
    );
  }
  if (trained.length) place.append(roundsTable(trained, campaign, language));
}
