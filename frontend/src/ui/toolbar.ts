import { html, nothing, type TemplateResult } from "lit";
import { LightElement } from "./element";
import { icon, type IconName } from "./icons";
import { keyName } from "./keys";

export interface ToolButton {
  readonly id: string;
  readonly icon: IconName;
  readonly label: string;
  readonly key: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
}

export interface ToolGroup {
  readonly label: string;
  readonly tools: readonly ToolButton[];
}

const GAP_PX = 10;
const EDGE_PX = 8;
/** Of the window that a touch of an arrow moves on by. */
const PAGE = 0.8;

/** Keys as assistive software writes them: "Del" is "Delete", "Ctrl+Z" is "Control+Z". */
function ariaKeys(key: string): string {
  return key.replace("Ctrl", "Control").replace("Del", "Delete").replace("⇧", "Shift+");
}

/** A column or a row of tools, in groups. Fires "tool" with the button's id. */
export class ToolBar extends LightElement {
  static override properties = { groups: { attribute: false }, label: { attribute: false }, tipped: { state: true }, beyond: { state: true } };

  declare groups: readonly ToolGroup[];
  declare label: string;
  declare tipped: ToolButton | null;
  /** Where tools are that one must scroll to: at which ends, and whether the bar lies. */
  declare beyond: string;
  private readonly observer = new ResizeObserver(() => { this.look(); });

  constructor() {
    super();
    this.groups = [];
    this.label = "";
    this.tipped = null;
    this.beyond = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("keydown", (event) => { if (event.key === "Escape") this.tipped = null; });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.observer.disconnect();
  }

  protected override firstUpdated(): void {
    const bar = this.bar();
    if (bar) for (const part of [bar, ...bar.children]) this.observer.observe(part);
  }

  private bar(): HTMLElement | null {
    return this.querySelector<HTMLElement>(".toolbar");
  }

  /** Looks for tools beyond the bar's ends. */
  private look(): void {
    const bar = this.bar();
    if (!bar) return;
    const isRow = getComputedStyle(bar).flexDirection === "row";
    const [at, shown, all] = isRow ? [bar.scrollLeft, bar.clientWidth, bar.scrollWidth] : [bar.scrollTop, bar.clientHeight, bar.scrollHeight];
    this.beyond = [isRow ? "row" : "column", at > 1 ? "before" : "", at + shown < all - 1 ? "after" : ""].join(" ");
  }

  /** An arrow at an end, while there are tools beyond it. For pointers alone: whoever tabs comes there without. */
  private arrow(end: "before" | "after"): TemplateResult | typeof nothing {
    if (!this.beyond.includes(end)) return nothing;
    const isRow = this.beyond.startsWith("row");
    const go = (): void => {
      const bar = this.bar();
      const by = (end === "after" ? PAGE : -PAGE) * ((isRow ? bar?.clientWidth : bar?.clientHeight) ?? 0);
      const behavior = window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth";
      // Only here: a tool that gets the focus while the bar still glides would stay half hidden.
      bar?.scrollBy({ [isRow ? "left" : "top"]: by, behavior });
    };
    return html`<span class=${`more more-${end} more-${isRow ? "row" : "column"}`} aria-hidden="true" data-testid=${`more-${end}`} @click=${go}>${icon(end === "after" ? "next" : "back")}</span>`;
  }

  private button(tool: ToolButton): TemplateResult {
    const show = (): void => { this.tipped = tool; };
    // A tap gives the focus too: its tip would stay over the map.
    const showFocused = (event: FocusEvent): void => { if ((event.target as HTMLElement).matches(":focus-visible")) show(); };
    const hide = (): void => { if (this.tipped?.id === tool.id) this.tipped = null; };
    return html`<button type="button" class="tool" data-testid=${tool.id} aria-label=${tool.label}
      aria-keyshortcuts=${tool.key ? ariaKeys(tool.key) : nothing} aria-pressed=${tool.pressed === undefined ? nothing : String(tool.pressed)}
      ?disabled=${tool.disabled ?? false}
      @pointerenter=${show} @pointerleave=${hide} @focus=${showFocused} @blur=${hide}
      @click=${() => this.dispatchEvent(new CustomEvent("tool", { detail: tool.id }))}>
      ${icon(tool.icon)}
    </button>`;
  }

  /** Beside its button and inside the window: the bar itself scrolls, and would cut what stands out of it. */
  protected override updated(): void {
    const tip = this.querySelector<HTMLElement>(".tool-tip");
    const button = this.tipped ? this.querySelector(`[data-testid="${this.tipped.id}"]`) : null;
    if (!tip || !button) return;
    const at = button.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    const isRow = this.getBoundingClientRect().width > this.getBoundingClientRect().height;
    const onRight = at.right + GAP_PX + size.width < window.innerWidth;
    const left = isRow ? at.left : onRight ? at.right + GAP_PX : at.left - GAP_PX - size.width;
    const below = at.bottom + GAP_PX;
    const isRoomBelow = below + size.height < window.innerHeight - EDGE_PX;
    const top = isRow ? (isRoomBelow ? below : at.top - GAP_PX - size.height) : at.top + (at.height - size.height) / 2;
    const fits = (value: number, room: number): string => `${Math.max(EDGE_PX, Math.min(value, room - EDGE_PX))}px`;
    tip.style.left = fits(left, window.innerWidth - size.width);
    tip.style.top = fits(top, window.innerHeight - size.height);
  }

  protected override render(): TemplateResult {
    return html`<div class="toolbar" role="toolbar" aria-label=${this.label} @scroll=${() => { this.look(); }}>
        ${this.groups.map(({ label, tools }) => html`<div class="tool-group" role="group" aria-label=${label}>${tools.map((tool) => this.button(tool))}</div>`)}
      </div>
      ${this.arrow("before")}${this.arrow("after")}
      ${this.tipped ? html`<span class="tool-tip" aria-hidden="true">${this.tipped.label} ${this.tipped.key ? html`<kbd>${keyName(this.tipped.key)}</kbd>` : nothing}</span>` : nothing}`;
  }
}

customElements.define("sc-toolbar", ToolBar);
