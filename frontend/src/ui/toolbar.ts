import { html, nothing, type TemplateResult } from "lit";
import { LightElement } from "./element";
import { icon, type IconName } from "./icons";

export interface ToolButton {
  readonly id: string;
  readonly icon: IconName;
  readonly label: string;
  readonly key: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
}

/** A column of tools, in groups. Fires "tool" with the button's id. */
export class ToolBar extends LightElement {
  static override properties = { groups: { attribute: false }, label: { attribute: false } };

  declare groups: readonly (readonly ToolButton[])[];
  declare label: string;

  constructor() {
    super();
    this.groups = [];
    this.label = "";
  }

  private button(tool: ToolButton): TemplateResult {
    return html`<button type="button" class="tool" data-testid=${tool.id} aria-label=${tool.label}
      aria-keyshortcuts=${tool.key} aria-pressed=${tool.pressed === undefined ? nothing : String(tool.pressed)}
      ?disabled=${tool.disabled ?? false}
      @click=${() => this.dispatchEvent(new CustomEvent("tool", { detail: tool.id }))}>
      ${icon(tool.icon)}
      <span class="tool-tip" aria-hidden="true">${tool.label} <kbd>${tool.key}</kbd></span>
    </button>`;
  }

  protected override render(): TemplateResult {
    return html`<div class="toolbar" role="toolbar" aria-orientation="vertical" aria-label=${this.label}>
      ${this.groups.map((group) => html`<div class="tool-group">${group.map((tool) => this.button(tool))}</div>`)}
    </div>`;
  }
}

customElements.define("sc-toolbar", ToolBar);
