import { render } from "lit";
import { sampleApi } from "../api/samples";
import type { Sample, SampleUnit } from "../api/sample-types";
import type { Boot, Campaign, Layer } from "../api/types";
import { SUBPIXELS, type Rings } from "../domain/geometry";
import type { PaletteClass } from "../domain/palette";
import { contextOf } from "../domain/seen";
import { gettext, interpolate } from "../i18n";
import type { Device } from "../map/input";
import { preloadImagery, viewsOf } from "../map/imagery";
import { LockedViews } from "../map/locked-views";
import { MapView } from "../map/map-view";
import { PersonGuard } from "../save/person";
import { helpDialog } from "../ui/dialogs";
import type { ClassPalette } from "../ui/palette";
import { viewWords } from "../ui/view-panel";
import { ActiveClock } from "./active-clock";
import { coloursOf, paletteOf } from "./boot";
import { firstHand } from "./hand";
import { sampleKeys } from "./help";
import { askedByKey, listenFor } from "./listening";
import { SampleLane, type SampleScreen } from "./sample-lane";
import { questionWords, type SampleActions, type SampleState, sampleTemplate } from "./sample-template";
import { type SampleCommand, sampleCommandOf } from "./shortcuts";

const NOTICE_MS = 6_000;

/** The window of a place with its surroundings, and the place's outline in it. */
function around({ origin_px: [x, y], side_px }: SampleUnit["windows"][number]): { readonly x: number; readonly y: number; readonly side: number; readonly rings: Rings } {
  const side = contextOf(side_px);
  const margin = Math.floor((side - side_px) / 2);
  const [low, high] = [margin * SUBPIXELS, (margin + side_px) * SUBPIXELS];
  return { x: x - margin, y: y - margin, side, rings: [[[low, low], [high, low], [high, high], [low, high]]] };
}

