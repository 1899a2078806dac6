import { ApiError } from "../api/client";
import type { Annotation, Assignment, Lease } from "../api/types";
import { onlyClassesChanged, recode, recodeLike } from "../domain/class-change";
import type { Engine } from "../domain/engine";
import type { Feature } from "../domain/draft";
import { gettext, interpolate } from "../i18n";
import { preloadImagery } from "../map/imagery";
import { BrowserJournal, type Journal, journalKey } from "../save/journal";
import { NOTHING_SAVED } from "../save/saver";
import { onWake } from "../save/wake";
import { skipDialog, splitDialog } from "../ui/dialogs";
import { mergeDialog, splitWorkDialog } from "../ui/merge-view";
import { saveWords } from "../ui/save-state";
import { WorkerEngine } from "../worker/worker-engine";
import { ActiveClock } from "./active-clock";
import { coloursOf } from "./boot";
import { Courier, type LeftBehind } from "./courier";
import { LeaseKeeper } from "./lease-keeper";
import type { StudioApi } from "./studio-api";
import type { StudioApp } from "./studio-app";
import { type TileData, TileStore } from "./tile-data";
import { tileWords } from "./tile-words";
import { type Resumed, TileSession } from "./tile-session";

/** Tiles one after the other: claimed, shown, worked on, submitted or passed on, the next one made ready meanwhile. */
export class StudioFlow {
  session: TileSession | null = null;
  private readonly engine: Engine = new WorkerEngine();
  private readonly clock = new ActiveClock();
  private readonly store: TileStore;
  private readonly courier: Courier | null;
  private lease: LeaseKeeper | null = null;
  /** The tile that was made ready. */
  private ahead: Lease | null = null;
  private settling: Promise<void> | null = null;
  private carrying: Promise<void> | null = null;
  private following: Promise<boolean> | null = null;

  constructor(
    private readonly app: StudioApp,
    private readonly api: StudioApi,
    private readonly journal: Journal = new BrowserJournal(),
    private readonly onSubmitted: (() => void) | null = null,
  ) {
    this.store = new TileStore(api);
    // The practice tile has nothing to do with the server, and a correction is no work of the person's own.
    this.courier = app.isPractice || app.correction ? null : new Courier(app.person, journal, () => this.session?.key ?? "");
  }

  listen(): void {
    for (const name of ["pointerdown", "keydown", "wheel"]) window.addEventListener(name, () => { this.clock.touch(); }, { passive: true });
    onWake(() => { this.sendLeft(); });
    window.addEventListener("pagehide", () => { this.giveBackUnbegun(); });
    window.addEventListener("pageshow", (event) => {
      // Kept by the browser while its tile went back to the queue: it asks for one anew.
      if (event.persisted) window.location.reload();
    });
    window.addEventListener("beforeunload", (event) => {
      // The browser's copy keeps the work; only where there is none is leaving a loss.
      if (this.session?.isAtRisk === true) event.preventDefault();
    });
  }

  async start(): Promise<void> {
    const { tile } = this.app.boot;
    await this.open(() => (tile === null ? this.claim(false) : this.api.pick(tile)));
  }

  next(): Promise<void> {
    this.forgetAddress();
    return this.open(() => this.claim(false));
  }

  /** The address names the tile that is left: loaded again, the page must show the one in hand. */
  private forgetAddress(): void {
    const { area } = this.app.boot;
    const kept = area ? `?area=${encodeURIComponent(area)}` : "";
    if (window.location.search !== kept) window.history.replaceState(window.history.state, "", `${window.location.pathname}${kept}`);
  }

  private claim(ahead: boolean): Promise<Assignment | null> {
    return this.api.claim(this.app.campaign.slug, ahead, this.app.boot.area ?? null);
  }

  /** Nobody waits for a tile on which nothing was done: neither the one in hand nor the one made ready. */
  private giveBackUnbegun(): void {
    const { session, lease, ahead } = this;
    const isBegun = session === null || session.saver.version > 0 || session.busy || session.canUndo || session.canRedo;
    for (const one of [isBegun ? null : (lease?.lease ?? null), ahead]) {
      if (one) this.api.leave(one).catch(() => undefined);
    }
  }

  private async open(ask: () => Promise<Assignment | null>): Promise<void> {
    const { app } = this;
    this.leave();
    app.root.dataset["ready"] = "false";
    app.update({ phase: "loading", selected: [], hoveredClass: null, leaseLost: false, isReadOnly: false });
    try {
      let assignment = await ask();
      if (assignment && this.courier?.isAt(this.keyOf(assignment))) {
        // What is on its way to the server from here is part of the tile.
        await this.carrying;
        assignment = await ask();
      }
      if (assignment) await this.show(assignment);
      else {
        app.update({ phase: "empty" });
        app.announce(gettext("Nothing left to label for now"));
      }
      this.sendLeft();
    } catch (error) {
      const failure = error instanceof ApiError && error.needsSignIn
        ? gettext("You are signed out. Sign in again in another tab, then try again here.")
        : (error as Error).message;
      app.update({ phase: "failed", failure });
    }
  }

