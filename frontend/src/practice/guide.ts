import L from "leaflet";
import { html, nothing, render, type TemplateResult } from "lit";
import { gettext, interpolate, percent } from "../i18n";
import type { StudioApp } from "../pages/studio-app";
import { isNarrow } from "../pages/studio-state";
import { type Device, isOnGlass } from "../map/input";
import { icon } from "../ui/icons";
import { marksOf } from "./marks";
import { type Scene, type Step, stepsOf } from "./steps";
import { keyName } from "../ui/keys";

/** Long enough to see that it was right. */
const PRAISE_MS = 1_100;
/** Left free around the tile when all of it is in view, both sides together. */
const FITTED_MARGIN_PX = 48;
const MOVED_PX = 24;
const MOVED_ZOOM = 0.2;

/** The card above the map that says what to do next, sees that it is done, and points at what is needed for it. */
export class Guide {
  private readonly dock = document.createElement("div");
  private readonly steps: readonly Step[];
  private readonly frame: HTMLElement;
  private at = 0;
  private isDone = false;
  /** The hand that the card's words are for. */
  private hand: Device | null = null;
  private isOver = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly app: StudioApp) {
    this.steps = stepsOf((code) => app.classes.find((c) => c.code === code)?.key?.toUpperCase() ?? "");
    this.frame = app.root.querySelector(".map-frame") as HTMLElement;
    this.dock.className = "guide-dock";
    this.frame.prepend(this.dock);
    this.frame.classList.add("has-guide");
    // The map gives way to the card, so that nothing of the tile is hidden under it.
    new ResizeObserver(() => { this.frame.style.setProperty("--guide-room", `${this.dock.offsetHeight}px`); }).observe(this.dock);
    app.view.map.on("zoomend moveend", () => { this.refresh(); });
    this.paint();
  }

  /** Looks at the studio again. */
  refresh(): void {
    const scene = this.scene();
    if (!scene || this.isOver) return;
    const isDone = (this.steps[this.at] as Step).isDone(scene);
    if (isDone && !this.isDone) this.praise();
    else if (!isDone && this.isDone) clearTimeout(this.timer);
    if (isDone !== this.isDone || this.hand !== this.app.state.hand) {
      this.isDone = isDone;
      this.paint();
    }
    this.point(scene);
  }

  /** The tile was handed in. */
  finish(): void {
    const scene = this.scene();
    this.isOver = true;
    clearTimeout(this.timer);
    delete this.app.root.dataset["guide"];
    this.paint(scene?.marks.right);
    this.dock.querySelector<HTMLElement>("h2")?.focus();
  }

  private readonly restart = (): void => {
    this.isOver = false;
    this.dock.className = "guide-dock";
    this.go(0);
    this.app.update({ activeClass: this.app.classes[0] ?? null });
    this.app.useTool("polygon");
    void this.app.flow.next();
    this.app.root.querySelector<HTMLElement>(".map")?.focus();
  };

  private scene(): Scene | null {
    const { app } = this;
    const { session } = app.flow;
    if (!session) return null;
    return {
      draft: session.draft, marks: marksOf(session.draft), tool: app.state.tool, code: app.classCode(),
      hasMoved: this.hasMoved(), hasSuggestions: app.suggestionDesk.isShown, hasSelection: app.state.selected.length > 0,
    };
  }

  /** Whether the map looks elsewhere than at the whole tile. */
  private hasMoved(): boolean {
    const { map, frame } = this.app.view;
    if (!frame) return false;
    const zoom = map.getBoundsZoom(frame.bounds, false, L.point(FITTED_MARGIN_PX, FITTED_MARGIN_PX));
    const middle = map.latLngToContainerPoint(frame.bounds.getCenter());
    return Math.abs(map.getZoom() - zoom) > MOVED_ZOOM || middle.distanceTo(map.getSize().divideBy(2)) > MOVED_PX;
  }

  /** Says that it was right, then goes on. */
  private praise(): void {
    clearTimeout(this.timer);
    if (this.at < this.steps.length - 1) this.timer = setTimeout(() => { this.go(this.at + 1); }, PRAISE_MS);
  }

  private go(to: number): void {
    clearTimeout(this.timer);
    const isBack = to < this.at;
    this.at = Math.max(0, Math.min(to, this.steps.length - 1));
    const scene = this.scene();
    // What was done before is not left again by itself: one came back to read it.
    this.isDone = isBack && scene !== null && (this.steps[this.at] as Step).isDone(scene);
    this.paint();
    // The next class chosen is for what comes, not for the shape of the step before.
    if (!isBack && this.app.state.selected.length > 0) this.app.select([]);
    this.refresh();
  }

  /** Marks the controls that are needed now; where the panel is folded, the way to it. */
  private point(scene: Scene): void {
    const targets = (this.steps[this.at] as Step).targets(scene);
    const isInPanel = targets.some((name) => name.startsWith("class-") || name === "take-all");
    const { panel } = this.app.state;
    const way = isInPanel && !panel ? ["panel"] : !isInPanel && panel && isNarrow() ? ["panel-close"] : [];
    const shown = [...(isInPanel && !panel ? [] : targets), ...way];
    const { dataset } = this.app.root;
    if (dataset["guide"] === shown.join(" ")) return;
    dataset["guide"] = shown.join(" ");
    this.app.root.querySelector(`[data-testid="${shown[0] ?? ""}"]`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  private paint(right = 0): void {
    this.dock.classList.toggle("is-over", this.isOver);
    render(this.isOver ? this.end(right) : this.card(this.steps[this.at] as Step), this.dock);
  }

  private card(step: Step): TemplateResult {
    const number = this.at + 1;
    const isTouch = isOnGlass(this.app.state.hand);
    this.hand = this.app.state.hand;
    const text = isTouch ? step.touch ?? step.text : step.text;
    return html`<section class="guide" aria-label=${gettext("Guide")} data-testid="guide" data-step=${number} data-done=${String(this.isDone)}>
      <div class="guide-words" role="status">
        <p class="guide-count">${this.isDone
          ? html`<span class="guide-done">${icon("check")} ${gettext("Well done")}</span>`
          : interpolate(gettext("Step %(n)s of %(count)s"), { n: number, count: this.steps.length })}</p>
        <h2>${step.title}</h2>
        <p>${text}${isTouch ? nothing : html` <span class="guide-keys">${step.keys.map((key) => html`<kbd>${keyName(key)}</kbd>`)}</span>`}</p>
      </div>
      <progress max=${this.steps.length} value=${this.isDone ? number : number - 1} aria-label=${gettext("Steps done")}></progress>
      <div class="guide-buttons">
        <a class="button" href="/campaigns/" data-testid="guide-leave">${gettext("Leave")}</a>
        <button type="button" class="bar-icon" data-testid="guide-restart" aria-label=${gettext("Start again")} title=${gettext("Start again")}
          ?disabled=${this.at === 0} @click=${this.restart}>${icon("undo")}</button>
        <button type="button" data-testid="guide-back" ?disabled=${this.at === 0} @click=${() => { this.go(this.at - 1); }}>${gettext("Back")}</button>
        <button type="button" class=${this.isDone ? "primary" : ""} data-testid="guide-next" ?disabled=${number === this.steps.length}
          @click=${() => { this.go(this.at + 1); }}>${gettext("Next")}</button>
      </div>
    </section>`;
  }

  private end(right: number): TemplateResult {
    return html`<section class="cover-card guide-end" data-testid="guide-end" aria-labelledby="guide-end-title">
      <h2 id="guide-end-title" tabindex="-1">${gettext("You know how to label a tile")}</h2>
      <p>${interpolate(gettext("%(share)s of your tile has the class that we would have given it."), { share: percent(right) })}</p>
      <h3>${gettext("What happens with a real tile")}</h3>
      <ol>
        <li>${gettext("Someone else looks at it, and accepts it or says what to change.")}</li>
        <li>${gettext("The model learns from it, and asks for the places where it still hesitates.")}</li>
        <li>${gettext("Labels, models and maps are published for everyone.")}</li>
      </ol>
      <div class="button-row">
        <a class="button primary" href="/campaigns/" data-testid="guide-campaigns">${gettext("Choose a campaign")}</a>
        <a class="button" href="/accounts/signup/" data-testid="guide-signup">${gettext("Create an account")}</a>
        <button type="button" data-testid="guide-keys" @click=${() => { this.app.command("help"); }}>${gettext("All keys and gestures")}</button>
        <button type="button" data-testid="guide-again" @click=${this.restart}>${gettext("Practise again")}</button>
      </div>
    </section>`;
  }
}