/** Places of a sample, at one date or at two, a key for each class: what people see there judges the maps. */
export class SampleApp implements SampleActions {
  readonly views: readonly MapView[];
  private readonly locked: LockedViews;
  private readonly classes: readonly PaletteClass[];
  private readonly clock = new ActiveClock();
  private readonly lane: SampleLane;
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private skipped = 0;
  private readonly state: SampleState = { notice: "", hand: firstHand(), view: "rgb" };

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot,
    private readonly campaign: Campaign,
    private readonly sample: Sample,
    private readonly isSettling: boolean,
  ) {
    this.classes = paletteOf(campaign, boot.language);
    const person = boot.user.public_id ?? boot.user.username ?? "";
    const guard = new PersonGuard(person);
    this.lane = new SampleLane(`${person}/${isSettling ? "settle" : "answer"}`, sample, {
      next: (id, without) => sampleApi.next(id, without, isSettling),
      answer: (id, unit, body) => (isSettling ? sampleApi.settle(id, unit, body) : sampleApi.answer(id, unit, body)),
      isSamePerson: (wasSignedOut) => guard.isSame(wasSignedOut),
    }, this.screen());
    this.refresh();
    this.views = sample.layers.map((layer, at) => {
      const view = new MapView(root.querySelector(`[data-pane="${at}"]`) as HTMLElement, layer, coloursOf(campaign));
      view.setAccent(getComputedStyle(root).getPropertyValue("--map-accent").trim() || "#0b6bcb");
      view.setSurroundings(0);
      return view;
    });
    this.locked = new LockedViews(this.views);
    this.listen();
  }

  private listen(): void {
    const { clock } = this;
    listenFor({ clock, onKey: (event) => { this.onKey(event); }, send: () => { this.lane.flush(); }, usedBy: (hand) => { this.usedBy(hand); } });
  }

  private usedBy(hand: Device): void {
    if (hand !== this.state.hand) this.update({ hand });
  }

  private update(change: Partial<SampleState>): void {
    Object.assign(this.state, change);
    this.refresh();
  }

  private refresh(): void {
    const { campaign, sample, isSettling, classes, boot, state, lane } = this;
    const { phase, failure, status, unit, seeing, left, canTakeBack } = lane;
    render(sampleTemplate({
      campaign, sample, isSettling, classes, language: boot.language, state, phase, failure, status, unit, seeing, left, canTakeBack, hasSkipped: this.skipped > 0, actions: this,
    }), this.root);
    const { dataset } = this.root;
    dataset["hand"] = state.hand;
    dataset["ready"] = String(phase === "asking");
    dataset["phase"] = phase;
    dataset["unit"] = String(unit?.id ?? "");
    dataset["asked"] = String(seeing.codes.length);
    dataset["pending"] = String(status.left);
  }

  private notify(notice: string): void {
    clearTimeout(this.noticeTimer);
    this.update({ notice });
    this.announce(notice);
    this.noticeTimer = setTimeout(() => { this.update({ notice: "" }); }, NOTICE_MS);
  }

  private announce(text: string): void {
    const place = this.root.querySelector("#spoken");
    if (place) place.textContent = place.textContent === text ? `${text}\u00a0` : text;
  }

  // The lane

  start(): Promise<void> {
    return this.lane.start();
  }

  private screen(): SampleScreen {
    return {
      refresh: () => { this.refresh(); },
      open: (unit) => { this.open(unit); },
      clear: () => { for (const view of this.views) view.sketch.setSketch({}); },
      prepare: (unit) => {
        unit.windows.forEach((window, at) => {
          const { x, y, side } = around(window);
          preloadImagery(this.sample.layers[at] as Layer, { id: unit.id, row: 0, col: 0, tile_px: side, origin_px: [Math.max(0, x), Math.max(0, y)], gsd_m: 0 }, this.viewFor(at));
        });
      },
      notify: (words) => { this.notify(words); },
      ask: (before) => { this.ask(before); },
      seconds: () => this.clock.take(),
    };
  }

  private ask(before = ""): void {
    const { unit, seeing } = this.lane;
    const question = questionWords({ unit, seeing, sample: this.sample, language: this.boot.language });
    const place = unit ? interpolate(gettext("Place %(n)s of %(count)s"), { n: unit.number, count: this.sample.units }) : "";
    this.announce([before, `${place}.`, question].filter(Boolean).join(" "));
  }

  private open(unit: SampleUnit): void {
    unit.windows.forEach((window, at) => {
      const view = this.views[at];
      if (!view) return;
      const { x, y, side, rings } = around(window);
      view.showTile(x, y, side);
      view.sketch.setSketch({ selected: [rings] });
      view.showCursor([(side * SUBPIXELS) / 2, (side * SUBPIXELS) / 2]);
      void view.showImagery(this.viewFor(at));
    });
    const first = this.views[0];
    if (first) this.locked.align(first);
  }

  /** The view chosen, where the layer of that date has the bands for it. */
  private viewFor(at: number): string {
    return viewsOf(this.sample.layers[at]?.bands ?? []).includes(this.state.view) ? this.state.view : "rgb";
  }

  say(code: string): void {
    this.lane.say(code);
  }

  same(): void {
    this.lane.same();
  }

  toggleSure(): void {
    this.lane.toggleSure();
    this.announce(this.lane.seeing.isSure ? gettext("Sure") : gettext("Not quite sure"));
  }

  cannotTell(): void {
    this.lane.cannotTell();
  }

  takeBack(): void {
    this.lane.takeBack();
  }

  skip(): void {
    if (this.lane.phase === "asking") this.skipped += 1;
    this.lane.skip();
  }

  send(): void {
    this.lane.flush();
  }

  lookAgain(): void {
    this.skipped = 0;
    this.lane.lookAgain();
  }

  // View

  fit(): void {
    for (const view of this.views) view.fitTile();
  }

  setView(view: string): void {
    this.update({ view });
    this.views.forEach((one, at) => { void one.showImagery(this.viewFor(at)); });
    this.announce(interpolate(gettext("Image: %(view)s."), { view: viewWords(view) }));
  }

  private nextView(): void {
    const views = viewsOf(this.campaign.layer.bands);
    const next = views[(views.indexOf(this.state.view) + 1) % views.length];
    if (next !== undefined && next !== this.state.view) this.setView(next);
  }

  help(): void {
    void helpDialog(sampleKeys());
  }

  private search(): void {
    this.root.querySelector<ClassPalette>("sc-palette")?.focusSearch();
  }

  /** Moves all maps: the first leads, the others follow. */
  private lead(move: (view: MapView) => void): void {
    const first = this.views[0];
    if (!first) return;
    move(first);
    this.locked.align(first);
  }

  private readonly actions: Readonly<Record<SampleCommand, () => void>> = {
    same: () => { this.same(); },
    unsure: () => { this.toggleSure(); },
    "cannot-tell": () => { this.cannotTell(); },
    "take-back": () => { this.takeBack(); },
    skip: () => { this.skip(); },
    fit: () => { this.fit(); },
    "next-view": () => { this.nextView(); },
    "ask-again": () => { this.ask(); },
    help: () => { this.help(); },
    search: () => { this.search(); },
    "zoom-in": () => { this.lead((view) => { view.map.zoomIn(1, { animate: false }); }); },
    "zoom-out": () => { this.lead((view) => { view.map.zoomOut(1, { animate: false }); }); },
    "pan-left": () => { this.lead((view) => { view.pan("left"); }); },
    "pan-right": () => { this.lead((view) => { view.pan("right"); }); },
    "pan-up": () => { this.lead((view) => { view.pan("up"); }); },
    "pan-down": () => { this.lead((view) => { view.pan("down"); }); },
  };

  private onKey(event: KeyboardEvent): void {
    const asked = askedByKey(event, this.classes, sampleCommandOf);
    if (!asked) return;
    // Before it acts: a search asked for by a key wants the keyboard that is there.
    this.usedBy("keyboard");
    if ("code" in asked) this.say(asked.code);
    else this.actions[asked.command]();
    event.preventDefault();
  }
}
