import { html, type TemplateResult } from "lit";
import { gettext, interpolate } from "../i18n";
import { LightElement } from "./element";

export function viewWords(view: string): string {
  if (view === "rgb") return gettext("True colour");
  if (view === "irc") return gettext("Infrared");
  if (view === "ndvi") return gettext("Vegetation index");
  return interpolate(gettext("Band %(name)s"), { name: view.replace(/^band-/, "") });
}

/** How the image and the labels are shown. Fires "view", "opacity" and "labels". */
export class ViewPanel extends LightElement {
  static override properties = {
    views: { attribute: false },
    view: { attribute: false },
    opacity: { attribute: false },
    labels: { attribute: false },
  };

  declare views: readonly string[];
  declare view: string;
  declare opacity: number;
  declare labels: boolean;

  constructor() {
    super();
    this.views = [];
    this.view = "rgb";
    this.opacity = 0.45;
    this.labels = true;
  }

  private tell(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  protected override render(): TemplateResult {
    return html`
      <div class="segmented" role="group" aria-label=${gettext("Imagery view")}>
        ${this.views.map((view) => html`<button type="button" data-testid=${`view-${view}`} aria-pressed=${view === this.view ? "true" : "false"}
          @click=${() => { this.tell("view", view); }}>${viewWords(view)}</button>`)}
      </div>
      <label class="range">
        <span>${gettext("Label opacity")}</span>
        <input type="range" min="0" max="100" step="5" .value=${String(Math.round(this.opacity * 100))}
          @input=${(event: InputEvent) => { this.tell("opacity", Number((event.target as HTMLInputElement).value) / 100); }}>
        <output>${Math.round(this.opacity * 100)} %</output>
      </label>
      <label class="switch">
        <input type="checkbox" .checked=${this.labels} @change=${(event: Event) => { this.tell("labels", (event.target as HTMLInputElement).checked); }}>
        <span>${gettext("Show labels")}</span> <kbd>H</kbd>
      </label>`;
  }
}

customElements.define("sc-view-panel", ViewPanel);
