import { html, nothing, render, svg, type TemplateResult } from "lit";
import "../styles/merge.css";
import type { Feature } from "../domain/draft";
import { labelPoint } from "../domain/labelpoint";
import { compareVersions, mergeChosen, type Place, type Side, usualChoice } from "../domain/merge-versions";
import { dateLocale, gettext, interpolate } from "../i18n";
import { LightElement } from "./element";

export interface Version {
  readonly features: readonly Feature[];
  /** ISO 8601, or null where it is not known. */
  readonly at: string | null;
}

/** What a browser and the server have of one tile of this side. */
export interface Versions {
  readonly mine: Version;
  readonly theirs: Version;
  /** What both came from, where it is known. */
  readonly base: readonly Feature[] | null;
  readonly side: number;
}

function kindWords({ kind }: Place): string {
  if (kind === "only mine") return gettext("changed in this browser");
  return kind === "only theirs" ? gettext("changed on the server") : gettext("changed on both sides");
}

function outline(feature: Feature): string {
  return feature.rings.map((ring) => `M${ring.map(([x, y]) => `${x} ${y}`).join("L")}Z`).join("");
}

const shapesOf = (place: Place, side: Side): readonly Feature[] => (side === "mine" ? place.mine : place.theirs);

/** Both versions of a tile side by side, and a choice for each place where they differ, unless there is none left. */
export class MergeView extends LightElement {
  static override properties = {
    mine: { attribute: false }, theirs: { attribute: false }, base: { attribute: false }, side: { attribute: false },
    colours: { attribute: false }, language: { attribute: false }, isSettled: { attribute: false }, choices: { state: true },
  };

  declare mine: Version;
  declare theirs: Version;
  declare base: readonly Feature[] | null;
  declare side: number;
  declare colours: ReadonlyMap<string, string>;
  declare language: string;
  declare isSettled: boolean;
  declare choices: readonly Side[];
  private places: readonly Place[] = [];

  constructor() {
    super();
    this.mine = { features: [], at: null };
    this.theirs = this.mine;
    this.base = null;
    this.side = 1;
    this.colours = new Map();
    this.language = "en";
    this.isSettled = false;
    this.choices = [];
  }

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (!changed.has("mine") && !changed.has("theirs") && !changed.has("base")) return;
    this.places = compareVersions(this.mine.features, this.theirs.features, this.base);
    this.choices = this.places.map(usualChoice);
  }

  /** The features of the sides chosen so far. */
  get chosen(): readonly Feature[] {
    return mergeChosen(this.places, this.choices);
  }

  private choose(i: number, side: Side): void {
    this.choices = this.choices.map((choice, j) => (i === j ? side : choice));
  }

  private picture(side: Side): TemplateResult {
    const number = (feature: Feature, i: number): TemplateResult => {
      const [x, y] = labelPoint(feature.rings).at;
      return svg`<g transform="translate(${x} ${y}) scale(${this.side / 28})"><text class="merge-number">${i + 1}</text></g>`;
    };
    const shape = (feature: Feature, place: Place, i: number): TemplateResult => {
      const differs = place.kind !== "same";
      const state = differs ? ` differs${this.choices[i] === side || this.isSettled ? "" : " left-out"}` : "";
      return svg`<path class=${`merge-shape${state}`} d=${outline(feature)} fill-rule="evenodd"
        fill=${this.colours.get(feature.class_code) ?? "#888888"} @click=${differs && !this.isSettled ? () => { this.choose(i, side); } : nothing}></path>`;
    };
    const of = (place: Place, i: number): TemplateResult[] => shapesOf(place, side).map((feature) => shape(feature, place, i));
    const numbers = (place: Place, i: number): TemplateResult[] =>
      place.kind === "same" ? [] : shapesOf(place, side).slice(0, 1).map((feature) => number(feature, i));
    return html`<svg viewBox="0 0 ${this.side} ${this.side}" aria-hidden="true">${this.places.map(of)}${this.places.map(numbers)}</svg>`;
  }

  private card(side: Side, title: string, { features, at }: Version): TemplateResult {
    return html`<section class="merge-side">
      <h3>${title}</h3>
      ${this.picture(side)}
      <p>${interpolate(gettext("Shapes: %(n)s"), { n: features.length })}</p>
      <p class="quiet">${at ? new Date(at).toLocaleString(dateLocale(this.language), { dateStyle: "medium", timeStyle: "short" }) : ""}</p>
    </section>`;
  }

  private option(place: Place, i: number, side: Side, words: string): TemplateResult {
    const count = shapesOf(place, side).length;
    const what = count === 0 ? gettext("nothing there") : interpolate(gettext("shapes: %(n)s"), { n: count });
    return html`<label><input type="radio" name=${`place-${i}`} value=${side} .checked=${this.choices[i] === side}
      data-testid=${`place-${i + 1}-${side}`} @change=${() => { this.choose(i, side); }}> <span>${words} (${what})</span></label>`;
  }

  protected override render(): TemplateResult {
    const differing = this.places.filter((place) => place.kind !== "same");
    return html`<div class="merge-sides">
        ${this.card("mine", gettext("In this browser"), this.mine)}${this.card("theirs", gettext("On the server"), this.theirs)}
      </div>
      <ol class="merge-places" aria-label=${gettext("Places that differ")}>
        ${differing.map((place, i) => {
          const words = interpolate(gettext("Place %(n)s: %(what)s"), { n: i + 1, what: kindWords(place) });
          return this.isSettled ? html`<li>${words}</li>` : html`<li><fieldset>
            <legend>${words}</legend>
            ${this.option(place, i, "mine", gettext("In this browser"))}${this.option(place, i, "theirs", gettext("On the server"))}
          </fieldset></li>`;
        })}
      </ol>`;
  }
}

