import { render } from "lit";
import { api, ApiError } from "../api/client";
import type { Boot, Campaign, ValidationItem, ValidationTask, Verdict, VerdictKind } from "../api/types";
import { classOfKey, type PaletteClass } from "../domain/palette";
import { gettext, interpolate, percent } from "../i18n";
import { type Device, isOnGlass } from "../map/input";
import { preloadImagery, viewsOf } from "../map/imagery";
import { MapView } from "../map/map-view";
import { PersonGuard } from "../save/person";
import { helpDialog } from "../ui/dialogs";
import type { ClassPalette } from "../ui/palette";
import { type ViewSettings, viewWords } from "../ui/view-panel";
import type { TileId } from "../save/verdict-store";
import { ActiveClock } from "./active-clock";
import { coloursOf, paletteOf } from "./boot";
import { firstHand, watchHand } from "./hand";
import { validateKeys } from "./help";
import { LeaseKeeper } from "./lease-keeper";
import { isForControl, type ValidateCommand, validateCommandOf } from "./shortcuts";
import { isNarrow } from "./studio-state";
import { Outbox } from "./validate-outbox";
import { savedWords, type ValidateActions, type ValidateState, validateTemplate } from "./validate-template";

const NOTICE_MS = 6_000;
/** How long the next tile waits for the answers on this one to arrive. */
const FLUSH_MS = 2_500;

