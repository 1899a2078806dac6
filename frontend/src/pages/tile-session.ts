import { api as server } from "../api/client";
import type { Annotation, Assignment } from "../api/types";
import { type Command, CommandRefused } from "../domain/command";
import { type Delta, diff } from "../domain/delta";
import { type Draft, draftOf, type Feature, featuresOf, sameFeatures } from "../domain/draft";
import { type Engine, LocalEngine } from "../domain/engine";
import { SUBPIXELS } from "../domain/geometry";
import { type History, record, redo, undo } from "../domain/history";
import { compareVersions, mergeChosen, usualChoice } from "../domain/merge-versions";
import { reconcile } from "../domain/reconcile";
import { type Journal, type Kept, type LogRecord, NotOwner } from "../save/journal";
import { PersonGuard } from "../save/person";
import { replay } from "../save/replay";
import { Saver, type SaverHooks } from "../save/saver";
import { TabGuard, type TabState } from "../save/tab-guard";
import { announceSignedIn, onWake } from "../save/wake";
import { WorkLog } from "../save/work-log";

const lists = new WeakMap<Draft, Feature[]>();

/** The draft as a list, the same list for the same draft. */
function listOf(draft: Draft): Feature[] {
  let list = lists.get(draft);
  if (!list) lists.set(draft, (list = featuresOf(draft)));
  return list;
}

const SWEPT_AFTER_MS = 30 * 24 * 3_600_000;

/** What a session asks of its back end. */
export type SessionApi = Pick<typeof server, "save" | "pick" | "submit"> & Partial<Pick<typeof server, "split">>;

export interface SessionHooks extends Omit<SaverHooks, "send" | "isSamePerson" | "onSignedIn"> {
  /** The draft has changed by this, and the browser has it. */
  onDraft(delta: Delta): void;
  /** Whether this tab or another works on the tile. */
  onTab(state: TabState): void;
  /** Version of the classes that the draft speaks of; said with each save. */
  classes?(): string;
}

/**
 * What was found when the tile was opened. "conflict": `features`, kept in this browser, and the server's version both
 * went on since they parted; nothing is sent until `resolve` says what stays. "elsewhere": another tab works on it.
 * "moved": another tile stands in its place by now, `instead`, which is to be opened as any other is.
 */
export type Resumed = {
  readonly features: readonly Feature[];
  readonly kept_at: string | null;
} & ({ readonly kind: "none" | "restored" | "conflict" | "elsewhere" } | { readonly kind: "moved"; readonly instead: Assignment });

/** One person at work on one tile: the history of the draft, this browser's copy of it, and its way to the server. */
export class TileSession {
  private given: Assignment;
  private log: WorkLog;
  private sender: Saver;
  private readonly guard: TabGuard;
  private readonly person: PersonGuard;
  private readonly sleepless: () => void;
  private queue: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private isHandingOver = false;
  /** The draft that the person was asked about, while a conflict is open. */
  private asked: Draft | null = null;
  private submitOperation: { id: string; version: number } | null = null;

  constructor(
    assignment: Assignment,
    private readonly journal: Journal,
    readonly key: string,
    private readonly hooks: SessionHooks,
    private readonly engine: Engine = new LocalEngine(),
    /** The back end: the server's unless told. */
    private readonly api: SessionApi = server,
  ) {
    this.given = assignment;
    this.person = new PersonGuard(key.slice(0, key.indexOf("/")));
    this.guard = new TabGuard(key, {
      onChange: (state) => { this.tabChanged(state); },
      onTaking: () => this.handOver(),
    });
    this.log = this.makeLog();
    this.sender = this.makeSaver();
    this.sleepless = onWake(() => { this.sender.retryNow(); });
  }

  private makeLog(): WorkLog {
    const { annotation, tile } = this.given;
    const hooks = { onLost: () => { this.guard.lost(); }, onKept: () => { this.sender.report(); } };
    return new WorkLog(this.key, this.guard.token, this.journal, hooks, tile.tile_px * SUBPIXELS, annotation);
  }

  private makeSaver(): Saver {
    const { annotation, tile } = this.given;
    const hooks: SaverHooks = {
      ...this.hooks,
      send: (version, body) => {
        const classes = this.hooks.classes?.();
        return this.api.save(tile.id, version, classes === undefined ? body : { ...body, classes });
      },
      onConflict: (conflict) => {
        this.asked ??= this.draft; // the question on the screen is the first one, whatever was drawn since
        this.hooks.onConflict(conflict);
      },
      isSamePerson: (wasSignedOut) => this.person.isSame(wasSignedOut),
      onSignedIn: announceSignedIn,
    };
    return new Saver(this.log, hooks, annotation.saved_at);
  }

  get assignment(): Assignment {
    return this.given;
  }

