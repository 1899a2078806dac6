import { html, nothing, type TemplateResult } from "lit";
import type { Campaign, Layer } from "../api/types";
import type { Sample, SampleUnit, Seen } from "../api/sample-types";
import type { PaletteClass } from "../domain/palette";
import { asked, type Seeing } from "../domain/seen";
import { dateLocale, decimal, gettext, interpolate } from "../i18n";
import { type Device, isOnGlass } from "../map/input";
import { viewsOf } from "../map/imagery";
import { icon, swatch } from "../ui/icons";
import { languageSwitch } from "../ui/language";
import { viewWords } from "../ui/view-panel";
import type { SamplePhase } from "./sample-lane";
import type { AnswersStatus } from "./sample-outbox";
import { savedLook, savedWords } from "./validate-template";

export interface SampleState {
  notice: string;
  hand: Device;
  view: string;
}

export interface SampleActions {
  say(code: string): void;
  same(): void;
  toggleSure(): void;
  cannotTell(): void;
  takeBack(): void;
  skip(): void;
  fit(): void;
  setView(view: string): void;
  help(): void;
  send(): void;
  lookAgain(): void;
}

export interface SampleModel {
  readonly campaign: Campaign;
  readonly sample: Sample;
  /** Places whose answers differ are settled here. */
  readonly isSettling: boolean;
  readonly classes: readonly PaletteClass[];
  readonly language: "fr" | "en";
  readonly state: Readonly<SampleState>;
  readonly phase: SamplePhase;
  readonly failure: string;
  readonly status: AnswersStatus;
  readonly unit: SampleUnit | null;
  readonly seeing: Seeing;
  readonly left: number;
  readonly hasSkipped: boolean;
  readonly canTakeBack: boolean;
  readonly actions: SampleActions;
}

/** The day of an image, or its vintage where the day is not known. */
export function dateWords(layer: Layer, acquiredOn: string | null, language: string): string {
  return acquiredOn ? new Date(`${acquiredOn}T00:00:00Z`).toLocaleDateString(dateLocale(language), { dateStyle: "long", timeZone: "UTC" }) : String(layer.vintage);
}

/** What is asked, date by date. */
export function questionWords({ unit, seeing, sample, language }: Pick<SampleModel, "unit" | "seeing" | "sample" | "language">): string {
  const at = asked(seeing);
  const layer = at === null ? undefined : sample.layers[at];
  if (at === null || !layer || !unit) return "";
  const date = dateWords(layer, unit.windows[at]?.acquired_on ?? null, language);
  if (seeing.dates === 1) return gettext("What is inside the square?");
  return at === 0
    ? interpolate(gettext("What was inside the square on the first image (%(date)s)?"), { date })
    : interpolate(gettext("And on the second image (%(date)s)?"), { date });
}