  private leave(): void {
    this.lease?.stop();
    this.lease = null;
    this.ahead = null;
    this.session?.close();
    this.session = null;
    this.app.belt.putAway();
    this.app.suggestionDesk.reset(null, null);
    this.app.segmentDesk.reset(null, false);
    this.app.view.showFeatures([]);
    this.app.view.showAsked([]);
    this.app.view.showSuggestions([], 0);
    this.app.look.applyDoubt();
  }

  private async show(assignment: Assignment): Promise<void> {
    const { app } = this;
    const { tile, annotation, lease } = assignment;
    const session = this.sessionOf(assignment);
    const data = this.store.of(tile.id, tile.tile_px);
    this.session = session;
    this.clock.take();
    if (lease) this.lease = new LeaseKeeper(this.api, lease, () => this.clock.idleFor, () => { app.update({ leaseLost: true }); }, (version) => {
      if (version !== app.campaign.nomenclature.version) void this.followClasses();
    }).start();
    session.noteView(app.state.view);
    app.askedDesk.reset();
    app.view.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
    const imagery = app.view.showImagery(app.state.view);
    app.suggestionDesk.reset(data, assignment);
    app.segmentDesk.reset(data, assignment.draft_available);
    app.view.marks.setReported((assignment.why?.reports ?? []).map(({ at }) => at));
    app.view.marks.setMarks(annotation.review?.verdict === "send_back" ? annotation.review.marks.map(({ at }) => at) : []);
    app.update({ phase: "working", leaseLost: lease?.extra === true, status: { ...NOTHING_SAVED, savedAt: annotation.saved_at } });
    app.belt.restart(assignment.draft_available);
    if (app.state.doubt) void app.segmentDesk.loadDoubt();
    const resumed = await session.resume();
    if (this.session !== session) return;
    app.draftChanged();
    // Work that this browser kept may speak of classes that are no more.
    if (session.features.some((f) => !app.classes.some((c) => c.code === f.class_code))) await this.followClasses();
    else await this.welcome(session, resumed);
    await imagery;
    if (this.session !== session) return;
    app.root.dataset["ready"] = "true";
    app.announce(`${interpolate(gettext("%(tile)s is open."), { tile: tileWords(tile) })} ${app.askedDesk.openingWords()}`.trim());
    if (lease) void this.prepareNext();
    this.warm(data, assignment);
  }

  /** What this browser kept elsewhere goes to the server; the person is told of what cannot. */
  private sendLeft(): void {
    // Until it is known which tile is in hand, its own work could be taken for another's: it goes once that is known.
    if (this.app.state.phase === "loading" && !this.session) return;
    // What could not be carried stays in this browser.
    this.carrying ??= this.carry().catch(() => undefined).finally(() => { this.carrying = null; });
  }

  private async carry(): Promise<void> {
    const { courier, app } = this;
    if (!courier) return;
    const { sent, left } = await courier.sendDrawings();
    app.update({ leftBehind: left });
    if (sent === 1) app.notify(gettext("Work on another tile that this browser had kept is on the server now."));
    else if (sent > 1) app.notify(interpolate(gettext("Work on %(n)s other tiles that this browser had kept is on the server now."), { n: sent }));
    await courier.sendVerdicts();
  }

  /** Shows work that waits here because its tile was split; it goes when its person says so. */
  async showSplitWork(left: LeftBehind): Promise<void> {
    const { courier, app } = this;
    if (!courier || !left.split) return;
    const colours = left.campaign === app.campaign.slug ? coloursOf(app.campaign) : new Map<string, string>();
    if (!(await splitWorkDialog(left.split, colours, app.boot.language))) return;
    await this.carrying; // what is being sent is not forgotten meanwhile
    await courier.forget(left);
    app.update({ leftBehind: app.state.leftBehind.filter((one) => one.tile !== left.tile) });
  }

  private keyOf({ tile }: Assignment): string {
    return journalKey(this.app.person, this.app.campaign.slug, tile.id);
  }

  private sessionOf(assignment: Assignment): TileSession {
    const { app } = this;
    const key = this.keyOf(assignment);
    const session: TileSession = new TileSession(assignment, this.journal, key, {
      secondsSpent: () => this.clock.take(),
      onStatus: (status) => { if (this.session === session) app.update({ status }); },
      onVersion: () => { if (this.session === session) app.paint(); },
      onDraft: () => { if (this.session === session) app.draftChanged(); },
      onTab: (tab) => { if (this.session === session) this.tabChanged(tab === "elsewhere"); },
      onConflict: ({ current }) => void this.settle(current, session.features, new Date().toISOString()),
      classes: () => app.campaign.nomenclature.version,
      onRefused: (code) => { if (this.session === session && (code === "classes_changed" || code === "unknown_class")) void this.followClasses(); },
      onInvalid: (id, at, message) => { if (this.session === session) this.showInvalid(id, at, message); },
    }, this.engine, this.api);
    return session;
  }

