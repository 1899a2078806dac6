import { render } from "lit";
import type { ChangeAnswer, ChangeDesk as DeskBody, ChangeKind, ChangeRound } from "../api/change";
import type { Boot, Campaign } from "../api/types";
import { type Chosen, excludedOf, kindOfKey, saidOf, isOffered, wantedOf } from "../domain/change";
import type { Rings } from "../domain/geometry";
import { classOfKey, type PaletteClass } from "../domain/palette";
import { gettext, interpolate } from "../i18n";
import { preloadImagery, viewsOf } from "../map/imagery";
import { LockedViews } from "../map/locked-views";
import { MapView } from "../map/map-view";
import { helpDialog } from "../ui/dialogs";
import type { ClassPalette } from "../ui/palette";
import { SwipeBorder } from "../ui/swipe-border";
import { viewWords } from "../ui/view-panel";
import { ActiveClock } from "./active-clock";
import { coloursOf, paletteOf } from "./boot";
import { type Asked, ChangeDesk, type DeskScreen } from "./change-desk";
import { AnswerSource, ReviewSource } from "./change-sources";
import { type ChangeActions, type ChangeState, changeTemplate } from "./change-template";
import { type Dates, kindWords, questionWords } from "./change-words";
import { listenFor } from "./listening";
import { changeKeys } from "./help";
import { type ChangeCommand, changeCommandOf, isForControl } from "./shortcuts";
import { isNarrow } from "./studio-state";
import type { OutboxStatus } from "./validate-outbox";

const NOTICE_MS = 6_000;
const BORDER_STEP = 0.1;

/** Both images of a round's two dates, locked onto each other. */
interface Images {
  readonly first: MapView;
  readonly second: MapView;
  readonly locked: LockedViews;
  readonly border: SwipeBorder;
}

