import { html, nothing, type TemplateResult } from "lit";
import type { Campaign, ValidationItem, Verdict, VerdictKind } from "../api/types";
import type { PaletteClass } from "../domain/palette";
import { decimal, gettext, interpolate, percent } from "../i18n";
import { type Device, isOnGlass } from "../map/input";
import { viewsOf } from "../map/imagery";
import type { Judged, SetAside } from "../save/verdict-store";
import { icon, type IconName, swatch } from "../ui/icons";
import { languageSwitch } from "../ui/language";
import { type ViewSettings, viewWords } from "../ui/view-panel";
import { notJudgedWords } from "./tile-words";
import type { Emptiness, LanePhase } from "./validate-lane";
import type { OutboxStatus } from "./validate-outbox";

/** Answers that were not taken, told one by one. */
const LISTED = 3;

export interface ValidateState {
  notice: string;
  hand: Device;
  view: string;
  opacity: number;
  /** Whether the polygon is filled with its colour. */
  filled: boolean;
  panel: boolean;
}

export interface ValidateActions {
  judge(verdict: VerdictKind, classCode?: string): void;
  takeBack(): void;
  skip(): void;
  fit(): void;
  setLook(change: Partial<ViewSettings>): void;
  togglePanel(): void;
  help(): void;
  search(): void;
  forgetAside(): void;
  /** Sends what waits, now. */
  send(): void;
  /** Asks once more for something to check. */
  lookAgain(): void;
}

export interface ValidateModel {
  readonly campaign: Campaign;
  readonly classes: readonly PaletteClass[];
  readonly language: "fr" | "en";
  readonly state: Readonly<ValidateState>;
  readonly phase: LanePhase;
  readonly failure: string;
  readonly emptiness: Emptiness;
  readonly status: OutboxStatus;
  readonly item: ValidationItem | null;
  /** Whether anything is known of how good the model is here. */
  readonly isModelJudged: boolean;
  /** Polygons judged on this tile, and all of them. */
  readonly judged: number;
  readonly count: number;
  readonly place: string;
  readonly canTakeBack: boolean;
  readonly actions: ValidateActions;
}

export function savedWords<V extends Judged>(status: OutboxStatus<V>, language: string): string {
  if (status.state === "sign_in") return gettext("Signed out: sign in again in another tab, your answers are kept");
  if (status.state === "other_person") return gettext("Not sent: another account is signed in. Sign in again as yourself in another tab");
  if (status.state === "offline") return interpolate(gettext("Not sent: %(n)s answers kept in this browser, trying again"), { n: status.left });
  if (status.state === "held") return interpolate(gettext("Kept in this browser, not sent yet: %(n)s answers. %(reason)s"), { n: status.left, reason: status.message });
  if (status.state === "unkept") return gettext("This browser cannot keep a copy: each answer goes to the server at once");
  if (status.state === "sending") return gettext("Sending…");
  if (status.state === "waiting") return interpolate(gettext("Kept in this browser: %(n)s answers"), { n: status.left });
  if (!status.savedAt) return gettext("Nothing to save yet");
  const time = new Date(status.savedAt).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return interpolate(gettext("Saved on server at %(time)s"), { time });
}

export const savedLook = (state: OutboxStatus["state"]): string =>
  ({ saved: "saved", waiting: "dirty", sending: "saving", offline: "offline", sign_in: "error", other_person: "error", held: "error", unkept: "offline" })[state];

