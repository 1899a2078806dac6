import { html, nothing, svg, type TemplateResult } from "lit";
import { gettext, interpolate, percent } from "../i18n";
import { DOUBT_LEGEND } from "../map/doubt-layer";
import { viewKind } from "../map/imagery";
import { LightElement } from "./element";

function bandWords(band: string): string {
  switch (band) {
    case "R": return gettext("Red alone");
    case "G": return gettext("Green alone");
    case "B": return gettext("Blue alone");
    case "NIR": return gettext("Near infrared alone");
    default: return interpolate(gettext("Band %(name)s"), { name: band });
  }
}

export function viewWords(view: string): string {
  switch (viewKind(view)) {
    case "colour": return gettext("True colour");
    case "infrared": return gettext("Infrared");
    case "vegetation": return gettext("Vegetation index");
    case "height": return gettext("Height");
    case "band": return bandWords(view.replace(/^band-/, ""));
  }
}

/** How the image and the labels look. */
export interface ViewSettings {
  view: string;
  brightness: number;
  contrast: number;
  surroundings: number;
  opacity: number;
  labels: boolean;
  patterns: boolean;
  gaps: boolean;
  doubt: boolean;
  asked: boolean;
}

/** The overlay's colours from sure to hesitating. */
function legend(): TemplateResult {
  return html`<svg class="ramp-bar" viewBox="0 0 ${DOUBT_LEGEND.length} 1" preserveAspectRatio="none" aria-hidden="true" focusable="false">
    ${DOUBT_LEGEND.map(({ colour }, i) => svg`<rect x=${i} width="1.02" height="1" fill=${colour}></rect>`)}
  </svg>`;
}

type Slider = "brightness" | "contrast" | "surroundings" | "opacity";
type Switch = "labels" | "patterns" | "gaps" | "doubt" | "asked";

/** Settings of the image and the labels; `extended` shows all of them. Fires "look" with what changed. */
export class ViewPanel extends LightElement {
  static override properties = {
    extended: { type: Boolean },
    views: { attribute: false },
    view: { attribute: false },
    opacity: { attribute: false },
    labels: { attribute: false },
    brightness: { attribute: false },
    contrast: { attribute: false },
    surroundings: { attribute: false },
    patterns: { attribute: false },
    gaps: { attribute: false },
    doubt: { attribute: false },
    doubtOffered: { attribute: false },
    asked: { attribute: false },
    askedOffered: { attribute: false },
  };

  declare extended: boolean;
  declare views: readonly string[];
  declare view: string;
  declare opacity: number;
  declare labels: boolean;
  declare brightness: number;
  declare contrast: number;
  declare surroundings: number;
  declare patterns: boolean;
  declare gaps: boolean;
  declare doubt: boolean;
  declare doubtOffered: boolean;
  declare asked: boolean;
  declare askedOffered: boolean;

  constructor() {
    super();
    Object.assign(this, {
      extended: false, views: [], view: "rgb", opacity: 0.45, labels: true, brightness: 1, contrast: 1, surroundings: 0.5,
      patterns: false, gaps: false, doubt: false, doubtOffered: false, asked: true, askedOffered: false,
    });
  }

  private tell(change: Partial<ViewSettings>): void {
    this.dispatchEvent(new CustomEvent("look", { detail: change }));
  }

  private range(name: Slider, label: string, [least, most]: readonly [number, number]): TemplateResult {
    const value = this[name];
    return html`<label class="range">
      <span>${label}</span>
      <input type="range" min=${least} max=${most} step="5" data-testid=${`range-${name}`} .value=${String(Math.round(value * 100))}
        @input=${(event: InputEvent) => { this.tell({ [name]: Number((event.target as HTMLInputElement).value) / 100 }); }}>
      <output>${percent(value)}</output>
    </label>`;
  }

  private switch(name: Switch, label: string, key: string): TemplateResult {
    return html`<label class="switch">
      <input type="checkbox" data-testid=${`switch-${name}`} .checked=${this[name]}
        @change=${(event: Event) => { this.tell({ [name]: (event.target as HTMLInputElement).checked }); }}>
      <span>${label}</span> ${key ? html`<kbd>${key}</kbd>` : nothing}
    </label>`;
  }

  private more(): TemplateResult {
    const isPlain = this.brightness === 1 && this.contrast === 1;
    return html`
      ${this.switch("patterns", gettext("Patterns beside colours"), "")}
      ${this.switch("gaps", gettext("Show unlabelled ground"), "")}
      ${this.doubtOffered ? this.switch("doubt", gettext("Show where the model hesitates"), "O") : nothing}
      ${this.doubt && this.doubtOffered
        ? html`<p class="ramp"><span>${gettext("sure")}</span>${legend()}<span>${gettext("hesitates")}</span></p>`
        : nothing}
      ${this.range("brightness", gettext("Brightness"), [40, 200])}
      ${this.range("contrast", gettext("Contrast"), [40, 200])}
      ${this.range("surroundings", gettext("Dimming around the tile"), [0, 100])}
      <button type="button" class="wide" ?disabled=${isPlain} data-testid="reset-image" @click=${() => { this.tell({ brightness: 1, contrast: 1 }); }}>${gettext("Image as it was")}</button>`;
  }

  protected override render(): TemplateResult {
    return html`
      <div class="segmented" role="group" aria-label=${gettext("Imagery view")}>
        ${this.views.map((view) => html`<button type="button" data-testid=${`view-${view}`} aria-pressed=${view === this.view ? "true" : "false"}
          @click=${() => { this.tell({ view }); }}>${viewWords(view)}</button>`)}
      </div>
      ${this.range("opacity", gettext("Label opacity"), [0, 100])}
      ${this.switch("labels", gettext("Show labels"), "H")}
      ${this.askedOffered ? this.switch("asked", gettext("Show the parts to label"), this.extended ? "⇧W" : "") : nothing}
      ${this.extended ? this.more() : nothing}`;
  }
}

customElements.define("sc-view-panel", ViewPanel);