function header({ campaign, sample, isSettling, status, unit, actions, language }: SampleModel): TemplateResult {
  const words = isSettling ? gettext("Settle · %(campaign)s") : gettext("Sample · %(campaign)s");
  const kept = { ...status, aside: [] };
  return html`<header class="studio-bar">
    <a class="bar-back" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`} aria-label=${gettext("Back to the campaign")}>${icon("back")}</a>
    <div class="bar-title">
      <h1>${interpolate(words, { campaign: campaign.title })}</h1>
      ${unit ? html`<p>${interpolate(gettext("Place %(n)s of %(count)s"), { n: unit.number, count: sample.units })}</p>` : nothing}
    </div>
    <p class="save-state" role="status" data-testid="save-state" data-state=${savedLook(status.state)}><span class="save-dot" aria-hidden="true"></span><span>${savedWords(kept, language)}</span></p>
    ${languageSwitch(language)}
    <div class="bar-actions">
      <button type="button" class="bar-icon" aria-label=${gettext("Keys")} data-testid="help" @click=${() => { actions.help(); }}>${icon("help")}</button>
    </div>
  </header>`;
}

function nameOf({ campaign, language }: SampleModel, code: string | null): TemplateResult {
  if (code === null) return html`${gettext("cannot tell")}`;
  const found = campaign.nomenclature.classes.find((c) => c.code === code);
  return html`${swatch(found?.colour ?? "#888888")} <span>${code} ${found?.name[language] ?? ""}</span>`;
}

/** What two people saw, side by side, under letters: whose is whose is not told. */
function differing(model: SampleModel): TemplateResult | typeof nothing {
  const answers = model.isSettling ? (model.unit?.answers ?? []) : [];
  if (answers.length === 0) return nothing;
  const row = ({ codes, sureness }: Seen, i: number): TemplateResult => html`<li>
    <b>${interpolate(gettext("Answer %(letter)s"), { letter: String.fromCharCode(65 + i) })}</b>
    ${codes.map((code, at) => html`${at > 0 ? html`<span aria-hidden="true">→</span>` : nothing} <span class="seen">${nameOf(model, code)}</span>`)}
    ${sureness === "sure" ? nothing : html`<span class="quiet">${gettext("not quite sure")}</span>`}
  </li>`;
  return html`<section class="section"><h2 class="section-title">${gettext("The answers differ")}</h2>
    <ul class="seen-list" data-testid="answers">${answers.map(row)}</ul>
    <p class="quiet">${gettext("Look yourself, then say what is there: your answer is the one that counts.")}</p></section>`;
}

function judgeCard(model: SampleModel): TemplateResult {
  const { actions, phase, seeing, sample, left, canTakeBack } = model;
  const off = phase !== "asking";
  const said = seeing.codes[0];
  return html`<section class="judge" aria-label=${gettext("Your answer")}>
    <h2 class="question" data-testid="question" tabindex="-1">${off ? "" : questionWords(model)}</h2>
    ${said === undefined || seeing.dates === 1 ? nothing : html`<p class="quiet said" data-testid="said">${gettext("First image:")} ${nameOf(model, said)}</p>`}
    <div class="judge-more">
      ${seeing.dates > 1
        ? html`<button type="button" class="same" data-testid="same" ?disabled=${off || said === undefined} aria-keyshortcuts="N" @click=${() => { actions.same(); }}>${icon("check")} <span>${gettext("Same as before")}</span> <kbd>N</kbd></button>`
        : nothing}
      <button type="button" data-testid="unsure" ?disabled=${off} aria-keyshortcuts="D" aria-pressed=${String(!seeing.isSure)} @click=${() => { actions.toggleSure(); }}>${icon("doubt")} <span>${gettext("Not quite sure")}</span> <kbd>D</kbd></button>
      <button type="button" data-testid="cannot-tell" ?disabled=${off} aria-keyshortcuts="U" @click=${() => { actions.cannotTell(); }}>${icon("unsure")} <span>${gettext("Cannot tell")}</span> <kbd>U</kbd></button>
      <button type="button" data-testid="take-back" ?disabled=${!canTakeBack} aria-keyshortcuts="Z" @click=${() => { actions.takeBack(); }}>${icon("undo")} <span>${gettext("Take back")}</span> <kbd>Z</kbd></button>
      <button type="button" data-testid="skip" ?disabled=${off} aria-keyshortcuts="S" @click=${() => { actions.skip(); }}>${icon("skip")} <span>${gettext("Later")}</span> <kbd>S</kbd></button>
    </div>
    <div class="judge-more">
      <progress max=${sample.units} value=${sample.units - left} aria-hidden="true"></progress>
      <span data-testid="progress">${interpolate(model.isSettling ? gettext("%(n)s places left to settle") : gettext("%(n)s places left for you"), { n: left })}</span>
    </div>
  </section>`;
}

function panel(model: SampleModel): TemplateResult {
  const { state, actions, classes, campaign, seeing } = model;
  return html`<aside class="sample-side" aria-label=${gettext("Classes and image")}>
    ${differing(model)}
    <div class="section">
      <sc-palette .classes=${classes} .active=${seeing.codes.at(-1) ?? ""} @class-chosen=${(event: CustomEvent<string>) => { actions.say(event.detail); }}></sc-palette>
    </div>
    <details class="section" open>
      <summary>${gettext("Image")}</summary>
      <div class="segmented" role="group" aria-label=${gettext("Imagery view")}>
        ${viewsOf(campaign.layer.bands).map((view) => html`<button type="button" data-testid=${`view-${view}`} aria-pressed=${String(view === state.view)}
          @click=${() => { actions.setView(view); }}>${viewWords(view)}</button>`)}
      </div>
      <button type="button" class="wide" @click=${() => { actions.fit(); }}>${icon("fit")} ${gettext("Back to the square")} <kbd>F</kbd></button>
    </details>
    <p class="section quiet">${gettext("Say what covers most of the square, from the image alone: no map is shown here, so that your answer can judge it.")}</p>
  </aside>`;
}

function cover(model: SampleModel): TemplateResult | typeof nothing {
  const { phase, failure, status, language, campaign, sample, isSettling, hasSkipped, actions } = model;
  const url = `/campaigns/${encodeURIComponent(campaign.slug)}/`;
  const home = html`<a class="button" href=${url}>${gettext("Back to the campaign")}</a>`;
  const settle = !isSettling && sample.may_settle ? html`<a class="button" href="?settle=1">${gettext("Settle answers that differ")}</a>` : nothing;
  if (phase === "done") {
    return html`<div class="cover" data-testid="empty"><div class="cover-card">
      <h2>${sample.closed ? gettext("This sample is closed") : isSettling ? gettext("Nothing left to settle") : gettext("You have answered every place that needed you")}</h2>
      <p>${sample.closed
        ? gettext("Its figures are computed from the answers it had.")
        : hasSkipped ? gettext("Those you left for later can be looked at again.") : gettext("Thank you. Others may still be answering: the figures come once the sample is closed.")}</p>
      <div class="button-row">${hasSkipped ? html`<button type="button" class="primary" data-testid="look-again" @click=${() => { actions.lookAgain(); }}>${gettext("Look again")}</button>` : nothing}${settle} ${home}</div>
    </div></div>`;
  }
  if (phase === "sending") {
    return html`<div class="cover" role="status" data-testid="sending"><div class="cover-card">
      <h2>${gettext("Your answers are still on their way")}</h2>
      <p>${savedWords({ ...status, aside: [] }, language)}</p>
      <p>${gettext("The next place opens by itself once they have arrived.")}</p>
      <div class="button-row"><button type="button" class="primary" @click=${() => { actions.send(); }}>${gettext("Send now")}</button> ${home}</div>
    </div></div>`;
  }
  if (phase === "failed") {
    return html`<div class="cover" role="alert"><div class="cover-card">
      <h2>${gettext("The next place could not be opened")}</h2>
      <p>${failure}</p>
      <button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button> ${home}
    </div></div>`;
  }
  return nothing;
}

function pane({ sample, unit, seeing, language, phase }: SampleModel, at: number): TemplateResult {
  const layer = sample.layers[at] as Layer;
  const date = dateWords(layer, unit?.windows[at]?.acquired_on ?? null, language);
  const title = sample.layers.length === 1 ? date : interpolate(at === 0 ? gettext("First image: %(date)s") : gettext("Second image: %(date)s"), { date });
  return html`<figure class="pane" data-asked=${phase === "asking" && asked(seeing) === at && seeing.dates > 1 ? "true" : nothing}>
    <figcaption>${title}</figcaption>
    <div class="pane-frame"><div class="map" data-pane=${at} data-testid=${at === 0 ? "map" : nothing} tabindex="0" role="application" aria-label=${title}></div></div>
  </figure>`;
}

export function sampleTemplate(model: SampleModel): TemplateResult {
  const { sample, state } = model;
  const layer = sample.layers.at(-1) as Layer;
  return html`
    ${header(model)}
    <div class="studio-main">
      <div class="validate-middle">
        <div class="map-frame">
          <div class="panes" data-dates=${sample.layers.length}>${sample.layers.map((_, at) => pane(model, at))}</div>
          <div class="notices">${state.notice ? html`<p class="notice" data-testid="notice">${state.notice}</p>` : nothing}</div>
          ${cover(model)}
        </div>
        ${judgeCard(model)}
      </div>
      ${panel(model)}
      <p class="visually-hidden" id="spoken" role="status" aria-live="polite" data-testid="spoken"></p>
    </div>
    <footer class="studio-status">
      <span class="status-hint" data-testid="hint">${isOnGlass(state.hand)
        ? gettext("One finger moves the image, two zoom")
        : sample.layers.length > 1 ? gettext("A class key for each image; N same as before, U cannot tell, Z back") : gettext("A class key answers; U cannot tell, Z back")}</span>
      <span class="status-source">${[...new Set(sample.layers.map((one) => one.attribution))].join(" · ")} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: decimal(layer.gsd_m, 3) })}</span>
    </footer>`;
}
