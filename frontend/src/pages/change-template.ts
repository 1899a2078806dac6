import { html, nothing, type TemplateResult } from "lit";
import type { ChangeAnswer, ChangeCell, ChangeDesk as DeskBody, ChangeKind, ChangeRound } from "../api/change";
import type { Campaign } from "../api/types";
import { CHANGE_KINDS, type Chosen, excludedOf, isOffered, type Wanted } from "../domain/change";
import type { PaletteClass } from "../domain/palette";
import { decimal, gettext, interpolate, percent } from "../i18n";
import { icon, type IconName, swatch } from "../ui/icons";
import { languageSwitch } from "../ui/language";
import { viewWords } from "../ui/view-panel";
import type { Asked, DeskPhase } from "./change-desk";
import { type Dates, dayWords, effectWords, kindWords, whyWords } from "./change-words";
import { tileWords } from "./tile-words";
import type { OutboxStatus } from "./validate-outbox";
import { savedLook, savedWords } from "./validate-template";

export interface Picking {
  readonly kind: ChangeKind;
  readonly wanted: Wanted;
  readonly chosen: Chosen;
}

export interface ChangeState {
  notice: string;
  view: string;
  isSwiped: boolean;
  outlined: boolean;
  panel: boolean;
  picking: Picking | null;
}

export interface ChangeActions {
  choose(kind: ChangeKind, other: boolean): void;
  pick(code: string): void;
  leavePicking(): void;
  copyAll(): void;
  takeBack(): void;
  swipe(): void;
  fit(): void;
  setView(view: string): void;
  setOutline(isShown: boolean): void;
  togglePanel(): void;
  help(): void;
  lookAgain(): void;
  send(): void;
  forgetAside(): void;
}

export interface ChangeModel {
  readonly campaign: Campaign;
  readonly classes: readonly PaletteClass[];
  readonly language: "fr" | "en";
  readonly isReview: boolean;
  readonly desk: DeskBody;
  readonly state: Readonly<ChangeState>;
  readonly phase: DeskPhase;
  readonly failure: string;
  readonly status: OutboxStatus<ChangeAnswer> | null;
  readonly asked: Asked | null;
  readonly cell: ChangeCell | null;
  readonly place: { readonly n: number; readonly of: number };
  readonly canTakeBack: boolean;
  readonly answered: number;
  readonly dates: Dates;
  readonly views: readonly string[];
  readonly actions: ChangeActions;
}

const ICONS: Readonly<Record<ChangeKind, IconName>> = { unchanged: "check", changed: "redo", first_wrong: "sendBack", second_wrong: "no", unsure: "unsure" };

const nameIn = ({ campaign, language }: ChangeModel) => (code: string): string => {
  const found = campaign.nomenclature.classes.find((c) => c.code === code);
  return found ? found.name[language] || found.name.en : code;
};

/** A class's name without what stands in brackets after it. */
const shortName = (name: string): string => name.replace(/ *\([^()]*\)$/, "");

function label(model: ChangeModel, code: string): TemplateResult {
  if (code === "") return html`<span class="change-class quiet">${gettext("no label")}</span>`;
  const found = model.campaign.nomenclature.classes.find((c) => c.code === code);
  return html`<span class="change-class" title=${nameIn(model)(code)}>${swatch(found?.colour ?? "#888888")} <span>${shortName(nameIn(model)(code))}</span> <code>${code}</code></span>`;
}

