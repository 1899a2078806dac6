import { gettext } from "../i18n";

/** A border across a map that one moves: by the pointer, or by the arrow keys. */
export class SwipeBorder {
  readonly range: HTMLInputElement;
  private readonly line: HTMLElement;

  constructor(container: HTMLElement, at: number, private readonly moved: (at: number) => void) {
    this.line = document.createElement("div");
    this.line.className = "swipe-line";
    this.line.setAttribute("aria-hidden", "true");
    this.range = document.createElement("input");
    const attributes = {
      type: "range", class: "swipe-range", min: "0", max: "100", step: "1", value: String(Math.round(at * 100)),
      "aria-label": gettext("Border between the two layers, in percent of the map from the left"),
    };
    for (const [name, value] of Object.entries(attributes)) this.range.setAttribute(name, value);
    this.range.addEventListener("input", () => {
      this.lay();
      this.moved(this.at);
    });
    container.append(this.line, this.range);
    this.lay();
  }

  get at(): number {
    return Number(this.range.value) / 100;
  }

  set at(share: number) {
    this.range.value = String(Math.round(share * 100));
    this.lay();
  }

  /** What stands left and right of the border, for those who do not see it. */
  name(left: string, right: string): void {
    this.range.setAttribute("aria-valuetext", `${left} | ${right}: ${this.range.value} %`);
  }

  remove(): void {
    this.line.remove();
    this.range.remove();
  }

  private lay(): void {
    this.line.style.left = `${this.at * 100}%`;
  }
}