customElements.define("sc-merge-view", MergeView);

/** A dialog about both versions, open; its buttons' values are the answer. */
function openDialog(view: MergeView, title: string, text: string, buttons: TemplateResult): HTMLDialogElement {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog merge";
  dialog.setAttribute("aria-labelledby", "merge-title");
  dialog.setAttribute("aria-describedby", "merge-text");
  render(
    html`<form method="dialog">
      <h2 id="merge-title">${title}</h2>
      <p id="merge-text">${text}</p>
      ${view}
      <div class="dialog-buttons">${buttons}</div>
    </form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function viewOf(versions: Versions, colours: ReadonlyMap<string, string>, language: string, isSettled: boolean): MergeView {
  return Object.assign(document.createElement("sc-merge-view") as MergeView, { ...versions, colours, language, isSettled });
}

/**
 * Asks what stays of two versions, and gives the features to go on with. Escape is no answer: the dialog comes back, or
 * one of the two would go unseen.
 */
export function mergeDialog(versions: Versions, colours: ReadonlyMap<string, string>, language: string): Promise<readonly Feature[]> {
  const { mine, theirs } = versions;
  const view = viewOf(versions, colours, language, false);
  const dialog = openDialog(
    view,
    gettext("This tile was changed elsewhere"),
    gettext("It was saved from another window or by another person since you opened it. Nothing is lost yet: choose what stays, place by place or as a whole. You can undo your choice."),
    html`<button type="submit" value="theirs" data-testid="conflict-theirs">${gettext("Take the server's")}</button>
      <button type="submit" value="mine" data-testid="conflict-mine">${gettext("Keep mine")}</button>
      <button type="submit" value="chosen" class="primary" data-testid="conflict-chosen" autofocus>${gettext("Go on with this choice")}</button>`,
  );
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answers: Readonly<Record<string, readonly Feature[]>> = {
        mine: mine.features, theirs: theirs.features, chosen: view.chosen,
      };
      const answer = answers[dialog.returnValue];
      if (!answer) {
        dialog.showModal();
        return;
      }
      dialog.remove();
      resolve(answer);
    });
  });
}

/** Shows work that a split came before, beside what the quarters were cut from; whether it is to be removed here. */
export function splitWorkDialog(versions: Versions, colours: ReadonlyMap<string, string>, language: string): Promise<boolean> {
  const dialog = openDialog(
    viewOf(versions, colours, language, true),
    gettext("What you drew before the tile was split"),
    gettext("The tile was split in four before this reached the server, so the server does not take it as a whole. The quarters have what was on the server: draw there what is missing, place by place, then remove this."),
    html`<button type="submit" value="remove" data-testid="split-work-remove">${gettext("Remove from this browser")}</button>
      <button type="submit" value="" class="primary" autofocus>${gettext("Close")}</button>`,
  );
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "remove");
    });
  });
}
