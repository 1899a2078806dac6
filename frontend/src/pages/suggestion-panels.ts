import { html, nothing, type TemplateResult } from "lit";
import type { Vintage } from "../api/types";
import { above, type Suggestion } from "../domain/suggestion";
import { gettext, interpolate, percent } from "../i18n";
import { isOnGlass } from "../map/input";
import { icon, swatch } from "../ui/icons";
import type { StudioModel } from "./studio-model";
import { notJudgedWords } from "./tile-words";

const LISTED = 4;

function row({ classes, actions, state }: StudioModel, suggestion: Suggestion, isCurrent: boolean): TemplateResult {
  const shown = classes.find((c) => c.code === suggestion.class_code);
  const sure = suggestion.confidence === null ? "" : percent(suggestion.confidence);
  return html`<li class="suggestion" aria-current=${isCurrent ? "true" : "false"}>
    <button type="button" class="suggestion-look" data-testid="suggestion" @click=${() => { actions.lookAtSuggestion(suggestion.id); }}>
      ${shown ? swatch(shown.colour) : nothing}<span class="class-name">${shown?.name ?? suggestion.class_code}</span><span class="class-count">${sure}</span>
    </button>
    <button type="button" class="suggestion-take" ?disabled=${state.isReadOnly} aria-label=${interpolate(gettext("Take %(class)s"), { class: shown?.name ?? suggestion.class_code })}
      @click=${() => { actions.takeSuggestion(suggestion.id); }}>${icon("check")}</button>
  </li>`;
}

/** The suggestions one by one: the least sure first, a few listed, all reachable. */
function stepper(model: StudioModel, open: readonly Suggestion[]): TemplateResult {
  const { session, suggestions, actions, state } = model;
  const current = session ? suggestions.current(session.draft) : null;
  if (!current) return html``;
  const at = open.indexOf(current);
  const from = Math.max(0, Math.min(at - 2, open.length - LISTED));
  return html`<div class="stepper">
      <button type="button" class="bar-icon" aria-label=${gettext("Suggestion before")} data-testid="suggestion-previous" @click=${() => { actions.stepSuggestion(-1); }}>${icon("back")}</button>
      <span>${interpolate(gettext("%(n)s of %(count)s"), { n: at + 1, count: open.length })}</span>
      <button type="button" class="bar-icon" aria-label=${gettext("Next suggestion")} data-testid="suggestion-next" @click=${() => { actions.stepSuggestion(1); }}>${icon("next")}</button>
      <button type="button" class="primary" data-testid="take" ?disabled=${state.isReadOnly} @click=${() => { actions.command("take"); }}>${gettext("Take")} <kbd>A</kbd></button>
    </div>
    <ul class="suggestion-list">${open.slice(from, from + LISTED).map((s) => row(model, s, s === current))}</ul>
    ${isOnGlass(state.hand) ? nothing : html`<p class="quiet">${gettext("With the draft tool in hand, a class key takes the suggestion under another class.")}</p>`}`;
}

function offered(model: StudioModel): TemplateResult {
  const { session, suggestions, actions, state } = model;
  if (!session) return html``;
  const open = suggestions.open(session.draft);
  const isModel = suggestions.source === "model";
  const wouldTake = isModel ? above(open, suggestions.threshold).length : open.length;
  return html`<label class="switch first">
      <input type="checkbox" data-testid="show-suggestions" .checked=${suggestions.isShown} @change=${(event: Event) => { actions.showSuggestions((event.target as HTMLInputElement).checked); }}>
      <span>${gettext("Show suggestions")}</span>
    </label>
    ${isModel && !suggestions.modelJudged ? html`<p class="quiet" data-testid="not-judged">${notJudgedWords()}</p>` : nothing}
    ${open.length === 0
      ? html`<p class="quiet" data-testid="suggestions-done">${suggestions.total === 0
          ? gettext("It is empty here: draw what you see.")
          : gettext("Nothing is left to take: all its ground is labelled.")}</p>`
      : html`${isModel
            ? html`<label class="range">
                <span>${gettext("Sure at least")}</span>
                <input type="range" min="50" max="100" step="1" data-testid="threshold" .value=${String(Math.round(suggestions.threshold * 100))}
                  @input=${(event: InputEvent) => { actions.setThreshold(Number((event.target as HTMLInputElement).value) / 100); }}>
                <output>${percent(suggestions.threshold)}</output>
              </label>`
            : nothing}
          <button type="button" class="wide" data-testid="take-all" ?disabled=${wouldTake === 0 || state.isReadOnly || !suggestions.isShown} @click=${() => { actions.command("take-all"); }}>
            ${isModel
              ? interpolate(gettext("Take all above %(share)s: %(n)s"), { share: percent(suggestions.threshold), n: wouldTake })
              : interpolate(gettext("Take all: %(n)s"), { n: wouldTake })} <kbd>⇧A</kbd>
          </button>
          ${suggestions.isShown ? stepper(model, open) : nothing}`}`;
}

