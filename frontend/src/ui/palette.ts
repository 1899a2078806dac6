import { html, nothing, type TemplateResult } from "lit";
import { depthOf, type PaletteClass, search, shortCode } from "../domain/palette";
import { gettext, interpolate, percent } from "../i18n";
import { LightElement } from "./element";
import { swatch } from "./icons";

/** How much of the tile a class has. */
export interface ClassUse {
  readonly count: number;
  readonly share: number;
}

/** What a reader of a screen hears of a theme's class beside its name. */
function refining(c: PaletteClass): TemplateResult | typeof nothing {
  if (!c.under) return nothing;
  return html`<span class="visually-hidden">, ${interpolate(gettext("refines %(parent)s"), { parent: c.under.name })}</span>`;
}

/** The classes of the nomenclature, by key, by search or among those used last. Fires "class-chosen". */
export class ClassPalette extends LightElement {
  static override properties = {
    classes: { attribute: false },
    active: { attribute: false },
    recent: { attribute: false },
    figures: { attribute: false },
    words: { state: true },
  };

  declare classes: readonly PaletteClass[];
  declare active: string;
  declare recent: readonly string[];
  declare figures: ReadonlyMap<string, ClassUse>;
  declare words: string;

  constructor() {
    super();
    this.classes = [];
    this.active = "";
    this.recent = [];
    this.figures = new Map();
    this.words = "";
  }

  /** Brings the classes into view, the search ready for words. */
  focusSearch(): void {
    this.querySelector("input")?.focus();
  }

  /** Brings the classes into view without a keyboard, which fingers have over the page: the search opens one when touched. */
  focusClasses(): void {
    this.scrollIntoView({ block: "start" });
    this.querySelector<HTMLElement>(".class-item[aria-pressed='true'], .class-item")?.focus({ preventScroll: true });
  }

  private choose(code: string): void {
    this.dispatchEvent(new CustomEvent("class-chosen", { detail: code }));
  }

  private onSearchKey(event: KeyboardEvent): void {
    if (event.key === "Enter") {
      const first = search(this.classes, this.words)[0];
      if (first) this.choose(first.code);
    }
    if (event.key === "Enter" || event.key === "Escape") {
      this.words = "";
      (event.target as HTMLElement).blur();
    }
  }

  private item(c: PaletteClass): TemplateResult {
    const use = this.figures.get(c.code);
    const depth = depthOf(c.code);
    return html`<li class=${depth ? (depth > 1 ? "finer finest" : "finer") : nothing}>
      <button type="button" class="class-item" data-testid=${`class-${c.code}`} title=${c.under ? `${c.code}. ${c.definition}` : c.definition}
        aria-pressed=${c.code === this.active ? "true" : "false"} @click=${() => { this.choose(c.code); }}>
        ${swatch(c.colour)}
        <span class="class-code">${shortCode(c.code)}</span>
        <span class="class-name">${c.name}${refining(c)}</span>
        ${use
          ? html`<span class="class-count" title=${interpolate(gettext("Shapes: %(n)s"), { n: use.count })}><span class="visually-hidden">${interpolate(gettext("Shapes: %(n)s"), { n: use.count })}, </span>${percent(use.share, use.share < 0.01 ? 1 : 0)}</span>`
          : nothing}
        ${c.key === null ? nothing : html`<kbd>${c.key.toUpperCase()}</kbd>`}
      </button>
    </li>`;
  }

  private recentItem(c: PaletteClass): TemplateResult {
    return html`<button type="button" class="recent-item" title=${c.name}
      aria-pressed=${c.code === this.active ? "true" : "false"} @click=${() => { this.choose(c.code); }}>
      ${swatch(c.colour)}<span class="class-code">${c.code}</span><span class="visually-hidden"> ${c.name} </span>${c.key === null ? nothing : html`<kbd>${c.key.toUpperCase()}</kbd>`}
    </button>`;
  }

  /** The class, below the name of the one it refines where nobody can draw that one and it was not named yet. */
  private row(c: PaletteClass, before: PaletteClass | undefined): TemplateResult {
    const { under } = c;
    if (!under || under.selectable || before?.under?.code === under.code) return this.item(c);
    return html`<li class="class-heading"><span class="class-code">${shortCode(under.code)}</span> <span class="class-name">${under.name}</span></li>${this.item(c)}`;
  }

  protected override render(): TemplateResult {
    const found = search(this.classes, this.words);
    const recent = this.recent.flatMap((code) => this.classes.find((c) => c.code === code) ?? []);
    return html`
      <label class="search">
        <span class="visually-hidden">${gettext("Search a class")}</span>
        <input type="search" autocomplete="off" spellcheck="false" placeholder=${gettext("Search a class")} .value=${this.words}
          @input=${(event: InputEvent) => { this.words = (event.target as HTMLInputElement).value; }} @keydown=${(event: KeyboardEvent) => { this.onSearchKey(event); }}>
        <kbd>/</kbd>
      </label>
      ${recent.length > 1 ? html`<div class="recent" role="group" aria-label=${gettext("Used last")}>${recent.map((c) => this.recentItem(c))}</div>` : nothing}
      <ul class="class-list">${found.map((c, i) => this.row(c, found[i - 1]))}</ul>
      ${found.length === 0 ? html`<p class="quiet">${gettext("No class has these words.")}</p>` : nothing}
    `;
  }
}

customElements.define("sc-palette", ClassPalette);
