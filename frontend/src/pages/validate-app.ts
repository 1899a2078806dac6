import { render } from "lit";
import { api } from "../api/client";
import type { Boot, Campaign, VerdictKind } from "../api/types";
import type { PaletteClass } from "../domain/palette";
import { gettext, interpolate } from "../i18n";
import { type Device, isOnGlass } from "../map/input";
import { preloadImagery, viewsOf } from "../map/imagery";
import { MapView } from "../map/map-view";
import { PersonGuard } from "../save/person";
import { helpDialog } from "../ui/dialogs";
import type { ClassPalette } from "../ui/palette";
import { type ViewSettings, viewWords } from "../ui/view-panel";
import { ActiveClock } from "./active-clock";
import { coloursOf, paletteOf } from "./boot";
import { firstHand } from "./hand";
import { validateKeys } from "./help";
import { askedByKey, listenFor } from "./listening";
import { type ValidateCommand, validateCommandOf } from "./shortcuts";
import { isNarrow } from "./studio-state";
import { Lane, type LaneScreen } from "./validate-lane";
import { emptyWords, type ValidateActions, type ValidateState, validateTemplate } from "./validate-template";
import { questionWords } from "./validate-words";

const NOTICE_MS = 6_000;

/** The fast lane: one shape of the model at a time, one key each. */
export class ValidateApp implements ValidateActions {
  readonly view: MapView;
  private readonly classes: readonly PaletteClass[];
  private readonly clock = new ActiveClock();
  private readonly lane: Lane;
  private spokenEnd = "";
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly state: ValidateState = {
    notice: "", hand: firstHand(), view: "rgb", opacity: 0.45, filled: false, panel: !isNarrow(),
  };

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot,
    private readonly campaign: Campaign,
  ) {
    this.classes = paletteOf(campaign, boot.language);
    const person = boot.user.public_id ?? boot.user.username ?? "";
    const guard = new PersonGuard(person);
    this.lane = new Lane(`${person}/${campaign.slug}`, {
      next: (ahead) => api.validate(campaign.slug, ahead),
      skip: (token) => api.release(token, "skip", ""),
      heartbeat: (token) => api.heartbeat(token),
      send: (tile, body) => api.sendVerdicts(tile, body),
      isSamePerson: (wasSignedOut) => guard.isSame(wasSignedOut),
    }, this.screen());
    this.refresh();
    this.view = new MapView(root.querySelector(".map") as HTMLElement, campaign.layer, coloursOf(campaign));
    this.view.setAccent(getComputedStyle(root).getPropertyValue("--map-accent").trim() || "#0b6bcb");
    this.view.coverage.setOpacity(this.state.opacity);
    this.listen();
  }

  private listen(): void {
    const { clock } = this;
    listenFor({ clock, onKey: (event) => { this.onKey(event); }, send: () => { this.lane.flush(); }, usedBy: (hand) => { this.usedBy(hand); } });
  }

  private usedBy(hand: Device): void {
    if (hand !== this.state.hand) this.update({ hand });
  }

  private update(change: Partial<ValidateState>): void {
    Object.assign(this.state, change);
    this.refresh();
  }

  private refresh(): void {
    const { campaign, classes, boot, state } = this;
    const { phase, failure, emptiness, status, task, item, items, index } = this.lane;
    render(validateTemplate({
      campaign, classes, language: boot.language, state, phase, failure, emptiness, status, item, isModelJudged: task?.model_judged ?? true, judged: index, count: items.length,
      place: task ? interpolate(gettext("Tile %(row)s · %(col)s"), { row: task.tile.row, col: task.tile.col }) : "",
      canTakeBack: index > 0, actions: this,
    }), this.root);
    const { dataset } = this.root;
    dataset["hand"] = state.hand;
    dataset["ready"] = String(phase === "judging");
    dataset["item"] = item?.feature_id ?? "";
    dataset["left"] = String(items.length - index);
    dataset["pending"] = String(status.left);
    if (task) dataset["tile"] = String(task.tile.id);
    this.sayEnd(phase === "empty" ? emptyWords(emptiness).title : "");
  }

  /** Once, when it comes to that. */
  private sayEnd(words: string): void {
    if (words === this.spokenEnd) return;
    this.spokenEnd = words;
    if (words) this.announce(words);
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
    return found ? `${code} ${found.name[this.boot.language] || found.name.en}` : code;
  }

  // The lane

  start(): Promise<void> {
    return this.lane.start();
  }

  /** What the lane asks of the page. */
  private screen(): LaneScreen {
    return {
      refresh: () => { this.refresh(); },
      open: ({ tile }) => {
        this.view.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
        return this.view.showImagery(this.state.view);
      },
      clear: () => {
        this.view.sketch.setSketch({});
        this.view.showFeatures([]);
      },
      ask: (before) => { this.showItem(before); },
      prepare: ({ tile }) => { preloadImagery(this.campaign.layer, tile, this.state.view); },
      notify: (words) => { this.notify(words); },
      seconds: () => this.clock.take(),
      idleFor: () => this.clock.idleFor,
    };
  }

  private showItem(before = ""): void {
    const { item, items, index } = this.lane;
    if (!item) return;
    this.drawItem();
    this.view.fitFeature(item.rings);
    this.refresh();
    const question = questionWords(item, items, index + 1, (code) => this.nameOf(code));
    this.announce(before ? `${before} ${question}` : question);
  }

  private drawItem(): void {
    const { item } = this.lane;
    if (!item) return;
    this.view.sketch.setSketch({ selected: [item.rings] });
    this.view.showFeatures(this.state.filled ? [{ id: item.feature_id, class_code: item.class_code, rings: item.rings, provenance: "accepted" }] : []);
  }

  judge(verdict: VerdictKind, classCode?: string): void {
    // On a small screen the panel lies over the next shape.
    if (this.state.panel && isNarrow()) this.update({ panel: false });
    this.lane.judge(verdict, classCode ?? null);
  }

  takeBack(): void {
    this.lane.takeBack();
  }

  skip(): void {
    this.lane.skip();
  }

  forgetAside(): void {
    this.lane.forgetAside();
  }

  send(): void {
    this.lane.flush();
  }

  lookAgain(): void {
    this.lane.lookAgain();
  }

  // View

  fit(): void {
    const { item } = this.lane;
    if (item) this.view.fitFeature(item.rings);
  }

  setLook({ view, labels }: Partial<ViewSettings>): void {
    if (labels !== undefined) {
      this.update({ filled: labels });
      this.drawItem();
    }
    if (view !== undefined) {
      this.update({ view });
      void this.view.showImagery(view);
      this.announce(interpolate(gettext("Image: %(view)s."), { view: viewWords(view) }));
    }
  }

  private nextView(): void {
    const views = viewsOf(this.campaign.layer.bands);
    const next = views[(views.indexOf(this.state.view) + 1) % views.length];
    if (next !== undefined && next !== this.state.view) this.setLook({ view: next });
  }

  togglePanel(): void {
    this.update({ panel: !this.state.panel });
  }

  help(): void {
    void helpDialog(validateKeys());
  }

  search(): void {
    this.update({ panel: true });
    const palette = this.root.querySelector<ClassPalette>("sc-palette");
    if (isOnGlass(this.state.hand)) palette?.focusClasses();
    else palette?.focusSearch();
  }

  private readonly actions: Readonly<Record<ValidateCommand, () => void>> = {
    agree: () => { this.judge("agree"); },
    disagree: () => { this.judge("disagree"); },
    unsure: () => { this.judge("unsure"); },
    "take-back": () => { this.takeBack(); },
    skip: () => { this.skip(); },
    fit: () => { this.fit(); },
    fill: () => { this.setLook({ labels: !this.state.filled }); },
    "next-view": () => { this.nextView(); },
    "ask-again": () => { this.showItem(); },
    help: () => { this.help(); },
    search: () => { this.search(); },
    "zoom-in": () => { this.view.map.zoomIn(); },
    "zoom-out": () => { this.view.map.zoomOut(); },
    "pan-left": () => { this.view.pan("left"); },
    "pan-right": () => { this.view.pan("right"); },
    "pan-up": () => { this.view.pan("up"); },
    "pan-down": () => { this.view.pan("down"); },
  };

  private onKey(event: KeyboardEvent): void {
    const asked = askedByKey(event, this.classes, validateCommandOf);
    if (!asked) return;
    // Before it acts: a search asked for by a key wants the keyboard that is there.
    this.usedBy("keyboard");
    if ("code" in asked) this.judge("other", asked.code);
    else this.actions[asked.command]();
    event.preventDefault();
  }
}