/** The fast lane: one shape of the model at a time, one key each. */
export class ValidateApp implements ValidateActions {
  readonly view: MapView;
  private readonly classes: readonly PaletteClass[];
  private readonly clock = new ActiveClock();
  private readonly outbox: Outbox;
  private task: ValidationTask | null = null;
  private ahead: Promise<ValidationTask | null> | null = null;
  private lease: LeaseKeeper | null = null;
  private index = 0;
  private answers = new Map<string, Verdict>();
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private turn: Promise<void> = Promise.resolve();
  private readonly state: ValidateState = {
    phase: "loading", failure: "", notice: "", hand: firstHand(), view: "rgb", opacity: 0.45, filled: false, panel: !isNarrow(),
    status: { state: "saved", left: 0, savedAt: null, message: "", aside: [] },
  };

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot,
    private readonly campaign: Campaign,
  ) {
    this.classes = paletteOf(campaign, boot.language);
    const person = boot.user.public_id ?? boot.user.username ?? "";
    const guard = new PersonGuard(person);
    this.outbox = new Outbox(`${person}/${campaign.slug}`, {
      send: (tile, body) => api.sendVerdicts(tile, body),
      isSamePerson: (wasSignedOut) => guard.isSame(wasSignedOut),
      onStatus: (status) => { this.update({ status }); },
      onAskedAgain: (tile, names) => { this.inTurn(() => this.askAgain(tile, names)); },
      onDrawnAnew: (tile, olderModel) => { this.inTurn(() => this.showAnew(tile, olderModel)); },
    });
    this.update({});
    this.view = new MapView(root.querySelector(".map") as HTMLElement, campaign.layer, coloursOf(campaign));
    this.view.setAccent(getComputedStyle(root).getPropertyValue("--map-accent").trim() || "#0b6bcb");
    this.view.coverage.setOpacity(this.state.opacity);
    this.listen();
  }

  private listen(): void {
    window.addEventListener("keydown", (event) => { this.onKey(event); });
    watchHand((hand) => { this.usedBy(hand); });
    for (const name of ["pointerdown", "keydown", "wheel"]) window.addEventListener(name, () => { this.clock.touch(); }, { passive: true });
    for (const name of ["online", "focus"]) window.addEventListener(name, () => void this.outbox.flush());
    document.addEventListener("visibilitychange", () => { if (document.hidden) void this.outbox.flush(); });
  }

  private usedBy(hand: Device): void {
    if (hand !== this.state.hand) this.update({ hand });
  }

  private update(change: Partial<ValidateState>): void {
    Object.assign(this.state, change);
    const { campaign, classes, boot, state, task } = this;
    const { item } = this;
    render(validateTemplate({
      campaign, classes, language: boot.language, state, item, judged: this.index, count: task?.items.length ?? 0,
      place: task ? interpolate(gettext("Tile %(row)s · %(col)s"), { row: task.tile.row, col: task.tile.col }) : "",
      canTakeBack: this.index > 0, actions: this,
    }), this.root);
    const { dataset } = this.root;
    dataset["hand"] = state.hand;
    dataset["item"] = item?.feature_id ?? "";
    dataset["left"] = String((task?.items.length ?? 0) - this.index);
    dataset["pending"] = String(state.status.left);
    if (task) dataset["tile"] = String(task.tile.id);
  }

  private get item(): ValidationItem | null {
    return this.task?.items[this.index] ?? null;
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

  // Tiles

  async start(): Promise<void> {
    try {
      await this.outbox.start();
    } catch {
      // A browser without a store sends each answer at once, and says so.
    }
    await this.next();
  }

  private async next(): Promise<void> {
    this.root.dataset["ready"] = "false";
    this.lease?.stop();
    this.lease = null;
    this.task = null;
    this.index = 0;
    const ready = this.ahead;
    this.ahead = null;
    this.view.sketch.setSketch({});
    this.view.showFeatures([]);
    this.update({ phase: "loading" });
    try {
      const task = (await ready?.catch(() => null)) ?? (await api.validate(this.campaign.slug, false));
      if (task) await this.show(task);
      else {
        this.update({ phase: "empty" });
        this.announce(gettext("Nothing left to check for now"));
      }
    } catch (error) {
      const failure = error instanceof ApiError && error.needsSignIn
        ? gettext("You are signed out. Sign in again in another tab, then try again here.")
        : (error as Error).message;
      this.update({ phase: "failed", failure });
    }
  }

  private async show(task: ValidationTask): Promise<void> {
    const { tile } = task;
    const kept = await this.outbox.of(tile.id, task.model_version).catch(() => []);
    this.answers = new Map(kept.map((verdict) => [verdict.feature_id, verdict]));
    const done = task.items.filter((item) => item.verdict !== null || this.answers.has(item.feature_id));
    const items = [...done, ...task.items.filter((item) => !done.includes(item))];
    this.task = { ...task, items };
    this.index = done.length;
    if (task.lease) this.lease = new LeaseKeeper(api, task.lease, () => this.clock.idleFor, () => undefined).start();
    this.view.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
    const imagery = this.view.showImagery(this.state.view);
    this.clock.take();
    if (!this.item) {
      await this.goOn();
      return;
    }
    this.update({ phase: "judging" });
    this.showItem();
    this.prepareNext();
    await imagery;
    this.root.dataset["ready"] = "true";
  }

  /** Claims the next tile and asks for its pictures while this one is judged. */
  private prepareNext(): void {
    this.ahead = api.validate(this.campaign.slug, true);
    this.ahead.then(
      (task) => { if (task) preloadImagery(this.campaign.layer, task.tile, this.state.view); },
      // The tile is asked for again when it is its turn, and the reason is shown then.
      () => { this.ahead = null; },
    );
  }

  private showItem(): void {
    const { item, task } = this;
    if (!item || !task) return;
    this.drawItem();
    this.view.fitFeature(item.rings);
    this.update({});
    const said = interpolate(gettext("%(n)s of %(count)s. The model says %(class)s"), { n: this.index + 1, count: task.items.length, class: this.nameOf(item.class_code) });
    const sure = item.confidence === null ? "" : interpolate(gettext(", %(share)s sure"), { share: percent(item.confidence) });
    this.announce(`${said}${sure}. ${gettext("Is that right?")}`);
  }

  private drawItem(): void {
    const { item } = this;
    if (!item) return;
    this.view.sketch.setSketch({ selected: [item.rings] });
    this.view.showFeatures(this.state.filled ? [{ id: item.feature_id, class_code: item.class_code, rings: item.rings, provenance: "accepted" }] : []);
  }

  /** All of the tile was answered before: the server gives it again until it knows, so it must be told first. */
  private async goOn(): Promise<void> {
    await this.outbox.flush();
    const { left } = this.outbox;
    if (left === 0) await this.next();
    else this.update({ phase: "failed", failure: savedWords(this.state.status, this.boot.language) });
  }

  private async finish(): Promise<void> {
    // The server gives the next tile by what it knows: the answers on this one go first, unless the network is away.
    await Promise.race([this.outbox.flush(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
    await this.next();
  }

  // Answers

  judge(verdict: VerdictKind, classCode?: string): void {
    // On a small screen the panel lies over the next shape.
    if (this.state.panel && isNarrow()) this.update({ panel: false });
    this.inTurn(() => this.answer(verdict, classCode ?? null));
  }

  /** Answers one after the other: each is kept by the browser before the next shape shows. */
  private inTurn(work: () => Promise<void>): void {
    this.turn = this.turn.then(work, work);
  }

  private async answer(given: VerdictKind, code: string | null): Promise<void> {
    const { item, task } = this;
    if (!item || !task || this.state.phase !== "judging") return;
    // The class shown is an agreement, by whichever key.
    const verdict = given === "other" && code === item.class_code ? "agree" : given;
    const answer: Verdict = { feature_id: item.feature_id, verdict, class_code: verdict === "other" ? code : null, seconds: this.clock.take() };
    try {
      await this.outbox.put({
        tile: task.tile.id, model_version: task.model_version, verdict: answer, done: this.index + 1 === task.items.length,
        shown: { row: task.tile.row, col: task.tile.col, class_code: item.class_code },
      });
    } catch (error) {
      this.notify(interpolate(gettext("Not recorded: %(reason)s"), { reason: (error as Error).message }));
      return;
    }
    this.answers.set(item.feature_id, answer);
    this.index += 1;
    if (this.item) this.showItem();
    else await this.finish();
  }

  /** Shapes whose answers were not taken are asked again, last: on this tile here, on another when it comes again. */
  private async askAgain(tile: TileId, names: readonly string[]): Promise<void> {
    const { task, item } = this;
    if (!task || !item || task.tile.id !== tile || this.state.phase !== "judging") return;
    const answeredSince = (await this.outbox.of(tile, task.model_version).catch(() => [])).map((verdict) => verdict.feature_id);
    const again = task.items.slice(0, this.index).filter(({ feature_id }) => names.includes(feature_id) && !answeredSince.includes(feature_id));
    for (const { feature_id } of again) this.answers.delete(feature_id);
    this.task = { ...task, items: [...task.items.filter((one) => !again.includes(one)), ...again] };
    this.index -= again.length;
    this.update({});
  }

  /** The tile again, as the newer model has drawn it: it is still this person's, and is given first. */
  private async showAnew(tile: TileId, olderModel: string): Promise<void> {
    const { task } = this;
    if (task?.tile.id !== tile || task.model_version !== olderModel || this.state.phase !== "judging") return;
    this.ahead = null;
    await this.next();
    this.notify(gettext("A newer model has drawn this tile: here is its drawing."));
  }

  forgetAside(): void {
    void this.outbox.forgetAside();
  }

  takeBack(): void {
    this.inTurn(() => this.back());
  }

  private async back(): Promise<void> {
    const { task } = this;
    if (!task || this.state.phase !== "judging") return;
    if (this.index === 0) {
      this.notify(gettext("There is no answer to take back on this tile."));
      return;
    }
    this.index -= 1;
    const { item } = this;
    if (item) {
      this.answers.delete(item.feature_id);
      // One that has left already is replaced by the next answer.
      await this.outbox.takeBack(task.tile.id, item.feature_id).catch(() => false);
    }
    this.showItem();
    this.announce(gettext("Taken back. Answer again."));
  }

  skip(): void {
    this.inTurn(() => this.pass());
  }

  private async pass(): Promise<void> {
    const { task } = this;
    if (!task || this.state.phase !== "judging") return;
    this.update({ phase: "loading" });
    await Promise.race([this.outbox.flush(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
    try {
      if (task.lease) await api.release(task.lease.token, "skip", "");
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) {
        this.update({ phase: "judging" });
        this.notify(interpolate(gettext("Not skipped: %(reason)s"), { reason: (error as Error).message }));
        return;
      }
    }
    await this.next();
  }

  // View

  fit(): void {
    if (this.item) this.view.fitFeature(this.item.rings);
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
    if (event.repeat || isForControl(event.target, event.key)) return;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const chosen = isPlain ? classOfKey(this.classes, event) : null;
    const command = chosen ? null : validateCommandOf(event);
    if (!chosen && !command) return;
    // Before it acts: a search asked for by a key wants the keyboard that is there.
    this.usedBy("keyboard");
    if (chosen) this.judge("other", chosen.code);
    else if (command) this.actions[command]();
    event.preventDefault();
  }
}
