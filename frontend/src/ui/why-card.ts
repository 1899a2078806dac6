import { html, nothing, type TemplateResult } from "lit";
import type { ReviewOutcome, ReviewReason, Why } from "../api/types";
import { gettext, interpolate } from "../i18n";
import { LightElement } from "./element";
import { reportedPlaces } from "./reported-places";

interface Words {
  readonly title: string;
  readonly text: string;
}

function whyWords(why: Why): Words {
  switch (why.kind) {
    case "uncertainty":
      return {
        title: gettext("The model hesitates here"),
        text: gettext("Of the tiles left, the model is least sure of places like this one. Your labels teach it most here."),
      };
    case "suspect":
      return {
        title: gettext("The model may be wrong here"),
        text: gettext("It is sure of itself, yet something speaks against it: the map of another year, or labels of places that look like this one. What do you see?"),
      };
    case "random":
      return {
        title: gettext("Drawn at random"),
        text: gettext("A share of the tiles is drawn at random, so that the figures speak for the whole territory."),
      };
    case "control":
      return {
        title: gettext("A control tile"),
        text: gettext("It measures how good the map is. No draft is shown here, so that your eye alone decides, and the model never learns from it."),
      };
    case "initial":
      return {
        title: gettext("Among the first labels"),
        text: gettext("There is no model yet. The first tiles give it something to learn from."),
      };
    case "reported":
      return { title: gettext("Someone reported this place"), text: gettext("A reader of the map saw something wrong here. What do you see?") };
    case "area":
      return { title: gettext("In a priority area"), text: gettext("The campaign's maintainers want this area labelled before the others.") };
    case "picked":
      return { title: gettext("You chose this tile"), text: gettext("You picked it on the map yourself.") };
    case "sent_back":
      return { title: gettext("Sent back to you"), text: gettext("A reviewer asks for a correction. Change what is needed and submit again.") };
  }
}

export function reasonWords(reason: ReviewReason): string {
  const words: Record<ReviewReason, string> = {
    geometry: gettext("The outlines do not follow the image"),
    class: gettext("A class is wrong"),
    incomplete: gettext("Ground that can be labelled is missing"),
    imagery: gettext("The imagery does not allow a label"),
    other: gettext("Another reason"),
    "": "",
  };
  return words[reason];
}

/** An acquisition function in words; one that an operator added keeps its name. */
export function functionWords(name: string): string {
  const words: Record<string, string> = {
    doubt_and_diversity: gettext("doubt and variety"),
    diversity: gettext("variety"),
    entropy: gettext("doubt"),
    rare_doubt: gettext("doubt, rare classes first"),
    random: gettext("chance"),
    initial: gettext("chance"),
  };
  return words[name] ?? name;
}

/** What a round's scores are the mean of, pixel by pixel; one that an operator added keeps its name. */
export function scoreWords(name: string): string {
  const words: Record<string, string> = {
    "": gettext("Mean entropy (nats)"),
    entropy: gettext("Mean entropy (nats)"),
    margin: gettext("Closeness of the two likeliest classes"),
    least_confidence: gettext("Doubt in the likeliest class"),
    bald: gettext("Disagreement of repeated answers (nats)"),
  };
  return words[name] ?? interpolate(gettext("Mean of %(name)s"), { name });
}

function figures(why: Why): [string, string][] {
  const rows: [string, string | number | null][] = [
    [gettext("Chosen by"), why.function === null ? null : functionWords(why.function)],
    [scoreWords(why.pixel_score ?? ""), why.score === null ? null : why.score.toFixed(3)],
    [gettext("Rank in the queue"), why.rank],
    [gettext("Round"), why.round],
    [gettext("Model"), why.model_version],
    [gettext("Chance of being drawn"), why.probability === null ? null : why.probability.toPrecision(2)],
  ];
  return rows.flatMap(([name, value]): [string, string][] => (value === null || value === "" ? [] : [[name, String(value)]]));
}

/** Why this tile came up, in plain words; the figures are one click away. */
export class WhyCard extends LightElement {
  static override properties = { why: { attribute: false }, review: { attribute: false }, nameOf: { attribute: false }, parts: { attribute: false } };

  declare why: Why | null;
  declare review: ReviewOutcome | null;
  /** A class's name in the page's language. */
  declare nameOf: (code: string) => string;
  /** How many parts of the tile are asked for; none: all of it. */
  declare parts: number;

  constructor() {
    super();
    this.why = null;
    this.review = null;
    this.nameOf = (code) => code;
    this.parts = 0;
  }

  protected override render(): TemplateResult | typeof nothing {
    if (!this.why) return nothing;
    const { title, text } = whyWords(this.why);
    const rows = figures(this.why);
    const review = this.review?.verdict === "send_back" ? this.review : null;
    return html`<div class="why-card">
      <h2>${title}</h2>
      <p>${text}</p>
      ${this.parts > 0 ? html`<p data-testid="why-parts">${gettext("Only parts of the tile are asked for: they are bordered on the image. The rest may stay as it is.")}</p>` : nothing}
      ${review
        ? html`<blockquote>
            <p><strong>${reasonWords(review.reason)}</strong></p>
            ${review.comment ? html`<p>${interpolate(gettext("“%(comment)s”"), { comment: review.comment })}</p>` : nothing}
            ${review.marks.length > 0
              ? html`<p>${gettext("The numbers are marked on the tile:")}</p>
                <ol>${review.marks.map((mark) => html`<li>${reasonWords(mark.reason)}${mark.comment ? html`<br>${mark.comment}` : nothing}</li>`)}</ol>`
              : nothing}
          </blockquote>`
        : nothing}
      ${reportedPlaces(this.why.reports ?? [], this.nameOf)}
      ${rows.length > 0
        ? html`<details>
            <summary>${gettext("Figures")}</summary>
            <dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
          </details>`
        : nothing}
    </div>`;
  }
}

customElements.define("sc-why-card", WhyCard);
