import { html, nothing, type TemplateResult } from "lit";
import type { Campaign, Mark, NomenclatureClass, ReviewTask } from "../api/types";
import { type AskedPart, askedShare } from "../domain/asked";
import { doubleArea, SUBPIXELS } from "../domain/geometry";
import { dateLocale, decimal, gettext, interpolate, percent } from "../i18n";
import { viewsOf } from "../map/imagery";
import { icon, swatch } from "../ui/icons";
import { languageSwitch } from "../ui/language";
import type { ViewSettings } from "../ui/view-panel";
import { reportedPlaces } from "../ui/reported-places";
import { reasonWords } from "../ui/why-card";
import { tileWords } from "./tile-words";

export interface ReviewState {
  phase: "loading" | "working" | "sending" | "empty" | "failed";
  failure: string;
  notice: string;
  view: string;
  opacity: number;
  labels: boolean;
  /** Whether the parts that were asked for are shown. */
  asked: boolean;
  /** The image alone and the model's drawing beside the submission, all on the same place. */
  sideBySide: boolean;
  /** Whether the model's draft is shown in place of the submission. */
  draft: boolean;
  hasDraft: boolean;
  /** The next click marks a place. */
  isMarking: boolean;
  marks: readonly Mark[];
  hoveredClass: string | null;
  panel: boolean;
}

export interface ReviewActions {
  accept(): void;
  sendBack(): void;
  correct(): void;
  leaveToAnother(): void;
  toggleMarking(): void;
  removeMark(mark: Mark): void;
  lookAt(mark: Mark): void;
  fit(): void;
  toggleDraft(): void;
  toggleSideBySide(): void;
  togglePanel(): void;
  setLook(change: Partial<ViewSettings>): void;
}

export interface ReviewModel {
  readonly campaign: Campaign;
  readonly language: "fr" | "en";
  readonly state: Readonly<ReviewState>;
  readonly task: ReviewTask | null;
  /** Parts of the tile that its author was asked for, as far as they are labelled; none: all of it. */
  readonly parts: readonly AskedPart[];
  readonly actions: ReviewActions;
}