function header(model: ChangeModel): TemplateResult {
  const { campaign, state, status, actions, language, asked, isReview } = model;
  const title = isReview ? gettext("Settle · %(campaign)s") : gettext("Compare · %(campaign)s");
  return html`<header class="studio-bar">
    <a class="bar-back" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`} aria-label=${gettext("Back to the campaign")}>${icon("back")}</a>
    <div class="bar-title">
      <h1>${interpolate(title, { campaign: campaign.title })}</h1>
      ${asked ? html`<p>${tileWords(asked.tile)}</p>` : nothing}
    </div>
    ${status ? html`<p class="save-state" role="status" data-testid="save-state" data-state=${savedLook(status.state)}><span class="save-dot" aria-hidden="true"></span><span>${savedWords(status, language)}</span></p>` : nothing}
    ${languageSwitch(language)}
    <div class="bar-actions">
      <button type="button" class="bar-icon" aria-label=${gettext("Keys")} data-testid="help" @click=${() => { actions.help(); }}>${icon("help")}</button>
      <button type="button" class="bar-icon" aria-label=${gettext("Side panel")} data-testid="panel" aria-expanded=${state.panel ? "true" : "false"}
        aria-controls="change-panel" @click=${() => { actions.togglePanel(); }}>${icon("panel")}</button>
    </div>
  </header>`;
}

function pane(model: ChangeModel, which: "first" | "second"): TemplateResult {
  const { desk, asked, cell, dates, language } = model;
  const day = which === "first" ? asked?.first.acquired_on : asked?.tile.acquired_on;
  const layer = desk.round?.pair[which];
  return html`<figure class="change-pane" data-date=${which}>
    <figcaption>
      <span class="change-date"><b>${dates[which]}</b> <span class="quiet">${asked ? dayWords(day ?? null, language) : ""}<span class="layer"> · ${layer?.title ?? ""}</span></span></span>
      ${cell ? label(model, which === "first" ? cell.first_code : cell.second_code) : nothing}
    </figcaption>
    <div class="change-pane-frame"><div class="map" data-pane=${which} data-testid=${`map-${which}`} tabindex="0" role="application"
      aria-label=${interpolate(gettext("Image of %(date)s"), { date: dates[which] })}></div></div>
  </figure>`;
}

function answers(model: ChangeModel, cell: ChangeCell): TemplateResult {
  const { actions, phase, dates } = model;
  const off = phase !== "answering";
  return html`<div class="change-answers">${CHANGE_KINDS.map((kind, i) => html`<button type="button" class=${`answer answer-${kind}`} data-testid=${kind}
      ?disabled=${off || !isOffered(cell, kind)} aria-keyshortcuts=${String(i + 1)} @click=${(event: MouseEvent) => { actions.choose(kind, event.shiftKey); }}>
      ${icon(ICONS[kind])}
      <span class="answer-words"><b>${kindWords(kind, dates)}</b>
        <span class="answer-effect">${isOffered(cell, kind) ? effectWords(cell, kind, { other: false }, dates, (code) => shortName(nameIn(model)(code))) : gettext("there is no label to be wrong")}</span></span>
      <kbd>${i + 1}</kbd></button>`)}</div>`;
}

function picker(model: ChangeModel, cell: ChangeCell, { kind, wanted, chosen }: Picking): TemplateResult {
  const { classes, actions, dates } = model;
  const question = kind === "changed" && wanted === "second"
    ? interpolate(gettext("What is it in %(date)s?"), { date: dates.second })
    : interpolate(gettext("What is right in %(date)s?"), { date: dates[wanted] });
  const excluded = excludedOf(cell, kind, chosen);
  return html`<div class="change-picker" role="group" aria-label=${question} data-testid="picker">
    <h2 class="question">${question}</h2>
    <p class="quiet"><b>${kindWords(kind, dates)}</b> · <button type="button" data-testid="leave-picking" @click=${() => { actions.leavePicking(); }}>${gettext("Back to the answers")} <kbd>Esc</kbd></button></p>
    <sc-palette .classes=${classes.filter((c) => c.code !== excluded)} .active=${""} @class-chosen=${(event: CustomEvent<string>) => { actions.pick(event.detail); }}></sc-palette>
  </div>`;
}

function others(model: ChangeModel): TemplateResult | typeof nothing {
  const { asked, dates } = model;
  if (!asked?.said) return nothing;
  const name = nameIn(model);
  const words = (code: string): string => (code === "" ? gettext("not known") : name(code));
  return html`<ul class="change-said" data-testid="said">${asked.said.map((one) => html`<li><code>${one.who}</code> ${kindWords(one.verdict, dates)}${one.verdict === "unsure" ? nothing : html` · ${words(one.first_code)} → ${words(one.second_code)}`}</li>`)}</ul>`;
}

function card(model: ChangeModel): TemplateResult {
  const { cell, asked, actions, phase, state, place, canTakeBack, isReview } = model;
  if (!cell || !asked) return html`<section class="judge change-card" aria-label=${gettext("Your answer")}></section>`;
  if (state.picking) return html`<section class="judge change-card" aria-label=${gettext("Your answer")}>${picker(model, cell, state.picking)}</section>`;
  const off = phase !== "answering";
  return html`<section class="judge change-card" aria-label=${gettext("Your answer")}>
    <h2 class="question" data-testid="question" tabindex="-1">${gettext("What happened here?")}</h2>
    ${others(model)}
    ${answers(model, cell)}
    <div class="judge-more">
      <progress max=${place.of} value=${place.n - 1} aria-hidden="true"></progress>
      <span data-testid="progress">${isReview
        ? interpolate(gettext("%(n)s places wait for you"), { n: asked.waiting ?? 1 })
        : interpolate(gettext("Place %(n)s of %(of)s on this tile"), place)} · ${interpolate(gettext("%(area)s m²"), { area: decimal(cell.area_m2) })}</span>
      ${isReview ? nothing : html`
      <button type="button" data-testid="copy-all" ?disabled=${off || cell.first_code === ""} @click=${() => { actions.copyAll(); }}>${icon("check")} <span>${gettext("Nothing changed on the whole tile")}</span> <kbd>A</kbd></button>
      <button type="button" data-testid="take-back" ?disabled=${off || !canTakeBack} @click=${() => { actions.takeBack(); }}>${icon("undo")} <span>${gettext("Take back")}</span> <kbd>⌫</kbd></button>`}
      <button type="button" data-testid="swipe" aria-pressed=${String(state.isSwiped)} @click=${() => { actions.swipe(); }}>${icon("panel")} <span>${state.isSwiped ? gettext("Side by side") : gettext("One over the other")}</span> <kbd>S</kbd></button>
    </div>
  </section>`;
}

/** How far the two images lie apart, and what that means for whoever compares them. */
function shiftWords({ shift }: ChangeRound["pair"]): string {
  if (shift === null) return gettext("Not measured");
  const distance = Math.hypot(shift.east_m, shift.south_m);
  const said = interpolate(gettext("%(m)s m, give or take %(spread)s m"), { m: decimal(distance, 2), spread: decimal(shift.spread_m, 2) });
  return shift.is_large ? `${said}. ${gettext("Edges may look moved where nothing changed.")}` : said;
}

function aboutRound(round: ChangeRound): TemplateResult {
  const { first, second } = round.pair;
  return html`<dl class="facts">
    <dt>${first.title}</dt><dd>${first.vintage} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: decimal(first.gsd_m, 3) })} · ${first.attribution}</dd>
    <dt>${second.title}</dt><dd>${second.vintage} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: decimal(second.gsd_m, 3) })} · ${second.attribution}</dd>
    <dt>${gettext("Shift between the two")}</dt><dd data-testid="shift">${shiftWords(round.pair)}</dd>
    ${round.first_map ? html`<dt>${gettext("Maps compared")}</dt><dd><code>${round.first_map}</code> / <code>${round.second_map}</code></dd>` : nothing}
    <dt>${gettext("Round")}</dt><dd>${interpolate(gettext("%(n)s, with %(share)s of its tiles drawn at random"), { n: round.number, share: percent(round.control_share) })}</dd>
    <dt>${gettext("Settled")}</dt><dd>${interpolate(gettext("%(n)s of %(of)s places"), { n: round.counts.settled, of: round.counts.open + round.counts.review + round.counts.settled })}</dd>
  </dl>`;
}

function panel(model: ChangeModel): TemplateResult {
  const { state, actions, desk, cell, asked, views, campaign, answered } = model;
  return html`<aside class="studio-panel" id="change-panel" aria-label=${gettext("Side panel")} ?hidden=${!state.panel}>
    <button type="button" class="panel-close" aria-label=${gettext("Close the panel")} @click=${() => { actions.togglePanel(); }}>${icon("close")}</button>
    ${cell && asked?.why && desk.round ? html`<details class="section" open>
      <summary>${gettext("Why this place")}</summary>
      <p data-testid="why">${whyWords(cell, asked.why, desk.round.source)}</p>
    </details>` : nothing}
    <details class="section" open>
      <summary>${gettext("Image")}</summary>
      <label class="switch first"><input type="checkbox" data-testid="switch-outline" .checked=${state.outlined}
        @change=${(event: Event) => { actions.setOutline((event.target as HTMLInputElement).checked); }}><span>${gettext("Outline the place")}</span> <kbd>H</kbd></label>
      <div class="segmented" role="group" aria-label=${gettext("Imagery view")}>
        ${views.map((view) => html`<button type="button" data-testid=${`view-${view}`} aria-pressed=${String(view === state.view)} @click=${() => { actions.setView(view); }}>${viewWords(view)}</button>`)}
      </div>
      <button type="button" class="wide" @click=${() => { actions.fit(); }}>${icon("fit")} ${gettext("Zoom to the place")} <kbd>F</kbd></button>
    </details>
    ${desk.round ? html`<details class="section" open data-testid="about">
      <summary>${gettext("About these two")}</summary>
      ${aboutRound(desk.round)}
      <p class="quiet">${interpolate(gettext("You have answered %(n)s places of this round."), { n: answered })}</p>
      <p><a href=${`/campaigns/${encodeURIComponent(campaign.slug)}/patches/`}>${gettext("Patches of earlier vintages")}</a></p>
    </details>` : nothing}
  </aside>`;
}

function cover(model: ChangeModel): TemplateResult | typeof nothing {
  const { phase, failure, desk, campaign, actions, isReview, status, language } = model;
  const url = `/campaigns/${encodeURIComponent(campaign.slug)}/`;
  const home = html`<a class="button" href=${url}>${gettext("Back to the campaign")}</a>`;
  const again = html`<button type="button" class="primary" data-testid="look-again" @click=${() => { actions.lookAgain(); }}>${gettext("Look again")}</button>`;
  if (phase === "empty") {
    const isOpen = desk.round !== null;
    const title = isReview ? gettext("Nothing to settle") : isOpen ? gettext("Nothing left to compare for now") : gettext("Nothing is compared here yet");
    const text = isReview
      ? gettext("People agree on what they have answered so far, and your own answers are settled by somebody else.")
      : isOpen
        ? gettext("Every place of this round is answered, or in somebody's hands. Look again in a few minutes, or label a tile meanwhile.")
        : gettext("A maintainer opens a round when there are two dates to compare. Label a tile meanwhile.");
    return html`<div class="cover" data-testid="empty"><div class="cover-card"><h2>${title}</h2><p>${text}</p>
      <div class="button-row">${isOpen || isReview ? again : nothing}${isReview ? nothing : html`<a class="button" href=${`${url}studio/`}>${gettext("Label a tile")}</a>`} ${home}</div></div></div>`;
  }
  if (phase === "sending" && status) {
    return html`<div class="cover" role="status" data-testid="sending"><div class="cover-card"><h2>${gettext("Your answers are still on their way")}</h2>
      <p>${savedWords(status, language)}</p><p>${gettext("The next tile opens once they have arrived.")}</p>
      <div class="button-row">${again}${home}</div></div></div>`;
  }
  if (phase === "failed") {
    return html`<div class="cover" role="alert"><div class="cover-card"><h2>${gettext("The next tile could not be opened")}</h2><p>${failure}</p>
      <div class="button-row"><button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button> ${home}</div></div></div>`;
  }
  return phase === "loading" ? html`<div class="cover cover-quiet"><p class="loading">${gettext("Opening the next tile…")}</p></div>` : nothing;
}

/** Which answers the server will not take, and why. */
function setAside({ status, actions }: ChangeModel): TemplateResult | typeof nothing {
  if (!status || status.aside.length === 0) return nothing;
  return html`<div class="notice notice-strong" role="alert" data-testid="set-aside">
    <div><p><b>${interpolate(gettext("%(n)s answers were not taken. All others are kept or sent."), { n: status.aside.length })}</b></p>
      ${status.aside.slice(0, 3).map(({ shown, reason }) => html`<p>${interpolate(gettext("Tile %(row)s · %(col)s: %(reason)s"), { row: shown?.row ?? "?", col: shown?.col ?? "?", reason })}</p>`)}</div>
    <button type="button" data-testid="forget-aside" @click=${() => { actions.forgetAside(); }}>${gettext("Understood")}</button>
  </div>`;
}

export function changeTemplate(model: ChangeModel): TemplateResult {
  const { state, desk } = model;
  return html`
    ${header(model)}
    <div class="studio-main">
      <div class="validate-middle">
        <div class="map-frame change-frame" data-mode=${state.isSwiped ? "swipe" : "side"}>
          ${pane(model, "first")}${pane(model, "second")}
          <div class="change-border" ?hidden=${!state.isSwiped}></div>
          <div class="notices">${setAside(model)}${state.notice ? html`<p class="notice" data-testid="notice">${state.notice}</p>` : nothing}</div>
          ${cover(model)}
        </div>
        ${card(model)}
      </div>
      ${panel(model)}
      <p class="visually-hidden" id="spoken" role="status" aria-live="polite" data-testid="spoken"></p>
    </div>
    <footer class="studio-status">
      <span class="status-hint" data-testid="hint">${gettext("1 nothing changed, 2 changed, 3 earlier wrong, 4 later wrong")}</span>
      <span class="status-source">${desk.round ? `${desk.round.pair.first.attribution} · ${desk.round.pair.second.attribution}` : ""}</span>
    </footer>`;
}