  /** Says what became of work kept earlier. */
  private async welcome(session: TileSession, resumed: Resumed): Promise<void> {
    if (resumed.kind === "elsewhere") this.tabChanged(true);
    if (resumed.kind === "restored") this.app.notify(gettext("Your work kept in this browser is back."));
    if (resumed.kind === "conflict") await this.settle(session.assignment.annotation, resumed.features, resumed.kept_at);
  }

  /** Gives the page the classes as they are now, and what is drawn here its new ones. False where that cannot be had. */
  followClasses(): Promise<boolean> {
    this.following ??= this.follow().finally(() => { this.following = null; });
    return this.following;
  }

  private async follow(): Promise<boolean> {
    const { session, app, api } = this;
    if (!session || !api.classes || !api.labels) return false;
    try {
      const news = await api.classes(app.campaign.slug);
      const annotation = await api.labels(session.assignment.tile.id);
      if (this.session !== session) return false;
      const isOurs = session.base === null || onlyClassesChanged(session.base, annotation.features, news.gone);
      let lost = 0;
      if (isOurs) {
        await session.recode(annotation, (mine, base) => {
          const found = recodeLike(mine, base, annotation.features, news.gone);
          const before = recode(base, news.gone).lost.length;
          lost = Math.max(found.lost.length, before);
          return found.features;
        });
      }
      this.store.forgetDrawings();
      app.classesChanged(news, lost);
      app.draftChanged();
      if (!isOurs) await this.settle(annotation, recode(session.features, news.gone).features, new Date().toISOString());
      return true;
    } catch {
      return false; // the next beat, or the next save, asks again
    }
  }

  private tabChanged(isReadOnly: boolean): void {
    if (isReadOnly === this.app.state.isReadOnly) return;
    this.app.update({ isReadOnly });
    if (isReadOnly) this.app.announce(gettext("This tile is open in another tab, and that one keeps your work. Here you may look."));
    this.app.belt.current.refresh();
  }

  /** Takes the tile over from the other tab. */
  async goOnHere(): Promise<void> {
    const { session } = this;
    if (!session) return;
    const resumed = await session.takeOver();
    if (this.session !== session) return;
    if (resumed.kind === "moved") {
      await this.openInstead(resumed.instead);
      return;
    }
    this.tabChanged(false);
    // What the status said of the other tab is over; what there is to send is said by the saver.
    if (resumed.kind === "none") this.app.update({ status: { ...NOTHING_SAVED, savedAt: session.assignment.annotation.saved_at } });
    // Given anew, the tile may be asked for otherwise.
    this.app.askedDesk.reset();
    this.app.draftChanged();
    await this.welcome(session, resumed);
  }

  /** The tile in hand is no longer what it was: what stands in its place is opened as any tile is. */
  private async openInstead(assignment: Assignment): Promise<void> {
    const { part } = assignment.tile;
    await this.open(() => Promise.resolve(assignment));
    this.app.notify(part
      ? interpolate(gettext("The tile was split in four meanwhile. You go on with quarter %(n)s."), { n: part })
      : gettext("What you had open was changed meanwhile. This is how it is now."));
  }

  /** The next tile's pictures and what the tool in hand needs of it, while this one is worked on. */
  private async prepareNext(): Promise<void> {
    try {
      const ahead = await this.claim(true);
      if (!ahead) return;
      this.ahead = ahead.annotation.version === 0 ? ahead.lease : null;
      preloadImagery(this.app.campaign.layer, ahead.tile, this.app.state.view);
      this.warm(this.store.of(ahead.tile.id, ahead.tile.tile_px), ahead);
    } catch {
      // Only a head start is missed: the next claim will say what is wrong.
    }
  }

  /** Fetches what is likely to be asked for; what fails here is asked again when it is wanted. */
  private warm(data: TileData, assignment: Assignment): void {
    const { state, segmentDesk } = this.app;
    const wanted: Promise<unknown>[] = [];
    if (state.tool === "segments") wanted.push(data.segments(segmentDesk.level));
    if (assignment.draft_available) wanted.push(data.draft());
    if (assignment.draft_available && state.doubt) wanted.push(data.doubt());
    for (const one of wanted) one.catch(() => undefined);
  }

  /** Both versions of the tile, side by side and place by place, until the person has said what stays. */
  private settle(current: Annotation, mine: readonly Feature[], at: string | null): Promise<void> {
    this.settling ??= this.merge(current, mine, at).finally(() => { this.settling = null; });
    return this.settling;
  }

