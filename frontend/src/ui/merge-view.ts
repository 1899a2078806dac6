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

function kindWords({ kind }: Place): string {
  if (kind === "only mine") return gettext("changed in this browser");
  return kind === "only theirs" ? gettext("changed on the server") : gettext("changed on both sides");
}

function outline(feature: Feature): string {
  return feature.rings.map((ring) => `M${ring.map(([x, y]) => `${x} ${y}`).join("L")}Z`).join("");
}

const shapesOf = (place: Place, side: Side): readonly Feature[] => (side === "mine" ? place.mine : place.theirs);

/** Both versions of a tile side by side, and a choice for each place where they differ. */
export class MergeView extends LightElement {
  static override properties = {
    mine: { attribute: false }, theirs: { attribute: false }, base: { attribute: false }, side: { attribute: false },
    colours: { attribute: false }, language: { attribute: false }, choices: { state: true },
  };

  declare mine: Version;
  declare theirs: Version;
  declare base: readonly Feature[] | null;
  declare side: number;
  declare colours: ReadonlyMap<string, string>;
  declare language: string;
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
      const state = differs ? ` differs${this.choices[i] === side ? "" : " left-out"}` : "";
      return svg`<path class=${`merge-shape${state}`} d=${outline(feature)} fill-rule="evenodd"
        fill=${this.colours.get(feature.class_code) ?? "#888888"} @click=${differs ? () => { this.choose(i, side); } : nothing}></path>`;
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
        ${differing.map((place, i) => html`<li><fieldset>
          <legend>${interpolate(gettext("Place %(n)s: %(what)s"), { n: i + 1, what: kindWords(place) })}</legend>
          ${this.option(place, i, "mine", gettext("In this browser"))}${this.option(place, i, "theirs", gettext("On the server"))}
        </fieldset></li>`)}
      </ol>`;
  }
}

customElements.define("sc-merge-view", MergeView);

function fill(dialog: HTMLDialogElement, view: MergeView): void {
  dialog.className = "dialog merge";
  dialog.setAttribute("aria-labelledby", "merge-title");
  dialog.setAttribute("aria-describedby", "merge-text");
  render(
    html`<form method="dialog">
      <h2 id="merge-title">${gettext("This tile was changed elsewhere")}</h2>
      <p id="merge-text">${gettext("It was saved from another window or by another person since you opened it. Nothing is lost yet: choose what stays, place by place or as a whole. You can undo your choice.")}</p>
      ${view}
      <div class="dialog-buttons">
        <button type="submit" value="theirs" data-testid="conflict-theirs">${gettext("Take the server's")}</button>
        <button type="submit" value="mine" data-testid="conflict-mine">${gettext("Keep mine")}</button>
        <button type="submit" value="chosen" class="primary" data-testid="conflict-chosen" autofocus>${gettext("Go on with this choice")}</button>
      </div>
    </form>`,
    dialog,
  );
}

/**
 * Asks what stays of two versions, and gives the features to go on with. Escape is no answer: the dialog comes back, or
 * one of the two would go unseen.
 */
export function mergeDialog(
  mine: Version,
  theirs: Version,
  base: readonly Feature[] | null,
  side: number,
  colours: ReadonlyMap<string, string>,
  language: string,
): Promise<readonly Feature[]> {
  const view = Object.assign(document.createElement("sc-merge-view") as MergeView, { mine, theirs, base, side, colours, language });
  const dialog = document.createElement("dialog");
  fill(dialog, view);
  document.body.append(dialog);
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); });
  dialog.showModal();
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