function header(model: ValidateModel): TemplateResult {
  const { campaign, state, status, actions, language, place } = model;
  return html`<header class="studio-bar">
    <a class="bar-back" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`} aria-label=${gettext("Back to the campaign")}>${icon("back")}</a>
    <div class="bar-title">
      <h1>${interpolate(gettext("Check · %(campaign)s"), { campaign: campaign.title })}</h1>
      ${place ? html`<p>${place}</p>` : nothing}
    </div>
    <p class="save-state" role="status" data-testid="save-state" data-state=${savedLook(status.state)}><span class="save-dot" aria-hidden="true"></span><span>${savedWords(status, language)}</span></p>
    ${languageSwitch(language)}
    <div class="bar-actions">
      <button type="button" class="bar-icon" aria-label=${gettext("Keys")} data-testid="help" @click=${() => { actions.help(); }}>${icon("help")}</button>
      <button type="button" class="bar-icon" aria-label=${gettext("Side panel")} data-testid="panel" aria-expanded=${state.panel ? "true" : "false"}
        aria-controls="validate-panel" @click=${() => { actions.togglePanel(); }}>${icon("panel")}</button>
    </div>
  </header>`;
}

function question({ item, classes, campaign, language, isModelJudged }: ValidateModel): TemplateResult {
  if (!item) return html``;
  const all = campaign.nomenclature.classes.find((c) => c.code === item.class_code);
  const name = classes.find((c) => c.code === item.class_code)?.name ?? all?.name[language] ?? "";
  return html`<h2 class="question" data-testid="question" tabindex="-1">
      ${swatch(all?.colour ?? "#888888")} <span>${interpolate(gettext("Is this %(class)s?"), { class: `${item.class_code} ${name}` })}</span>
    </h2>
    ${item.confidence === null ? nothing : html`<p class="quiet">${interpolate(gettext("The model is %(share)s sure."), { share: percent(item.confidence) })}</p>`}
    ${isModelJudged ? nothing : html`<p class="quiet" data-testid="not-judged">${notJudgedWords()}</p>`}`;
}

function judgeCard(model: ValidateModel): TemplateResult {
  const { actions, phase, judged, count, canTakeBack } = model;
  const off = phase !== "judging";
  const answer = (verdict: VerdictKind, name: IconName, label: string, key: string): TemplateResult =>
    html`<button type="button" class=${`answer answer-${verdict}`} data-testid=${verdict} ?disabled=${off} aria-keyshortcuts=${key}
      @click=${() => { actions.judge(verdict); }}>${icon(name)} <span>${label}</span> <kbd>${key}</kbd></button>`;
  return html`<section class="judge" aria-label=${gettext("Your answer")}>
    ${question(model)}
    <div class="answers">
      ${answer("agree", "check", gettext("Yes"), "A")}
      ${answer("disagree", "no", gettext("No"), "D")}
      ${answer("unsure", "unsure", gettext("Unsure"), "U")}
    </div>
    <div class="judge-more">
      <progress max=${count} value=${judged} aria-hidden="true"></progress>
      <span data-testid="progress">${interpolate(gettext("%(n)s of %(count)s on this tile"), { n: Math.min(judged + 1, count), count })}</span>
      <button type="button" data-testid="other-class" ?disabled=${off} @click=${() => { actions.search(); }}>${icon("panel")} <span>${gettext("Another class")}</span> <kbd>/</kbd></button>
      <button type="button" data-testid="take-back" ?disabled=${off || !canTakeBack} @click=${() => { actions.takeBack(); }}>${icon("undo")} <span>${gettext("Take back")}</span> <kbd>Z</kbd></button>
      <button type="button" data-testid="skip" ?disabled=${off} @click=${() => { actions.skip(); }}>${icon("skip")} <span>${gettext("Skip tile")}</span> <kbd>S</kbd></button>
    </div>
  </section>`;
}

function panel(model: ValidateModel): TemplateResult {
  const { state, actions, classes, campaign, item } = model;
  return html`<aside class="studio-panel" id="validate-panel" aria-label=${gettext("Side panel")} ?hidden=${!state.panel}>
    <button type="button" class="panel-close" aria-label=${gettext("Close the panel")} @click=${() => { actions.togglePanel(); }}>${icon("close")}</button>
    <details class="section" open>
      <summary>${gettext("It is another class")}</summary>
      <sc-palette .classes=${classes} .active=${item?.class_code ?? ""} @class-chosen=${(event: CustomEvent<string>) => { actions.judge("other", event.detail); }}></sc-palette>
    </details>
    <details class="section" open>
      <summary>${gettext("Image")}</summary>
      <label class="switch first"><input type="checkbox" data-testid="switch-fill" .checked=${state.filled}
        @change=${(event: Event) => { actions.setLook({ labels: (event.target as HTMLInputElement).checked }); }}><span>${gettext("Fill the shape with its colour")}</span> <kbd>H</kbd></label>
      <div class="segmented" role="group" aria-label=${gettext("Imagery view")}>
        ${viewsOf(campaign.layer.bands).map((view) => html`<button type="button" data-testid=${`view-${view}`} aria-pressed=${String(view === state.view)}
          @click=${() => { actions.setLook({ view }); }}>${viewWords(view)}</button>`)}
      </div>
      <button type="button" class="wide" @click=${() => { actions.fit(); }}>${icon("fit")} ${gettext("Zoom to the shape")} <kbd>F</kbd></button>
    </details>
  </aside>`;
}

function answerWords({ verdict, class_code }: Verdict, nameOf: (code: string) => string): string {
  if (verdict === "other") return nameOf(class_code ?? "");
  return { agree: gettext("Yes"), disagree: gettext("No"), unsure: gettext("Unsure") }[verdict];
}

/** Which answers the server will not take, and why. */
function setAside({ status: { aside }, campaign, language, actions }: ValidateModel): TemplateResult | typeof nothing {
  if (aside.length === 0) return nothing;
  const nameOf = (code: string): string => {
    const found = campaign.nomenclature.classes.find((c) => c.code === code);
    return `${code} ${found?.name[language] ?? ""}`.trim();
  };
  const words = ({ shown, verdict, reason }: SetAside): string =>
    interpolate(gettext("Tile %(row)s · %(col)s, shown as %(class)s, your answer “%(answer)s”: %(reason)s"), {
      row: shown?.row ?? "?", col: shown?.col ?? "?", class: shown ? nameOf(shown.class_code) : verdict.feature_id, answer: answerWords(verdict, nameOf), reason,
    });
  const title = aside.length === 1 ? gettext("1 answer was not taken. All others are kept or sent.") : interpolate(gettext("%(n)s answers were not taken. All others are kept or sent."), { n: aside.length });
  return html`<div class="notice notice-strong" role="alert" data-testid="set-aside">
    <div><p><b>${title}</b></p>
      ${aside.slice(0, LISTED).map((one) => html`<p>${words(one)}</p>`)}
      ${aside.length > LISTED ? html`<p>${interpolate(gettext("And %(n)s more."), { n: aside.length - LISTED })}</p>` : nothing}</div>
    <button type="button" data-testid="forget-aside" @click=${() => { actions.forgetAside(); }}>${gettext("Understood")}</button>
  </div>`;
}

/** What there is to say where nothing is given, and whether asking again may change it. */
export function emptyWords(emptiness: Emptiness): { readonly title: string; readonly text: string; readonly canLookAgain: boolean } {
  switch (emptiness) {
    case "no_model_yet":
      return {
        title: gettext("No model has been published here yet"), canLookAgain: false,
        text: gettext("There is nothing to check before one has. Label a tile: it is what a model learns from."),
      };
    case "left_to_others":
      return {
        title: gettext("Others are checking what is left"), canLookAgain: true,
        text: gettext("One person at a time checks a tile. Look again in a few minutes: what they leave may come to you. Or label a tile meanwhile."),
      };
    case "nothing_drawn_so_far":
      return {
        title: gettext("Nothing to check so far"), canLookAgain: true,
        text: gettext("On the tiles looked through just now the model has drawn nothing. Look again: there may be more further on."),
      };
    case "nothing":
      return {
        title: gettext("Nothing left to check for now"), canLookAgain: false,
        text: gettext("Each tile with a drawing has been answered, skipped or labelled by you, or checked by enough people. More come when the model has learnt again. Label a tile meanwhile: that is what it learns from."),
      };
  }
}

/** States of sending that last until somebody or something changes. */
const STUCK: readonly OutboxStatus["state"][] = ["offline", "sign_in", "other_person", "held"];

function cover({ phase, failure, emptiness, status, language, campaign, actions }: ValidateModel): TemplateResult | typeof nothing {
  const url = `/campaigns/${encodeURIComponent(campaign.slug)}/`;
  const home = html`<a class="button" href=${url}>${gettext("Back to the campaign")}</a>`;
  if (phase === "empty") {
    const { title, text, canLookAgain } = emptyWords(emptiness);
    const again = html`<button type="button" class="primary" data-testid="look-again" @click=${() => { actions.lookAgain(); }}>${gettext("Look again")}</button>`;
    return html`<div class="cover" data-testid="empty" data-why=${emptiness}><div class="cover-card">
      <h2>${title}</h2>
      <p>${text}</p>
      <div class="button-row">${canLookAgain ? again : nothing}<a class=${canLookAgain ? "button" : "button primary"} href=${`${url}studio/`}>${gettext("Label a tile")}</a> ${home}</div>
    </div></div>`;
  }
  if (phase === "sending") {
    return html`<div class="cover" role=${STUCK.includes(status.state) ? "alert" : "status"} data-testid="sending"><div class="cover-card">
      <h2>${gettext("Your answers are still on their way")}</h2>
      <p>${savedWords(status, language)}</p>
      <p>${gettext("The next tile opens by itself once they have arrived.")}</p>
      <div class="button-row"><button type="button" class="primary" @click=${() => { actions.send(); }}>${gettext("Send now")}</button> ${home}</div>
    </div></div>`;
  }
  if (phase === "failed") {
    return html`<div class="cover" role="alert"><div class="cover-card">
      <h2>${gettext("The next tile could not be opened")}</h2>
      <p>${failure}</p>
      <div class="button-row"><button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button> ${home}</div>
    </div></div>`;
  }
  if (phase === "loading") return html`<div class="cover cover-quiet"><p class="loading">${gettext("Opening the next tile…")}</p></div>`;
  return nothing;
}

export function validateTemplate(model: ValidateModel): TemplateResult {
  const { campaign, state } = model;
  const { layer } = campaign;
  return html`
    ${header(model)}
    <div class="studio-main">
      <div class="validate-middle">
        <div class="map-frame">
          <div class="map" data-testid="map" tabindex="0" role="application" aria-label=${gettext("Image of the tile and the shape to check")}></div>
          <div class="notices">${setAside(model)}${state.notice ? html`<p class="notice" data-testid="notice">${state.notice}</p>` : nothing}</div>
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
        : gettext("A yes, D no, U unsure; a class key says what it is")}</span>
      <span class="status-source">${layer.title} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: decimal(layer.gsd_m, 3) })} · ${layer.attribution}</span>
    </footer>`;
}