  get saver(): Saver {
    return this.sender;
  }

  get history(): History {
    return this.log.history;
  }

  get draft(): Draft {
    return this.history.present;
  }

  get features(): readonly Feature[] {
    return listOf(this.draft);
  }

  /** What the server had when this work parted from it; null when that is not known. */
  get base(): readonly Feature[] | null {
    return this.log.base && listOf(this.log.base);
  }

  get canUndo(): boolean {
    return this.history.past.size > 0;
  }

  get canRedo(): boolean {
    return this.history.future.size > 0;
  }

  /** A change is being computed or written down. */
  get busy(): boolean {
    return this.waiting > 0;
  }

  get tab(): TabState {
    return this.guard.state;
  }

  /** Leaving now would lose work: the browser has no copy of it, and neither has the server. */
  get isAtRisk(): boolean {
    return !this.log.isKept || this.busy;
  }

  // Opening

  /** Takes the tile for this tab and takes up the work this browser kept. */
  resume(): Promise<Resumed> {
    return this.first(async () => {
      if ((await this.guard.start()) === "elsewhere") return this.found("elsewhere");
      void this.journal.sweep(new Date(Date.now() - SWEPT_AFTER_MS).toISOString()).catch(() => undefined);
      return this.takeUp(true);
    });
  }

  /** Goes on with the tile in this tab; the other one stops. */
  takeOver(): Promise<Resumed> {
    return this.first(() => this.moveHere());
  }

  private async moveHere(): Promise<Resumed> {
    const unkept = this.log.isKept ? null : this.features;
    await this.guard.takeOver();
    this.isHandingOver = false;
    let isFresh = true;
    try {
      const answer = await this.api.pick(this.given.tile.id);
      if (answer.tile.id === this.given.tile.id) this.given = answer;
      // What is here has this tile's frame and its place in the journal: saved on another tile it would lie elsewhere.
      else if (!unkept) {
        this.guard.lost(); // nothing more is drawn here
        return { kind: "moved", features: this.features, kept_at: null, instead: answer };
      } else isFresh = false; // what is on this page is nowhere else: it stays there
    } catch {
      isFresh = false; // no answer: what this browser keeps is the latest known, and saving will tell
    }
    const shown = this.draft;
    this.sender.close();
    this.log = this.makeLog();
    this.sender = this.makeSaver();
    const resumed = await this.takeUp(isFresh, shown);
    if (!unkept || resumed.kind === "conflict" || sameFeatures(unkept, this.features)) return resumed;
    this.asked = this.draft;
    this.sender.holdForConflict();
    return { kind: "conflict", features: unkept, kept_at: new Date().toISOString() };
  }

  private found(kind: Exclude<Resumed["kind"], "moved">, kept: Kept | null = null): Resumed {
    return { kind, features: this.features, kept_at: kept?.head.kept_at ?? null };
  }

  private async takeUp(isFresh: boolean, shown: Draft = this.draft): Promise<Resumed> {
    const kept = await this.log.open();
    const resumed = kept ? await this.weigh(kept, isFresh) : this.found("none");
    const delta = diff(shown, this.draft);
    if (delta) this.hooks.onDraft(delta);
    this.hooks.onVersion(this.log.version);
    this.sender.report();
    this.engine.prepare(this.draft);
    return resumed;
  }

  private async weigh(kept: Kept, isFresh: boolean): Promise<Resumed> {
    const server = this.given.annotation;
    const { history, base, sent } = replay(kept, this.draft.side);
    const verdict = reconcile(
      {
        base_version: kept.head.acknowledged.version, features: listOf(history.present), base: base && listOf(base),
        sent: sent && listOf(sent), waits: kept.head.pending !== null || !isFresh,
      },
      server,
    );
    if (verdict === "drop") {
      await this.log.reset(server);
      return this.found("none");
    }
    this.log.adopt(kept);
    if (verdict === "same" || verdict === "restore") await this.log.rebase(server);
    if (verdict === "same") return this.found("none");
    if (verdict === "conflict") {
      this.asked = this.draft;
      this.sender.holdForConflict();
      return this.found("conflict", kept);
    }
    if (!this.log.isClean) this.sender.changed();
    return this.found(this.log.isClean ? "none" : "restored", kept);
  }

  // Two tabs

  private async handOver(): Promise<void> {
    this.isHandingOver = true;
    await this.queue;
    if (!this.log.isKept) await this.sender.flush();
  }

  private tabChanged(state: TabState): void {
    if (state === "elsewhere") {
      this.log.stop();
      this.sender.stop();
    }
    this.hooks.onTab(state);
  }

  // Changes: one after the other; computed, then written down, then shown