/** The model's draft: why there is none, or what is left of it to take. */
export function draftSection(model: StudioModel): TemplateResult {
  const { assignment, suggestions, state, actions } = model;
  if (!assignment) return html``;
  if (!assignment.draft_available || suggestions.phase === "none") {
    const isControl = assignment.why?.kind === "control";
    return html`<p class="quiet first" data-testid="no-draft">${isControl
      ? gettext("No draft is offered here: this tile is kept apart to measure the map, and it takes a fresh eye.")
      : assignment.blind === true
        ? gettext("No draft is offered here: this tile takes a fresh eye.")
        : gettext("The model has no draft for this tile yet. Draw by hand, or label whole segments.")}</p>`;
  }
  if (suggestions.phase === "loading") return html`<p class="quiet first busy">${gettext("Bringing the model's draft…")}</p>`;
  if (suggestions.phase === "failed") {
    return html`<p class="quiet first trouble" role="alert">${suggestions.message}</p>
      <button type="button" class="wide" data-testid="draft" @click=${() => { actions.command("draft"); }}>${gettext("Try again")}</button>`;
  }
  if (suggestions.source === "model") return offered(model);
  return html`<button type="button" class="wide" data-testid="draft" ?disabled=${state.phase !== "working"} @click=${() => { actions.command("draft"); }}>
      ${icon("spark")} ${gettext("Start from the model's draft")} <kbd>D</kbd></button>
    <p class="quiet">${gettext("Keep what is right, change what is not.")}</p>`;
}

function vintageWords(vintage: Vintage): string {
  return `${vintage.vintage} · ${vintage.layer_title}`;
}

/** Labels of the same ground on another vintage, to copy where nothing changed. */
export function vintageSection(model: StudioModel): TemplateResult {
  const { suggestions, state, actions } = model;
  if (suggestions.vintagePhase === "idle") {
    return html`<button type="button" class="wide" data-testid="vintages" ?disabled=${state.phase !== "working"} @click=${() => { actions.openVintages(); }}>${gettext("Show labels of another vintage")}</button>
      <p class="quiet">${gettext("Copy what has not changed since; draw what has.")}</p>`;
  }
  if (suggestions.vintagePhase === "loading") return html`<p class="quiet first busy">${gettext("Looking for other vintages…")}</p>`;
  if (suggestions.vintagePhase === "failed") {
    return html`<p class="quiet first trouble" role="alert">${suggestions.vintageMessage}</p>
      <button type="button" class="wide" @click=${() => { actions.openVintages(); }}>${gettext("Try again")}</button>`;
  }
  if (suggestions.vintagePhase === "none") return html`<p class="quiet first">${gettext("This ground is not labelled on another vintage yet.")}</p>`;
  return html`<fieldset class="choices"><legend class="visually-hidden">${gettext("Vintage")}</legend>
      ${suggestions.vintages.map((vintage) => html`<label><input type="radio" name="vintage" .checked=${suggestions.vintage === vintage} @change=${() => { actions.chooseVintage(vintage); }}>
        <span>${vintageWords(vintage)}</span></label>`)}
    </fieldset>
    ${suggestions.source === "vintage" ? offered(model) : nothing}`;
}