function header({ campaign, state, task, actions, language }: ReviewModel): TemplateResult {
  const off = state.phase !== "working";
  const at = task ? new Date(task.submitted_at).toLocaleString(dateLocale(language), { dateStyle: "medium", timeStyle: "short" }) : "";
  return html`<header class="studio-bar">
    <a class="bar-back" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`} aria-label=${gettext("Back to the campaign")}>${icon("back")}</a>
    <div class="bar-title">
      <h1>${interpolate(gettext("Review · %(campaign)s"), { campaign: campaign.title })}</h1>
      ${task ? html`<p>${interpolate(gettext("%(tile)s, by %(author)s, %(at)s"), { tile: tileWords(task.tile), author: task.author, at })}</p>` : nothing}
    </div>
    ${languageSwitch(language)}
    <div class="bar-actions">
      <button type="button" data-testid="correct" ?disabled=${off} aria-keyshortcuts="C" @click=${() => { actions.correct(); }}>${icon("edit")} ${gettext("Correct")} <kbd>C</kbd></button>
      <button type="button" data-testid="send-back" ?disabled=${off} aria-keyshortcuts="S" @click=${() => { actions.sendBack(); }}>${icon("sendBack")} ${gettext("Send back")} <kbd>S</kbd></button>
      <button type="button" class="primary" data-testid="accept" ?disabled=${off} aria-keyshortcuts="A" @click=${() => { actions.accept(); }}>${icon("check")} ${gettext("Accept")} <kbd>A</kbd></button>
      <button type="button" class="bar-icon" aria-label=${gettext("Side panel")} aria-expanded=${state.panel ? "true" : "false"} aria-controls="review-panel" @click=${() => { actions.togglePanel(); }}>${icon("panel")}</button>
    </div>
  </header>`;
}

function shares(task: ReviewTask): Map<string, number> {
  const tileArea = 2 * (task.tile.tile_px * SUBPIXELS) ** 2;
  const found = new Map<string, number>();
  for (const f of task.annotation.features) found.set(f.class_code, (found.get(f.class_code) ?? 0) + doubleArea(f.rings) / tileArea);
  return found;
}

function legend({ campaign, task, language, parts }: ReviewModel): TemplateResult {
  const found = task ? shares(task) : new Map<string, number>();
  const rows = campaign.nomenclature.classes.filter((c) => found.has(c.code)).sort((a, b) => (found.get(b.code) ?? 0) - (found.get(a.code) ?? 0));
  const total = [...found.values()].reduce((sum, share) => sum + share, 0);
  const row = (c: NomenclatureClass): TemplateResult => html`<li class="legend-item" title=${c.definition[language]}>
    ${swatch(c.colour)}<span class="class-code">${c.code}</span><span class="class-name">${c.name[language]}</span>
    <span class="class-count">${percent(found.get(c.code) ?? 0, 1)}</span>
  </li>`;
  return html`<ul class="class-list">${rows.map(row)}</ul>
    <p class="quiet">${interpolate(gettext("%(share)s of the tile is labelled"), { share: percent(total, 1) })}</p>
    ${parts.length > 0
      ? html`<p data-testid="asked-note">${gettext("The author was asked for the bordered parts only: the rest may stay without a label.")}
          ${interpolate(gettext("%(share)s of the parts is labelled."), { share: percent(askedShare(parts), 1) })}</p>`
      : nothing}`;
}

/** What a reviewer should know before looking. */
function notes({ campaign, task, language }: ReviewModel): TemplateResult | typeof nothing {
  if (!task) return nothing;
  const lines = [
    ...(task.is_new_author ? [gettext("The author is new here: fewer than three of their tiles are accepted.")] : []),
    ...(task.disagreement === null
      ? []
      : [interpolate(gettext("On %(share)s of the pixels the model, or someone else, has another class."), { share: percent(task.disagreement, 0) })]),
  ];
  if (lines.length + task.opinions.length + task.reports.length === 0) return nothing;
  const nameOf = (code: string): string => campaign.nomenclature.classes.find((one) => one.code === code)?.name[language] ?? code;
  return html`<details class="section" open data-testid="notes">
    <summary>${gettext("Before you look")}</summary>
    ${task.opinions.map((opinion) => html`<blockquote class="opinion">
      <p><strong>${opinion.by_author ? gettext("The author disputes the first verdict") : gettext("A reviewer left this to another one")}</strong></p>
      <p>${interpolate(gettext("“%(comment)s”"), { comment: opinion.comment })}</p>
      <p class="quiet">${new Date(opinion.at).toLocaleDateString(dateLocale(language), { dateStyle: "medium" })}</p>
    </blockquote>`)}
    ${lines.map((line) => html`<p>${line}</p>`)}
    ${task.reports.length > 0 ? html`<p><strong>${gettext("Readers of the map reported this tile")}</strong></p>${reportedPlaces(task.reports, nameOf)}` : nothing}
  </details>`;
}

function marks({ state, actions }: ReviewModel): TemplateResult {
  const off = state.phase !== "working";
  const row = (mark: Mark, i: number): TemplateResult => html`<li class="mark-item">
    <button type="button" class="mark-words" @click=${() => { actions.lookAt(mark); }}><span class="mark-pin">${i + 1}</span> <span>${reasonWords(mark.reason)}${mark.comment ? html`<br><span class="quiet">${mark.comment}</span>` : nothing}</span></button>
    <button type="button" aria-label=${interpolate(gettext("Remove mark %(n)s"), { n: i + 1 })} @click=${() => { actions.removeMark(mark); }}>${icon("close")}</button>
  </li>`;
  return html`<details class="section" open>
    <summary>${gettext("Marked places")}</summary>
    ${state.marks.length > 0 ? html`<ol class="mark-list">${state.marks.map(row)}</ol>` : html`<p class="quiet">${gettext("Mark the places you speak of: the author finds them on the tile.")}</p>`}
    <button type="button" class="wide" data-testid="mark" ?disabled=${off} aria-pressed=${String(state.isMarking)} @click=${() => { actions.toggleMarking(); }}>${icon("target")} ${state.isMarking ? gettext("Click the place, or press Enter") : gettext("Mark a place")} <kbd>M</kbd></button>
  </details>`;
}

function panel(model: ReviewModel): TemplateResult {
  const { state, actions, campaign } = model;
  return html`<aside class="studio-panel" id="review-panel" aria-label=${gettext("Side panel")} ?hidden=${!state.panel}>
    <button type="button" class="panel-close" aria-label=${gettext("Close the panel")} @click=${() => { actions.togglePanel(); }}>${icon("close")}</button>
    ${notes(model)}
    <details class="section" open>
      <summary>${gettext("What was labelled")}</summary>
      ${legend(model)}
    </details>
    ${marks(model)}
    <details class="section" open>
      <summary>${gettext("Image and labels")}</summary>
      <button type="button" class="wide" data-testid="side-by-side" aria-pressed=${String(state.sideBySide)} @click=${() => { actions.toggleSideBySide(); }}>${icon("panel")} ${gettext("Side by side")} <kbd>V</kbd></button>
      ${state.hasDraft && !state.sideBySide
        ? html`<div class="segmented" role="group" aria-label=${gettext("Shapes shown")}>
            <button type="button" aria-pressed=${String(!state.draft)} @click=${() => { if (state.draft) actions.toggleDraft(); }}>${gettext("Submission")}</button>
            <button type="button" data-testid="toggle-draft" aria-pressed=${String(state.draft)} @click=${() => { if (!state.draft) actions.toggleDraft(); }}>${gettext("Model's draft")} <kbd>D</kbd></button>
          </div>`
        : nothing}
      <sc-view-panel .views=${viewsOf(campaign.layer.bands)} .view=${state.view} .opacity=${state.opacity} .labels=${state.labels}
        .asked=${state.asked} .askedOffered=${model.parts.length > 0}
        @look=${(event: CustomEvent<Partial<ViewSettings>>) => { actions.setLook(event.detail); }}></sc-view-panel>
      <button type="button" class="wide" @click=${() => { actions.fit(); }}>${icon("fit")} ${gettext("Zoom to the tile")} <kbd>F</kbd></button>
    </details>
    <section class="section">
      <button type="button" class="wide" data-testid="leave" ?disabled=${state.phase !== "working"} @click=${() => { actions.leaveToAnother(); }}>${icon("skip")} ${gettext("Leave it to another reviewer")} <kbd>O</kbd></button>
    </section>
    <p class="quiet section">${gettext("Accept what you would have drawn yourself, within a pixel or two. Send back with a reason the author can act on.")}</p>
  </aside>`;
}

function cover({ state, campaign }: ReviewModel): TemplateResult | typeof nothing {
  const home = html`<a class="button" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`}>${gettext("Back to the campaign")}</a>`;
  if (state.phase === "empty") {
    return html`<div class="cover" data-testid="empty"><div class="cover-card">
      <h2>${gettext("Nothing to review")}</h2>
      <p>${gettext("Every submission has its answer. Your own work is reviewed by someone else.")}</p>
      ${home} <a class="button" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/studio/`}>${gettext("Label a tile")}</a>
    </div></div>`;
  }
  if (state.phase === "failed") {
    return html`<div class="cover" role="alert"><div class="cover-card">
      <h2>${gettext("The next submission could not be opened")}</h2>
      <p>${state.failure}</p>
      <button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button> ${home}
    </div></div>`;
  }
  if (state.phase === "loading") return html`<div class="cover cover-quiet"><p class="loading">${gettext("Opening the next submission…")}</p></div>`;
  return nothing;
}

function pane(name: string, title: string, isHidden: boolean): TemplateResult {
  const isMain = name === "submission";
  return html`<figure class="pane" ?hidden=${isHidden}>
    <figcaption>${title}</figcaption>
    <div class="pane-frame"><div class="map" data-pane=${name} data-testid=${isMain ? "map" : nothing} tabindex="0" role="application" aria-label=${isMain ? gettext("Image of the tile and its shapes") : title}></div></div>
  </figure>`;
}

export function reviewTemplate(model: ReviewModel): TemplateResult {
  const { campaign, state, task, language } = model;
  const shown = campaign.nomenclature.classes.find((c) => c.code === state.hoveredClass);
  const { layer } = campaign;
  return html`
    ${header(model)}
    <div class="studio-main">
      <div class="map-frame" ?data-marking=${state.isMarking}>
        <div class="panes" ?data-side-by-side=${state.sideBySide}>
          ${pane("image", gettext("The image alone"), !state.sideBySide)}
          ${pane("submission", state.draft ? gettext("The model's drawing") : gettext("The submission"), false)}
          ${pane("model", state.hasDraft ? gettext("The model's drawing") : gettext("The model has drawn nothing that may be shown here"), !state.sideBySide)}
        </div>
        <div class="notices" role="status" aria-live="polite">${state.notice ? html`<p class="notice" data-testid="notice">${state.notice}</p>` : nothing}</div>
        ${cover(model)}
      </div>
      ${panel(model)}
    </div>
    <footer class="studio-status">
        <span class="status-hint">${shown
        ? html`${swatch(shown.colour)} <b>${shown.code}</b> ${shown.name[language]}`
        : gettext("Point at a shape to read its class")}</span>
      ${task ? html`<span>${interpolate(gettext("Shapes: %(n)s"), { n: task.annotation.features.length })}</span>` : nothing}
      <span class="status-source">${layer.title} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: decimal(layer.gsd_m, 3) })} · ${layer.attribution}</span>
    </footer>`;
}
