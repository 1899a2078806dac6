import { html, nothing, type TemplateResult } from "lit";
import type { Campaign } from "../api/types";
import { doubleArea } from "../domain/geometry";
import type { PaletteClass } from "../domain/palette";
import { gettext, interpolate } from "../i18n";
import { viewsOf } from "../map/imagery";
import type { ToolName } from "../map/tools/tool";
import { icon, swatch } from "../ui/icons";
import type { ToolButton } from "../ui/toolbar";
import type { Command } from "./shortcuts";
import type { StudioState } from "./studio-state";
import type { TileSession } from "./tile-session";

export interface StudioActions {
  command(command: Command | "draft" | "skip"): void;
  chooseClass(code: string): void;
  setView(view: string): void;
  setOpacity(opacity: number): void;
  setLabels(shown: boolean): void;
  togglePanel(): void;
}

export interface StudioModel {
  readonly campaign: Campaign;
  readonly classes: readonly PaletteClass[];
  readonly language: string;
  readonly state: Readonly<StudioState>;
  readonly session: TileSession | null;
  readonly actions: StudioActions;
}

function toolGroups({ state, session }: StudioModel): ToolButton[][] {
  const off = state.phase !== "working";
  const tool = (name: ToolName, label: string, key: string): ToolButton => ({
    id: `tool-${name}`, icon: name, label, key, pressed: state.tool === name, disabled: off,
  });
  return [
    [
      tool("edit", gettext("Select and edit"), "E"),
      tool("polygon", gettext("Draw a polygon"), "P"),
      tool("rectangle", gettext("Draw a rectangle"), "R"),
      tool("lasso", gettext("Draw freehand"), "L"),
      { id: "tool-delete", icon: "trash", label: gettext("Delete the selected shape"), key: "Del", disabled: off || state.selectedId === null },
    ],
    [
      { id: "undo", icon: "undo", label: gettext("Undo"), key: "Ctrl+Z", disabled: off || !session?.history.past.length },
      { id: "redo", icon: "redo", label: gettext("Redo"), key: "Ctrl+Shift+Z", disabled: off || !session?.history.future.length },
    ],
    [
      { id: "zoom-in", icon: "plus", label: gettext("Zoom in"), key: "+" },
      { id: "zoom-out", icon: "minus", label: gettext("Zoom out"), key: "-" },
      { id: "fit", icon: "fit", label: gettext("Zoom to the tile"), key: "F" },
      { id: "labels", icon: "eye", label: gettext("Show or hide labels"), key: "H", pressed: state.labels },
      { id: "help", icon: "help", label: gettext("Keys and gestures"), key: "?" },
    ],
  ];
}