/** Two dates of one place side by side, or one over the other: what happened there, one key each. */
export class ChangeApp implements ChangeActions {
  private readonly classes: readonly PaletteClass[];
  private readonly clock = new ActiveClock();
  private readonly desk: ChangeDesk;
  private readonly source: AnswerSource | ReviewSource;
  private readonly images: Images | null;
  private readonly dates: Dates;
  private status: OutboxStatus<ChangeAnswer> | null = null;
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private spokenEnd = "";
  private readonly state: ChangeState = { notice: "", view: "rgb", isSwiped: isNarrow(), outlined: true, panel: !isNarrow(), picking: null };

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot & { readonly mode: "answer" | "review" },
    private readonly campaign: Campaign,
    private readonly body: DeskBody,
  ) {
    this.classes = paletteOf(campaign, boot.language);
    this.dates = datesOf(body.round);
    const person = boot.user.public_id ?? boot.user.username ?? "";
    this.source = boot.mode === "review" ? new ReviewSource(campaign.slug) : new AnswerSource(campaign.slug, person, body.round?.number ?? 0, (status) => { this.heard(status); });
    this.desk = new ChangeDesk(this.source, this.screen());
    this.refresh();
    this.images = body.round ? this.openImages(body.round) : null;
    this.listen();
  }

  private openImages({ pair }: ChangeRound): Images {
    const colours = coloursOf(this.campaign);
    const accent = getComputedStyle(this.root).getPropertyValue("--map-accent").trim() || "#0b6bcb";
    const [first, second] = (["first", "second"] as const).map((which) => {
      const view = new MapView(this.root.querySelector(`[data-pane="${which}"]`) as HTMLElement, pair[which], colours);
      view.setAccent(accent);
      view.setSurroundings(0.25);
      return view;
    }) as [MapView, MapView];
    const frame = this.root.querySelector<HTMLElement>(".change-frame") as HTMLElement;
    const border = new SwipeBorder(this.root.querySelector(".change-border") as HTMLElement, 0.5, () => { this.lay(); });
    border.name(this.dates.first, this.dates.second);
    frame.style.setProperty("--swipe", "50%");
    // What stands below the images decides how much of them is seen: the place stays in view.
    new ResizeObserver(() => { this.fit(); }).observe(frame);
    return { first, second, locked: new LockedViews([second, first]), border };
  }

  private listen(): void {
    const { clock } = this;
    listenFor({ clock, onKey: (event) => { this.onKey(event); }, send: () => { void this.send(); } });
  }

  /** Sends what earlier visits left, then opens the first place. */
  async start(): Promise<void> {
    try {
      if (this.source instanceof AnswerSource) await this.source.outbox.start();
    } catch {
      // A browser without a store sends each answer at once, and says so.
    }
    if (this.images) await this.desk.start();
    else {
      this.desk.phase = "empty";
      this.refresh();
    }
  }

  // What is shown

  private update(change: Partial<ChangeState>): void {
    Object.assign(this.state, change);
    this.refresh();
  }

  private heard(status: OutboxStatus<ChangeAnswer>): void {
    const isThrough = this.status !== null && this.status.left > 0 && status.left === 0;
    this.status = status;
    this.refresh();
    if (isThrough && this.desk.phase === "sending") this.desk.lookAgain();
  }

  private refresh(): void {
    const { campaign, classes, boot, state, body, status, dates, desk } = this;
    const { phase, failure, asked, cell, place, canTakeBack } = desk;
    const round = body.round;
    const common = round ? viewsOf(round.pair.second.bands.filter((band) => round.pair.first.bands.includes(band))) : ["rgb"];
    render(changeTemplate({
      campaign, classes, language: boot.language, isReview: boot.mode === "review", desk: body, state, phase, failure,
      status: boot.mode === "review" ? null : status, asked, cell, place, canTakeBack, answered: body.mine + desk.given.length, dates, views: common, actions: this,
    }), this.root);
    const { dataset } = this.root;
    dataset["ready"] = String(phase === "answering");
    dataset["phase"] = phase;
    dataset["cell"] = String(cell?.id ?? "");
    dataset["pending"] = String(status?.left ?? 0);
    dataset["picking"] = state.picking?.wanted ?? "";
    const ended = phase === "empty" ? (this.root.querySelector(".cover h2")?.textContent ?? "") : "";
    if (ended !== this.spokenEnd) {
      this.spokenEnd = ended;
      if (ended) this.announce(ended);
    }
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

  private nameOf(code: string): string {
    const found = this.campaign.nomenclature.classes.find((c) => c.code === code);
    return found ? found.name[this.boot.language] || found.name.en : code;
  }

  private screen(): DeskScreen {
    return {
      refresh: () => { this.refresh(); },
      open: (asked) => this.openTile(asked),
      clear: () => {
        for (const view of this.views()) view.sketch.setSketch({});
      },
      ask: (before) => { this.ask(before); },
      prepare: ({ tile, first }) => { this.prepare(tile, first); },
      notify: (words) => { this.notify(words); },
      seconds: () => this.clock.take(),
    };
  }

  private views(): readonly MapView[] {
    return this.images ? [this.images.first, this.images.second] : [];
  }

  private openTile({ tile, first }: Asked): Promise<unknown> {
    if (!this.images) return Promise.resolve();
    const { first: earlier, second: later } = this.images;
    const [x, y] = first.origin_px;
    // Layers of other pixels meet at zooms that are no whole steps.
    if (first.scale !== 1) for (const { map } of this.views()) map.options.zoomSnap = 0;
    earlier.showTile(x, y, tile.tile_px * first.scale);
    later.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
    return Promise.all(this.views().map((view) => view.showImagery(this.state.view)));
  }

  private prepare(tile: Asked["tile"], first: Asked["first"]): void {
    const pair = this.body.round?.pair;
    if (!pair) return;
    preloadImagery(pair.second, tile, this.state.view);
    preloadImagery(pair.first, { ...tile, origin_px: first.origin_px, tile_px: tile.tile_px * first.scale }, this.state.view);
  }

  private ask(before = ""): void {
    const { cell, place } = this.desk;
    if (!cell) return;
    this.update({ picking: null });
    this.drawOutline();
    this.fit();
    const question = questionWords(cell, place, this.dates, (code) => this.nameOf(code));
    this.announce(before ? `${before} ${question}` : question);
  }

  private drawOutline(): void {
    const { cell, asked } = this.desk;
    if (!cell || !asked || !this.images) return;
    const shown = (rings: Rings): { selected: Rings[] } => ({ selected: this.state.outlined ? [rings] : [] });
    this.images.second.sketch.setSketch(shown(cell.rings));
    this.images.first.sketch.setSketch(shown(scaled(cell.rings, asked.first.scale)));
  }

  private lay(): void {
    const { images } = this;
    if (!images) return;
    this.root.querySelector<HTMLElement>(".change-frame")?.style.setProperty("--swipe", `${images.border.at * 100}%`);
    images.border.name(this.dates.first, this.dates.second);
  }

  // Answers

  choose(kind: ChangeKind, other: boolean): void {
    const { cell } = this.desk;
    if (!cell || this.desk.phase !== "answering" || !isOffered(cell, kind)) return;
    this.say(kind, { other: other && kind !== "unsure" });
  }

  private say(kind: ChangeKind, chosen: Chosen): void {
    const { cell } = this.desk;
    if (!cell) return;
    const wanted = wantedOf(cell, kind, chosen);
    if (wanted === null) {
      this.update({ picking: null });
      this.desk.answer(saidOf(cell, kind, chosen));
      this.announce(kindWords(kind, this.dates));
      return;
    }
    this.update({ picking: { kind, wanted, chosen } });
    this.announce(this.root.querySelector(".change-picker .question")?.textContent ?? "");
  }

  pick(code: string): void {
    const { picking } = this.state;
    const { cell } = this.desk;
    if (!picking || !cell || code === excludedOf(cell, picking.kind, picking.chosen)) return;
    this.say(picking.kind, { ...picking.chosen, [picking.wanted]: code });
  }

  leavePicking(): void {
    this.update({ picking: null });
    this.announce(gettext("Back to the answers."));
  }

  copyAll(): void {
    if (this.boot.mode === "answer") this.desk.copyAll();
  }

  takeBack(): void {
    if (this.boot.mode === "answer") this.desk.takeBack();
  }

  send(): void {
    void this.source.flush();
  }

  lookAgain(): void {
    this.send();
    this.desk.lookAgain();
  }

  forgetAside(): void {
    if (this.source instanceof AnswerSource) void this.source.outbox.forgetAside();
  }

  // View

  swipe(): void {
    this.update({ isSwiped: !this.state.isSwiped });
    this.announce(this.state.isSwiped ? gettext("One over the other. The border moves by [ and ].") : gettext("Side by side."));
    requestAnimationFrame(() => { this.fit(); });
  }

  private moveBorder(by: number): void {
    const { images } = this;
    if (!images || !this.state.isSwiped) return;
    images.border.at = Math.min(1, Math.max(0, images.border.at + by));
    this.lay();
  }

  fit(): void {
    const { cell } = this.desk;
    if (!cell || !this.images) return;
    const { second, locked } = this.images;
    for (const { map } of this.views()) map.invalidateSize({ animate: false });
    locked.align(second);
    second.fitFeature(cell.rings);
    locked.align(second);
  }

  setView(view: string): void {
    this.update({ view });
    for (const one of this.views()) void one.showImagery(view);
    this.announce(interpolate(gettext("Image: %(view)s."), { view: viewWords(view) }));
  }

  private nextView(): void {
    const round = this.body.round;
    if (!round) return;
    const views = viewsOf(round.pair.second.bands.filter((band) => round.pair.first.bands.includes(band)));
    const next = views[(views.indexOf(this.state.view) + 1) % views.length];
    if (next !== undefined && next !== this.state.view) this.setView(next);
  }

  setOutline(outlined: boolean): void {
    this.update({ outlined });
    this.drawOutline();
  }

  togglePanel(): void {
    this.update({ panel: !this.state.panel });
  }

  help(): void {
    void helpDialog(changeKeys());
  }

  private pan(side: string): void {
    if (!this.images) return;
    this.images.locked.align(this.images.second);
    this.images.second.pan(side);
  }

  private zoom(by: 1 | -1): void {
    if (!this.images) return;
    const { second, locked } = this.images;
    locked.align(second);
    if (by > 0) second.map.zoomIn();
    else second.map.zoomOut();
  }

  private readonly actions: Readonly<Record<ChangeCommand, () => void>> = {
    "take-back": () => { this.takeBack(); },
    "copy-all": () => { this.copyAll(); },
    swipe: () => { this.swipe(); },
    left: () => { this.moveBorder(-BORDER_STEP); },
    right: () => { this.moveBorder(BORDER_STEP); },
    outline: () => { this.setOutline(!this.state.outlined); },
    fit: () => { this.fit(); },
    "next-view": () => { this.nextView(); },
    "ask-again": () => { this.ask(); },
    help: () => { this.help(); },
    "zoom-in": () => { this.zoom(1); },
    "zoom-out": () => { this.zoom(-1); },
    "pan-left": () => { this.pan("left"); },
    "pan-right": () => { this.pan("right"); },
    "pan-up": () => { this.pan("up"); },
    "pan-down": () => { this.pan("down"); },
  };

  private onKey(event: KeyboardEvent): void {
    if (event.repeat || isForControl(event.target, event.key)) return;
    if (this.state.picking ? this.onPickingKey(event) : this.onAnswerKey(event)) event.preventDefault();
  }

  private onAnswerKey(event: KeyboardEvent): boolean {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const answer = isPlain ? kindOfKey(event) : null;
    if (answer) {
      this.choose(answer.kind, answer.other);
      return true;
    }
    const command = changeCommandOf(event);
    if (command) this.actions[command]();
    return command !== null;
  }

  private onPickingKey(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Escape") this.leavePicking();
    else if (event.key === "/") this.root.querySelector<ClassPalette>("sc-palette")?.focusSearch();
    else {
      const chosen = classOfKey(this.classes, event);
      if (!chosen) return false;
      this.pick(chosen.code);
    }
    return true;
  }
}

/** The years of the two layers. */
function datesOf(round: ChangeRound | null): Dates {
  return { first: String(round?.pair.first.vintage ?? ""), second: String(round?.pair.second.vintage ?? "") };
}

function scaled(rings: Rings, by: number): Rings {
  return by === 1 ? rings : rings.map((ring) => ring.map(([x, y]) => [x * by, y * by] as const));
}
