import { html, nothing, type TemplateResult } from "lit";
import { SEGMENT_LEVELS, type SegmentLevel } from "../api/types";
import type { Draft, Provenance } from "../domain/draft";
import { doubleArea } from "../domain/geometry";
import { dateLocale, decimal, gettext, interpolate, percent } from "../i18n";
import { viewsOf } from "../map/imagery";
import { icon, swatch } from "../ui/icons";
import type { ViewSettings } from "../ui/view-panel";
import { partsWords, partWords } from "./asked-desk";
import { figuresOf, squareMetres } from "./figures";
import { preferred, prefer } from "./preferences";
import type { StudioModel } from "./studio-model";
import { draftSection, vintageSection } from "./suggestion-panels";
import { toolWords } from "./studio-tools";
import { keyName } from "../ui/keys";

/** One fold of the side panel; open or not is remembered. */
export function fold(name: string, title: string, body: TemplateResult | typeof nothing, isOpen = true): TemplateResult {
  const remember = (event: Event): void => {
    const box = event.currentTarget as HTMLDetailsElement;
    if (box.open !== preferred(`fold-${name}`, isOpen)) prefer(`fold-${name}`, box.open);
  };
  return html`<details class="section" data-testid=${`section-${name}`} ?open=${preferred(`fold-${name}`, isOpen)} @toggle=${remember}>
    <summary>${title}</summary>
    ${body}
  </details>`;
}

function whySection(model: StudioModel): TemplateResult {
  const { assignment, campaign, language, state, actions } = model;
  const tile = assignment?.tile;
  const day = tile?.acquired_on ?? campaign.layer.acquired_on;
  const taken = day ? new Date(`${day}T12:00:00`).toLocaleDateString(dateLocale(language), { dateStyle: "long" }) : null;
  const nameOf = (code: string): string => {
    const found = campaign.nomenclature.classes.find((one) => one.code === code);
    return found ? found.name[language] || found.name.en : code;
  };
  return html`<sc-why-card .why=${assignment?.why ?? null} .review=${assignment?.annotation.review ?? null} .nameOf=${nameOf} .parts=${model.parts.length}></sc-why-card>
    ${assignment?.blind === true && assignment.why?.kind !== "control"
      ? html`<p class="quiet" data-testid="blind">${gettext("On a share of the tiles nothing of the model is shown, so that one sees what people say without it.")}</p>`
      : nothing}
    ${tile
      ? html`<p class="quiet">${taken ? interpolate(gettext("Image of %(day)s."), { day: taken }) : interpolate(gettext("Image: %(vintage)s."), { vintage: campaign.layer.vintage })}
          ${interpolate(tile.part ? gettext("The quarter is %(side)s m wide.") : gettext("The tile is %(side)s m wide."), { side: decimal(tile.tile_px * tile.gsd_m) })}</p>`
      : nothing}
    ${tile && !tile.part && assignment.lease
      ? html`<p class="quiet">${gettext("Too much on it for one sitting?")}</p>
          <button type="button" class="wide" data-testid="quarter" ?disabled=${state.isReadOnly || state.phase !== "working"} aria-keyshortcuts="Q"
            @click=${() => { actions.command("quarter"); }}>${gettext("Split in four…")} <kbd>Q</kbd></button>`
      : nothing}`;
}

/** The parts that are asked for, and how far each is. */
function partsSection({ parts, actions }: StudioModel): TemplateResult {
  const isDone = parts.every(({ state }) => state === "done");
  return html`<ul class="part-list">
      ${parts.map((part) => html`<li><button type="button" class="part" data-testid=${`part-${part.number}`} @click=${() => { actions.goToPart(part); }}>
        ${icon(part.state === "done" ? "check" : "target")}<span>${partWords(part)}</span></button></li>`)}
    </ul>
    ${isDone
      ? html`<p class="quiet" data-testid="parts-done">${gettext("All parts are done: submit the tile.")}</p>`
      : html`<button type="button" class="wide" data-testid="next-part" aria-keyshortcuts="W" @click=${() => { actions.command("next-part"); }}>${gettext("Next part to label")} <kbd>W</kbd></button>`}`;
}

function provenanceWords(provenance: Provenance): string {
  const words: Readonly<Record<Provenance, string>> = {
    drawn: gettext("Drawn by hand"),
    corrected: gettext("Offered, then corrected by hand"),
    accepted: gettext("Taken from the model as it was"),
    segment: gettext("Made of segments"),
    copied: gettext("Copied from another vintage"),
    imported: gettext("Imported"),
  };
  return words[provenance];
}