function header(model: StudioModel): TemplateResult {
  const { campaign, state, session, actions } = model;
  const tile = session?.assignment.tile;
  const off = state.phase !== "working";
  return html`<header class="studio-bar">
    <a class="bar-back" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`} aria-label=${gettext("Back to the campaign")}>${icon("back")}</a>
    <div class="bar-title">
      <h1>${campaign.title}</h1>
      ${tile ? html`<p>${interpolate(gettext("Tile %(row)s · %(col)s"), { row: tile.row, col: tile.col })}</p>` : nothing}
    </div>
    <sc-save-state .status=${state.status} .language=${model.language}></sc-save-state>
    <div class="bar-actions">
      <button type="button" data-testid="skip" ?disabled=${off} @click=${() => { actions.command("skip"); }}>${gettext("Skip")}</button>
      <button type="button" class="primary" data-testid="submit" ?disabled=${off} aria-keyshortcuts="Control+Enter"
        @click=${() => { actions.command("submit"); }}>
        ${state.phase === "sending" ? gettext("Sending…") : gettext("Submit")} <kbd>Ctrl ↵</kbd>
      </button>
      <button type="button" class="bar-icon" aria-label=${gettext("Side panel")} aria-expanded=${state.panel ? "true" : "false"}
        aria-controls="studio-panel" @click=${() => { actions.togglePanel(); }}>${icon("panel")}</button>
    </div>
  </header>`;
}

function draftSection({ session, state, actions }: StudioModel): TemplateResult {
  const assignment = session?.assignment;
  if (!assignment) return html``;
  if (assignment.draft_available) {
    return html`<button type="button" class="wide" data-testid="draft" ?disabled=${state.phase !== "working"}
        @click=${() => { actions.command("draft"); }}>${icon("spark")} ${gettext("Start from the model's draft")}</button>
      <p class="quiet">${gettext("Keep what is right, change what is not.")}</p>`;
  }
  const isControl = assignment.why?.kind === "control";
  return html`<p class="quiet" data-testid="no-draft">${isControl
    ? gettext("No draft is offered here: this tile is kept apart to measure the map, and it takes a fresh eye.")
    : gettext("The model has no draft for this tile yet.")}</p>`;
}

function panel(model: StudioModel): TemplateResult {
  const { state, session, actions, campaign, classes } = model;
  const counts = new Map<string, number>();
  for (const f of session?.features ?? []) counts.set(f.class_code, (counts.get(f.class_code) ?? 0) + 1);
  const selected = state.selectedId === null ? undefined : session?.draft.features.get(state.selectedId);
  return html`<aside class="studio-panel" id="studio-panel" aria-label=${gettext("Side panel")} ?hidden=${!state.panel}>
    <details class="section" open>
      <summary>${gettext("Why this tile")}</summary>
      <sc-why-card .why=${session?.assignment.why ?? null} .review=${session?.assignment.annotation.review ?? null}></sc-why-card>
      ${draftSection(model)}
    </details>
    <details class="section" open>
      <summary>${selected ? gettext("Class of the selected shape") : gettext("Class to draw")}</summary>
      <sc-palette .classes=${classes} .active=${selected?.class_code ?? state.activeClass?.code ?? ""} .recent=${state.recent} .counts=${counts}
        @class-chosen=${(event: CustomEvent<string>) => { actions.chooseClass(event.detail); }}></sc-palette>
    </details>
    <details class="section" open>
      <summary>${gettext("Image and labels")}</summary>
      <sc-view-panel .views=${viewsOf(campaign.layer.bands)} .view=${state.view} .opacity=${state.opacity} .labels=${state.labels}
        @view=${(event: CustomEvent<string>) => { actions.setView(event.detail); }}
        @opacity=${(event: CustomEvent<number>) => { actions.setOpacity(event.detail); }}
        @labels=${(event: CustomEvent<boolean>) => { actions.setLabels(event.detail); }}></sc-view-panel>
    </details>
  </aside>`;
}

function hint(state: Readonly<StudioState>): string {
  if (state.tool === "polygon") return gettext("Click to place vertices; double click or Enter closes the shape");
  if (state.tool === "rectangle") return gettext("Drag from corner to corner");
  if (state.tool === "lasso") return gettext("Hold the button and go round the shape");
  if (state.selectedId !== null) return gettext("Drag a vertex; a class key changes the class; Del deletes");
  return gettext("Click a shape to select it");
}

function footer(model: StudioModel): TemplateResult {
  const { state, session, campaign, classes } = model;
  const shown = classes.find((c) => c.code === state.hoveredClass);
  const side = session?.draft.side ?? 1;
  const share = (session?.features ?? []).reduce((sum, f) => sum + doubleArea(f.rings), 0) / (2 * side * side);
  const { layer } = campaign;
  return html`<footer class="studio-status">
    <span class="status-class">${shown ? html`${swatch(shown.colour)} <b>${shown.code}</b> ${shown.name}` : hint(state)}</span>
    ${session
      ? html`<span>${interpolate(gettext("Shapes: %(n)s"), { n: session.features.length })}</span>
          <span>${interpolate(gettext("%(share)s % labelled"), { share: Math.floor(share * 1000) / 10 })}</span>`
      : nothing}
    <span class="status-source">${layer.title} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: layer.gsd_m })} · ${layer.attribution}</span>
  </footer>`;
}

function cover({ state, campaign }: StudioModel): TemplateResult | typeof nothing {
  const home = html`<a class="button" href=${`/campaigns/${encodeURIComponent(campaign.slug)}/`}>${gettext("Back to the campaign")}</a>`;
  if (state.phase === "empty") {
    return html`<div class="cover" data-testid="empty"><div class="cover-card">
      <h2>${gettext("Nothing left to label for now")}</h2>
      <p>${gettext("Every tile of this round is done or in someone's hands. New tiles come with the next round.")}</p>
      ${home} <a class="button" href="/me/">${gettext("See my contributions")}</a>
    </div></div>`;
  }
  if (state.phase === "failed") {
    return html`<div class="cover" role="alert"><div class="cover-card">
      <h2>${gettext("This tile could not be opened")}</h2>
      <p>${state.failure}</p>
      <button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button> ${home}
    </div></div>`;
  }
  if (state.phase === "loading") return html`<div class="cover cover-quiet"><p class="loading">${gettext("Opening the next tile…")}</p></div>`;
  return nothing;
}

export function studioTemplate(model: StudioModel): TemplateResult {
  const { state, actions } = model;
  return html`
    ${header(model)}
    <div class="studio-main">
      <sc-toolbar .groups=${toolGroups(model)} .label=${gettext("Tools")}
        @tool=${(event: CustomEvent<Command>) => { actions.command(event.detail); }}></sc-toolbar>
      <div class="map" data-testid="map" tabindex="0" role="application" aria-label=${gettext("Image of the tile and its shapes")}></div>
      <div class="notices" role="status" aria-live="polite">
        ${state.leaseLost
          ? html`<p class="notice">${gettext("This tile was also given to someone else meanwhile. Your work is kept: it is saved as one more contribution.")}</p>`
          : nothing}
        ${state.notice ? html`<p class="notice" data-testid="notice">${state.notice}</p>` : nothing}
      </div>
      ${cover(model)}
      ${panel(model)}
    </div>
    ${footer(model)}`;
}
