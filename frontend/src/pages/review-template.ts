import { html, nothing, type TemplateResult } from "lit";
import type { Campaign, NomenclatureClass, ReviewTask } from "../api/types";
import { doubleArea, SUBPIXELS } from "../domain/geometry";
import { dateLocale, decimal, gettext, interpolate, percent } from "../i18n";
import { viewsOf } from "../map/imagery";
import { icon, swatch } from "../ui/icons";
import { languageSwitch } from "../ui/language";
import type { ViewSettings } from "../ui/view-panel";

export interface ReviewState {
  phase: "loading" | "working" | "sending" | "empty" | "failed";
  failure: string;
  notice: string;
  view: string;
  opacity: number;
  labels: boolean;
  /** Whether the model's draft is shown in place of the submission. */
  draft: boolean;
  hoveredClass: string | null;
  panel: boolean;
}

export interface ReviewActions {
  accept(): void;
  sendBack(): void;
  fit(): void;
  toggleDraft(): void;
  togglePanel(): void;
  setLook(change: Partial<ViewSettings>): void;
}

export interface ReviewModel {
  readonly campaign: Campaign;
  readonly language: "fr" | "en";
  readonly state: Readonly<ReviewState>;
  readonly task: ReviewTask | null;
  readonly actions: ReviewActions;
}

function header({ campaign, state, task, actions, language }: ReviewModel): TemplateResult {
  const off = state.phase !== "working";
  const at = task ? new Date(task.submitted_at).toLocaleString(dateLocale(language), { dateStyle: "medium", timeStyle: "short" }) : "";
  return html`<header class="studio-bar">
    <a class="bar-back" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`} aria-label=${gettext("Back to the campaign")}>${icon("back")}</a>
    <div class="bar-title">
      <h1>${interpolate(gettext("Review · %(campaign)s"), { campaign: campaign.title })}</h1>
      ${task ? html`<p>${interpolate(gettext("Tile %(row)s · %(col)s, by %(author)s, %(at)s"), { row: task.tile.row, col: task.tile.col, author: task.author, at })}</p>` : nothing}
    </div>
    ${languageSwitch(language)}
    <div class="bar-actions">
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

function legend({ campaign, task, language }: ReviewModel): TemplateResult {
  const found = task ? shares(task) : new Map<string, number>();
  const rows = campaign.nomenclature.classes.filter((c) => found.has(c.code)).sort((a, b) => (found.get(b.code) ?? 0) - (found.get(a.code) ?? 0));
  const total = [...found.values()].reduce((sum, share) => sum + share, 0);
  const row = (c: NomenclatureClass): TemplateResult => html`<li class="legend-item" title=${c.definition[language]}>
    ${swatch(c.colour)}<span class="class-code">${c.code}</span><span class="class-name">${c.name[language]}</span>
    <span class="class-count">${percent(found.get(c.code) ?? 0, 1)}</span>
  </li>`;
  return html`<ul class="class-list">${rows.map(row)}</ul>
    <p class="quiet">${interpolate(gettext("%(share)s of the tile is labelled"), { share: percent(total, 1) })}</p>`;
}

function panel(model: ReviewModel): TemplateResult {
  const { state, task, actions, campaign } = model;
  return html`<aside class="studio-panel" id="review-panel" aria-label=${gettext("Side panel")} ?hidden=${!state.panel}>
    <button type="button" class="panel-close" aria-label=${gettext("Close the panel")} @click=${() => { actions.togglePanel(); }}>${icon("close")}</button>
    <details class="section" open>
      <summary>${gettext("What was labelled")}</summary>
      ${legend(model)}
    </details>
    <details class="section" open>
      <summary>${gettext("Image and labels")}</summary>
      ${task?.draft
        ? html`<div class="segmented" role="group" aria-label=${gettext("Shapes shown")}>
            <button type="button" aria-pressed=${String(!state.draft)} @click=${() => { if (state.draft) actions.toggleDraft(); }}>${gettext("Submission")}</button>
            <button type="button" data-testid="toggle-draft" aria-pressed=${String(state.draft)} @click=${() => { if (!state.draft) actions.toggleDraft(); }}>${gettext("Model's draft")} <kbd>D</kbd></button>
          </div>`
        : nothing}
      <sc-view-panel .views=${viewsOf(campaign.layer.bands)} .view=${state.view} .opacity=${state.opacity} .labels=${state.labels}
        @look=${(event: CustomEvent<Partial<ViewSettings>>) => { actions.setLook(event.detail); }}></sc-view-panel>
      <button type="button" class="wide" @click=${() => { actions.fit(); }}>${icon("fit")} ${gettext("Zoom to the tile")} <kbd>F</kbd></button>
    </details>
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

export function reviewTemplate(model: ReviewModel): TemplateResult {
  const { campaign, state, task, language } = model;
  const shown = campaign.nomenclature.classes.find((c) => c.code === state.hoveredClass);
  const { layer } = campaign;
  return html`
    ${header(model)}
    <div class="studio-main">
      <div class="map-frame">
        <div class="map" data-testid="map" tabindex="0" role="application" aria-label=${gettext("Image of the tile and its shapes")}></div>
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