function shapeSection(model: StudioModel, draft: Draft): TemplateResult {
  const { state, classes, actions, campaign, suggestions } = model;
  const shapes = state.selected.flatMap((id) => draft.features.get(id) ?? []);
  const [first] = shapes;
  if (!first) return html``;
  const off = state.isReadOnly;
  const area = squareMetres(shapes.reduce((sum, f) => sum + doubleArea(f.rings), 0), campaign.layer.gsd_m);
  const shown = classes.find((c) => c.code === first.class_code);
  const confidence = suggestions.find(first.id)?.confidence ?? null;
  const button = (command: "search" | "tool-delete" | "tool-split" | "tool-merge", label: string, key: string): TemplateResult =>
    html`<button type="button" data-testid=${`shape-${command}`} ?disabled=${off} @click=${() => { actions.command(command); }}>${label} <kbd>${keyName(key)}</kbd></button>`;
  return html`<div class="shape-card" data-testid="shape-card">
    ${shapes.length === 1
      ? html`<p class="shape-class">${shown ? swatch(shown.colour) : nothing} <b>${first.class_code}</b> ${shown?.name ?? ""}</p>
          <dl class="facts">
            <dt>${gettext("Area")}</dt><dd>${decimal(area, 1)} m²</dd>
            <dt>${gettext("Origin")}</dt><dd>${provenanceWords(first.provenance)}</dd>
            ${confidence === null ? nothing : html`<dt>${gettext("The model was sure at")}</dt><dd>${percent(confidence)}</dd>`}
          </dl>`
      : html`<p class="shape-class">${interpolate(gettext("%(n)s shapes selected, %(area)s m²"), { n: shapes.length, area: decimal(area, 1) })}</p>`}
    <div class="button-row">
      ${button("search", gettext("Class"), "/")}
      ${button("tool-split", gettext("Split"), "K")}
      ${button("tool-merge", gettext("Merge"), "M")}
      ${button("tool-delete", gettext("Delete"), "Del")}
    </div>
  </div>`;
}

function levelWords(level: SegmentLevel): string {
  return {
    broadest: gettext("Very large"), broad: gettext("Large"), coarse: gettext("Medium"), medium: gettext("Small"), fine: gettext("Very small"),
  }[level];
}

function segmentSection({ segments, state, actions }: StudioModel): TemplateResult {
  return html`${state.tool === "segments" ? nothing : html`<p class="quiet first">${gettext("The image cut where its colours change: whole pieces get the class in hand.")}</p>`}
    <div class="segmented" role="group" aria-label=${gettext("Size of the segments")}>
      ${SEGMENT_LEVELS.map((level) => html`<button type="button" data-testid=${`level-${level}`} ?disabled=${state.phase !== "working"} aria-pressed=${String(segments.level === level)}
        @click=${() => { actions.setLevel(level); }}>${levelWords(level)}</button>`)}
    </div>
    ${segments.phase === "loading" ? html`<p class="quiet busy">${gettext("Cutting the image…")}</p>` : nothing}
    ${segments.phase === "ready" && segments.segments ? html`<p class="quiet" data-testid="segment-count">${interpolate(gettext("%(n)s segments"), { n: segments.segments.count })}</p>` : nothing}
    ${segments.phase === "failed"
      ? html`<p class="quiet trouble" role="alert">${segments.message}</p>
          <button type="button" class="wide" data-testid="retry-segments" @click=${() => { actions.retrySegments(); }}>${gettext("Try again")}</button>`
      : nothing}
    ${segments.phase === "idle"
      ? html`<button type="button" class="wide" ?disabled=${state.phase !== "working"} @click=${() => { actions.command("tool-segments"); }}>${icon("segments")} ${gettext("Show segments")} <kbd>S</kbd></button>`
      : nothing}`;
}

function brushSection({ state, actions }: StudioModel): TemplateResult {
  return html`<label class="range">
    <span>${gettext("Brush size")}</span>
    <input type="range" min="2" max="128" step="2" data-testid="brush-size" .value=${String(state.brushPx)}
      @input=${(event: InputEvent) => { actions.setBrushPx(Number((event.target as HTMLInputElement).value)); }}>
    <output>${state.brushPx} px</output>
  </label>`;
}

function viewSection(model: StudioModel): TemplateResult {
  const { campaign, state, segments, actions } = model;
  return html`<sc-view-panel extended .views=${viewsOf(campaign.layer.bands)} .view=${state.view} .opacity=${state.opacity} .labels=${state.labels}
      .brightness=${state.brightness} .contrast=${state.contrast} .surroundings=${state.surroundings} .patterns=${state.patterns} .gaps=${state.gaps}
      .doubt=${state.doubt} .doubtOffered=${segments.doubtPhase !== "none"} .asked=${state.asked} .askedOffered=${model.parts.length > 0}
      @look=${(event: CustomEvent<Partial<ViewSettings>>) => { actions.setLook(event.detail); }}></sc-view-panel>
    ${state.doubt && segments.doubtPhase === "loading" ? html`<p class="quiet busy">${gettext("Bringing the model's doubt…")}</p>` : nothing}
    ${segments.doubtPhase === "failed"
      ? html`<p class="quiet trouble" role="alert">${segments.doubtMessage}</p>
          <button type="button" class="wide" @click=${() => { actions.retryDoubt(); }}>${gettext("Try again")}</button>`
      : nothing}
    ${state.gaps
      ? html`<div class="button-row"><button type="button" @click=${() => { actions.command("next-gap"); }}>${gettext("Next gap")} <kbd>U</kbd></button>
          ${model.parts.length > 0 ? nothing : html`<button type="button" data-testid="fill-all" ?disabled=${state.isReadOnly || state.phase !== "working"} @click=${() => { actions.fillGaps(); }}>${gettext("Fill all gaps")}</button>`}</div>`
      : nothing}`;
}