  /** Runs `work` after what was asked before; what is asked meanwhile waits. */
  private first<T>(work: () => Promise<T>): Promise<T> {
    this.waiting += 1;
    const result = this.queue.then(work);
    const finish = (): void => { this.waiting -= 1; };
    this.queue = result.then(finish, finish);
    return result;
  }

  private serial<T>(work: () => Promise<T>): Promise<T> {
    return this.first(async () => {
      if (this.tab !== "mine" || this.isHandingOver) throw new CommandRefused("open_elsewhere");
      return work();
    });
  }

  private async keep(change: LogRecord, history: History): Promise<void> {
    const before = this.draft;
    try {
      await this.log.append(change, history);
    } catch (error) {
      throw error instanceof NotOwner ? new CommandRefused("open_elsewhere") : error;
    }
    const delta = diff(before, this.draft);
    if (delta) this.hooks.onDraft(delta);
    this.sender.changed();
  }

  /** Carries a command out. Rejects with CommandRefused, and then nothing has changed. */
  run(command: Command): Promise<"done" | "nothing"> {
    return this.serial(async () => {
      const delta = await this.engine.run(this.draft, command);
      if (!delta) return "nothing";
      await this.keep({ kind: "do", delta }, record(this.history, delta));
      return "done";
    });
  }

  private turn(kind: "undo" | "redo", turned: (history: History) => History): Promise<boolean> {
    return this.serial(async () => {
      const history = turned(this.history);
      if (history === this.history) return false;
      await this.keep({ kind }, history);
      return true;
    });
  }

  undo(): Promise<boolean> {
    return this.turn("undo", undo);
  }

  redo(): Promise<boolean> {
    return this.turn("redo", redo);
  }

  /** What was chosen, with what was drawn here after the question was put. */
  private withLater(features: readonly Feature[]): readonly Feature[] {
    const { asked } = this;
    this.asked = null;
    if (!asked || asked === this.draft) return features;
    const places = compareVersions(this.features, features, listOf(asked));
    return mergeChosen(places, places.map(usualChoice));
  }

  /** After a conflict: goes on with these features on top of the server's version. What was here can be had by undo. */
  resolve(current: Annotation, features: readonly Feature[]): Promise<void> {
    return this.serial(async () => {
      const delta = diff(this.draft, draftOf(this.draft.side, this.withLater(features)));
      await this.log.rebase(current, delta && { record: { kind: "do", delta }, history: record(this.history, delta) });
      if (delta) this.hooks.onDraft(delta);
      this.sender.resolved(current);
    });
  }

  /**
   * Classes changed: goes on from the server's version with what is drawn here, as `made` of it and of what the server
   * had. A step back leads to the server's version, since there is no way back to the classes before.
   */
  recode(current: Annotation, made: (mine: readonly Feature[], base: readonly Feature[]) => readonly Feature[]): Promise<void> {
    return this.serial(async () => {
      const before = this.draft;
      const features = draftOf(before.side, made(this.features, this.base ?? []));
      await this.log.anew(current, diff(draftOf(before.side, current.features), features));
      this.asked = null;
      const delta = diff(before, this.draft);
      if (delta) this.hooks.onDraft(delta);
      this.sender.resolved(current);
    });
  }

  /** Which version of the model's draft the work started from; said with the next save. */
  noteDraftModel(version: string): void {
    this.log.noteDraftModel(version);
  }

  /** A view of the imagery was looked at; said with the next save. */
  noteView(name: string): void {
    this.log.noteView(name);
  }

  /** Resolves once all that was asked so far is drawn. */
  settled(): Promise<void> {
    return this.first(() => Promise.resolve());
  }

  /**
   * Submits all that was asked so far, once the server has it; null when that must wait. Throws what the API threw;
   * asked again, it is the same operation.
   */
  submit(): Promise<Annotation | null> {
    return this.first(async () => {
      if (this.tab !== "mine" || this.isHandingOver || !(await this.sender.flush())) return null;
      const version = this.sender.version;
      if (this.submitOperation?.version !== version) this.submitOperation = { id: crypto.randomUUID(), version };
      const answer = await this.api.submit(this.given.tile.id, version, this.submitOperation.id);
      await this.log.remove();
      return answer;
    });
  }

  /**
   * Has the tile given out in quarters, once the server has all that was drawn; answers with the one to go on with,
   * null when that must wait. Throws what the API threw.
   */
  split(): Promise<Assignment | null> {
    return this.first(async () => {
      if (!this.api.split || this.tab !== "mine" || this.isHandingOver || !(await this.sender.flush())) return null;
      const quarter = await this.api.split(this.given.tile.id, this.sender.version);
      await this.log.remove(); // all of it is in the quarters
      return quarter;
    });
  }

  /** Stops sending and lets the tile go; what this browser keeps stays. */
  close(): void {
    this.sleepless();
    this.sender.close();
    this.log.stop();
    this.guard.close();
  }
}