  private async merge(current: Annotation, mine: readonly Feature[], at: string | null): Promise<void> {
    const { session, app } = this;
    if (!session) return;
    const theirs = { features: current.features, at: current.saved_at };
    const versions = { mine: { features: mine, at }, theirs, base: session.base, side: session.draft.side };
    const features = await mergeDialog(versions, coloursOf(app.campaign), app.boot.language);
    if (this.session !== session) return;
    await session.resolve(current, features);
    app.draftChanged();
  }

  private showInvalid(id: string | null, at: readonly [number, number] | null, message: string): void {
    const { app } = this;
    app.belt.use("edit");
    if (id !== null && this.session?.draft.features.has(id)) app.select([id]);
    if (at) {
      app.view.lookAt(at);
      app.view.sketch.setSketch({ ...app.view.sketch.current, mark: at });
    }
    app.notify(message);
  }

  async submit(): Promise<void> {
    const { session, app } = this;
    if (!session || app.state.phase !== "working" || app.state.isReadOnly) return;
    app.update({ phase: "sending" });
    await session.settled(); // a shape may have been drawn a moment ago
    if (session.draft.features.size === 0) {
      app.update({ phase: "working" });
      app.notify(gettext("Nothing is labelled yet: draw at least one area, or skip the tile with a reason."));
      return;
    }
    if (!app.correction && !(await this.confirmParts(session))) return;
    try {
      const answer = await session.submit();
      if (!answer) {
        app.update({ phase: "working" });
        app.notify(interpolate(gettext("Not submitted: %(reason)s"), { reason: saveWords(app.state.status, app.boot.language) }));
        return;
      }
      app.notify(answer.state === "accepted"
        ? gettext("Thank you. This tile is done.")
        : gettext("Thank you. A reviewer will look at it, and you will see the outcome in your contributions."));
    } catch (error) {
      app.update({ phase: "working" });
      if (error instanceof ApiError && error.status === 412) {
        const { version } = app.campaign.nomenclature;
        // Where classes changed meanwhile there is nothing to choose: the person looks, and hands in again.
        if ((await this.followClasses()) && app.campaign.nomenclature.version !== version) return;
        await this.settle(error.details["current"] as Annotation, session.features, new Date().toISOString());
      } else {
        app.notify(interpolate(gettext("Not submitted: %(reason)s"), { reason: (error as Error).message }));
      }
      return;
    }
    if (!this.onSubmitted) return this.next();
    app.update({ phase: "empty" });
    this.onSubmitted();
  }

  /** Whether the tile may be handed in as far as its parts go; nothing is sent while that is asked. */
  private async confirmParts(session: TileSession): Promise<boolean> {
    this.app.update({ phase: "working" });
    if (!(await this.app.askedDesk.mayBeHandedIn()) || this.session !== session) return false;
    this.app.update({ phase: "sending" });
    return true;
  }

  /** Has the tile given out in quarters, once all that was drawn is on the server, and goes on with one of them. */
  async split(): Promise<void> {
    const { session, app, api } = this;
    if (!session || !api.split || app.state.phase !== "working" || app.state.isReadOnly) return;
    const { tile } = session.assignment;
    if (tile.part) {
      app.notify(gettext("This is a quarter already: quarters are not split again."));
      return;
    }
    if (!(await splitDialog()) || this.session !== session) return;
    app.update({ phase: "sending" });
    const quarter = await session.split().catch((error: unknown) => error as Error);
    if (!quarter || quarter instanceof Error) {
      app.update({ phase: "working" });
      const reason = quarter ? quarter.message : saveWords(app.state.status, app.boot.language);
      app.notify(interpolate(gettext("Not split: %(reason)s"), { reason }));
      return;
    }
    this.forgetAddress();
    await this.open(() => Promise.resolve(quarter));
    app.notify(interpolate(gettext("The tile was split in four. You go on with quarter %(n)s; the others that are asked for wait in the queue."), { n: quarter.tile.part ?? 0 }));
  }

  async skip(): Promise<void> {
    const { session, app } = this;
    if (!session || app.correction || app.state.phase !== "working") return;
    const choice = await skipDialog();
    if (!choice || this.session !== session) return;
    await session.settled();
    await session.saver.flush();
    if (session.isAtRisk) {
      app.notify(interpolate(gettext("Not skipped: %(reason)s"), { reason: saveWords(app.state.status, app.boot.language) }));
      return;
    }
    try {
      if (session.assignment.lease) await this.api.release(session.assignment.lease.token, choice.reason, choice.comment);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) {
        app.notify(interpolate(gettext("Not skipped: %(reason)s"), { reason: (error as Error).message }));
        return;
      }
    }
    await this.next();
  }
}