function classSection(model: StudioModel): TemplateResult {
  const { state, session, classes, actions } = model;
  const one = state.selected.length > 0 ? session?.draft.features.get(state.selected[0] as string) : undefined;
  const figures = session ? figuresOf(session.draft).byClass : new Map();
  return html`<sc-palette .classes=${classes} .active=${one?.class_code ?? state.activeClass?.code ?? ""} .recent=${state.recent} .figures=${figures}
    @class-chosen=${(event: CustomEvent<string>) => { actions.chooseClass(event.detail); }}></sc-palette>`;
}

/** The keys of the tool in hand, as buttons for hands that have no keyboard; those without which the panel has a better control. */
export function screenKeys({ screenKeys: keys, actions }: StudioModel, without = ""): TemplateResult | typeof nothing {
  const shown = keys.filter(({ key }) => !without.includes(key));
  if (shown.length === 0) return nothing;
  return html`<div class="screen-keys" role="group" aria-label=${gettext("Keys of the tool in hand")}>
    ${shown.map(({ key, words, isOff, isHeld }) => html`<button type="button" data-testid=${`key-${key}`} ?disabled=${isOff ?? false}
      aria-pressed=${key === "Alt" || key === "Shift" ? String(isHeld) : nothing} @click=${() => { actions.pressScreenKey(key); }}>${words}</button>`)}
  </div>`;
}

/** What the tool in hand can be told, for the tools that have something to tell. */
function controls(model: StudioModel): TemplateResult | typeof nothing {
  const { tool } = model.state;
  if (tool === "brush" || tool === "eraser") return brushSection(model);
  if (tool === "segments") return segmentSection(model);
  if (tool === "draft") return model.suggestions.source === "vintage" ? vintageSection(model) : draftSection(model);
  return nothing;
}

/** The tool in hand, above all that scrolls. */
function toolInHand(model: StudioModel): TemplateResult | typeof nothing {
  const { state, session } = model;
  const shown = session ? controls(model) : nothing;
  // Where the panel is closed they stand below the map.
  const keys = state.panel ? screenKeys(model, "[]A") : nothing;
  if (shown === nothing && keys === nothing) return nothing;
  const [title] = toolWords()[state.tool];
  return html`<section class="section tool-in-hand" aria-label=${title} data-testid="tool-in-hand"><h2>${title}</h2>${keys}${shown}</section>`;
}

/** Everything at the right of the map. */
export function panel(model: StudioModel): TemplateResult {
  const { state, session, actions, suggestions } = model;
  const hasSelection = state.selected.length > 0 && session !== null;
  const isTaking = state.tool === "draft" && session !== null;
  const isVintage = suggestions.source === "vintage";
  return html`<aside class="studio-panel" id="studio-panel" aria-label=${gettext("Side panel")} ?hidden=${!state.panel}>
    <button type="button" class="panel-close" aria-label=${gettext("Close the panel")} @click=${() => { actions.command("panel"); }}>${icon("close")}</button>
    ${toolInHand(model)}
    <div class="panel-scroll">
    ${model.parts.length > 0 ? fold("parts", partsWords(model.parts), partsSection(model)) : nothing}
    ${session && hasSelection ? fold("shape", gettext("Selected shape"), shapeSection(model, session.draft)) : nothing}
    ${model.isPractice || model.correction ? nothing : fold("why", gettext("Why this tile"), whySection(model))}
    ${fold("class", hasSelection ? gettext("Class of the selected shape") : gettext("Class to draw"), classSection(model))}
    ${isTaking && !isVintage ? nothing : fold("draft", gettext("Model's draft"), draftSection(model))}
    ${state.tool === "segments" && session ? nothing : fold("segments", gettext("Segments"), segmentSection(model), false)}
    ${fold("view", gettext("Image and labels"), viewSection(model))}
    ${model.assignment?.other_vintages === true && !(isTaking && isVintage) ? fold("vintage", gettext("Another vintage"), vintageSection(model), false) : nothing}
    </div>
  </aside>`;
}
