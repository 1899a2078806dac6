import { ApiError } from "../api/client";
import type { ValidationBody, ValidationItem, ValidationTask, Verdict, VerdictKind } from "../api/types";
import { gettext, interpolate } from "../i18n";
import { BrowserVerdictStore, type KeptVerdict, type TileId, type VerdictStore } from "../save/verdict-store";
import { type HeartbeatApi, LeaseKeeper } from "./lease-keeper";
import { Outbox, type OutboxStatus } from "./validate-outbox";
import { reasonWords } from "./validate-words";

/** How long the next tile waits for the answers on this one to arrive. */
const FLUSH_MS = 2_500;
/** How long a tile's first shape waits for its picture. */
const PICTURE_MS = 2_000;

/** "opening": the shape is there, its picture not yet. "sending": the next tile comes when all answers have arrived. */
export type LanePhase = "loading" | "opening" | "judging" | "sending" | "empty" | "failed";
/** Why nothing is given. */
export type Emptiness = "nothing" | "no_model_yet" | "left_to_others" | "nothing_drawn_so_far";

export interface LaneServer extends HeartbeatApi {
  /** The next tile to judge; with `ahead` the one after that. */
  next(ahead: boolean): Promise<ValidationTask | null>;
  skip(token: string): Promise<unknown>;
  send(tile: TileId, body: ValidationBody): Promise<unknown>;
  isSamePerson(wasSignedOut: boolean): Promise<boolean>;
}

export interface LaneScreen {
  /** What the lane holds has changed. */
  refresh(): void;
  /** Puts a tile on the map; resolves when its picture is there. */
  open(task: ValidationTask): Promise<unknown>;
  clear(): void;
  /** Shows the shape asked about and says the question, after these words. */
  ask(before?: string): void;
  /** The next tile is known. */
  prepare(task: ValidationTask): void;
  notify(words: string): void;
  /** Seconds worked since the last call. */
  seconds(): number;
  idleFor(): number;
}

const keyOf = ({ tile, model_version }: ValidationTask): string => `${tile.id}/${model_version}`;

const waitAtMost = (work: Promise<unknown>, milliseconds: number): Promise<unknown> =>
  Promise.race([work.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, milliseconds))]);

/**
 * The shapes of one tile after the other, and what a person says of them. What they press counts for what they had
 * before them then: for nothing, where the former answer is still being kept or the next tile is being opened.
 */
export class Lane {
  phase: LanePhase = "loading";
  failure = "";
  emptiness: Emptiness = "nothing";
  task: ValidationTask | null = null;
  status: OutboxStatus = { state: "saved", left: 0, savedAt: null, message: "", aside: [] };
  /** How many of the tile's shapes have an answer: these come first. */
  index = 0;
  items: readonly ValidationItem[] = [];
  private readonly outbox: Outbox;
  private ahead: Promise<ValidationTask | null> | null = null;
  private lease: LeaseKeeper | null = null;
  private turn: Promise<void> = Promise.resolve();
  /** The shape whose answer is being kept at this moment. */
  private keeping: ValidationItem | null = null;
  /** Tiles left on this visit: one asked for before that may be among them. */
  private readonly left = new Set<string>();
  private complete = "";

  constructor(
    owner: string,
    private readonly server: LaneServer,
    private readonly screen: LaneScreen,
    store: VerdictStore = new BrowserVerdictStore(),
  ) {
    this.outbox = new Outbox(owner, {
      send: (tile, body) => server.send(tile, body),
      isSamePerson: (wasSignedOut) => server.isSamePerson(wasSignedOut),
      onStatus: (status) => { this.heard(status); },
      onAskedAgain: (tile, names) => { this.inTurn(() => this.askAgain(tile, names)); },
      onDrawnAnew: (tile, olderModel) => { this.inTurn(() => this.showAnew(tile, olderModel)); },
    }, store);
  }

  get item(): ValidationItem | null {
    return this.items[this.index] ?? null;
  }

  private enter(phase: LanePhase): void {
    this.phase = phase;
    this.screen.refresh();
  }

  /** One after the other: each answer is kept by the browser before the next shape shows. */
  private inTurn(work: () => Promise<void>): void {
    this.turn = this.turn.then(work, work);
  }

  private heard(status: OutboxStatus): void {
    this.status = status;
    this.screen.refresh();
    if (this.phase === "sending" && status.left === 0) this.inTurn(() => this.goOnFrom("sending"));
  }

  flush(): void {
    void this.outbox.flush();
  }

  forgetAside(): void {
    void this.outbox.forgetAside();
  }

  // Tiles

  async start(): Promise<void> {
    try {
      await this.outbox.start();
    } catch {
      // A browser without a store sends each answer at once, and says so.
    }
    this.inTurn(() => this.next());
    await this.turn;
  }

  /** Asks once more where nothing was given. */
  lookAgain(): void {
    this.inTurn(() => this.goOnFrom("empty"));
  }

  private async goOnFrom(phase: LanePhase): Promise<void> {
    if (this.phase === phase && (phase !== "sending" || this.outbox.left === 0)) await this.next();
  }

  private async next(): Promise<void> {
    this.lease?.stop();
    this.lease = null;
    if (this.task) this.left.add(keyOf(this.task));
    this.task = null;
    this.items = [];
    this.index = 0;
    const ready = this.ahead;
    this.ahead = null;
    this.screen.clear();
    this.enter("loading");
    try {
      const prepared = (await ready?.catch(() => null)) ?? null;
      // While answers are on their way the server takes the tile they are on for the one at work, and the one that has
      // just been judged for the one after that.
      const task = prepared && !this.left.has(keyOf(prepared)) ? prepared : await this.server.next(false);
      if (task) await this.show(task);
      else this.end("nothing");
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "";
      if (code === "no_model_yet" || code === "left_to_others" || code === "nothing_drawn_so_far") this.end(code);
      else this.fail(reasonWords(error));
    }
  }

  private end(emptiness: Emptiness): void {
    this.emptiness = emptiness;
    this.enter("empty");
  }

  private fail(failure: string): void {
    this.failure = failure;
    this.enter("failed");
  }

  private async show(task: ValidationTask): Promise<void> {
    const kept = await this.outbox.of(task.tile.id, task.model_version).catch(() => []);
    const answered = new Set(kept.map((verdict) => verdict.feature_id));
    const done = task.items.filter((item) => item.verdict !== null || answered.has(item.feature_id));
    if (done.length === task.items.length) {
      await this.awaitArrival(task);
      return;
    }
    this.complete = "";
    this.task = task;
    this.items = [...done, ...task.items.filter((item) => !done.includes(item))];
    this.index = done.length;
    if (task.lease) this.lease = new LeaseKeeper(this.server, task.lease, () => this.screen.idleFor(), () => undefined).start();
    const picture = this.screen.open(task);
    this.screen.seconds();
    this.enter("opening");
    this.screen.ask();
    this.prepareNext();
    await waitAtMost(picture, PICTURE_MS);
    this.enter("judging");
  }

  /** All of the tile is answered: the server gives it again until it knows. */
  private async awaitArrival(task: ValidationTask): Promise<void> {
    if (this.outbox.left > 0) {
      this.enter("sending");
      this.flush();
    } else if (this.complete === keyOf(task)) {
      this.fail(gettext("All of this tile is answered, and yet it was given again. Try again in a moment."));
    } else {
      // The last answer arrived meanwhile.
      this.complete = keyOf(task);
      await this.next();
    }
  }

  /** Claims the next tile and asks for its pictures while this one is judged. */
  private prepareNext(): void {
    this.ahead = this.server.next(true);
    this.ahead.then(
      (task) => { if (task) this.screen.prepare(task); },
      // The tile is asked for again when it is its turn, and the reason is shown then.
      () => { this.ahead = null; },
    );
  }

  private async finish(): Promise<void> {
    this.enter("loading");
    // The server gives the next tile by what it knows: the answers on this one go first, unless the network is away.
    await waitAtMost(this.outbox.flush(), FLUSH_MS);
    await this.next();
  }

  /** Shapes whose answers were not taken are asked again, last: on this tile here, on another when it comes again. */
  private async askAgain(tile: TileId, names: readonly string[]): Promise<void> {
    const { task, item } = this;
    if (!task || !item || task.tile.id !== tile || this.phase !== "judging") return;
    const answeredSince = (await this.outbox.of(tile, task.model_version).catch(() => [])).map((verdict) => verdict.feature_id);
    const again = this.items.slice(0, this.index).filter(({ feature_id }) => names.includes(feature_id) && !answeredSince.includes(feature_id));
    this.items = [...this.items.filter((one) => !again.includes(one)), ...again];
    this.index -= again.length;
    this.screen.refresh();
  }

  /** The tile again, as the newer model has drawn it: it is still this person's, and is given first. */
  private async showAnew(tile: TileId, olderModel: string): Promise<void> {
    const { task } = this;
    if (task?.tile.id !== tile || task.model_version !== olderModel || this.phase !== "judging") return;
    this.ahead = null;
    await this.next();
    this.screen.notify(gettext("A newer model has drawn this tile: here is its drawing."));
  }

  // Answers

  judge(verdict: VerdictKind, classCode: string | null): void {
    const { item } = this;
    if (item && this.phase === "judging") this.inTurn(() => this.answer(item, verdict, classCode));
  }

  private on(task: ValidationTask, item: ValidationItem, verdict: Verdict, done: boolean): Omit<KeptVerdict, "owner"> {
    const { tile: { id, row, col }, model_version } = task;
    return { tile: id, model_version, verdict, done, shown: { row, col, class_code: item.class_code } };
  }

  private async answer(item: ValidationItem, given: VerdictKind, code: string | null): Promise<void> {
    const { task } = this;
    if (!task || this.item !== item || this.phase !== "judging") return;
    // The class shown is an agreement, by whichever key.
    const verdict = given === "other" && code === item.class_code ? "agree" : given;
    const answer: Verdict = { feature_id: item.feature_id, verdict, class_code: verdict === "other" ? code : null, seconds: this.screen.seconds() };
    this.keeping = item;
    try {
      await this.outbox.put(this.on(task, item, answer, this.index + 1 === this.items.length));
    } catch (error) {
      this.screen.notify(interpolate(gettext("Not recorded: %(reason)s"), { reason: this.whyNotKept(error) }));
      return;
    } finally {
      this.keeping = null;
    }
    this.index += 1;
    if (this.item) this.screen.ask();
    else await this.finish();
  }

  private whyNotKept(error: unknown): string {
    return reasonWords(error, { otherPerson: this.status.state === "other_person" });
  }

  takeBack(): void {
    const { task } = this;
    if (!task || this.phase !== "judging") return;
    const meant = this.keeping ?? this.items[this.index - 1];
    this.inTurn(() => this.back(task, meant));
  }

  private async back(task: ValidationTask, meant: ValidationItem | undefined): Promise<void> {
    if (this.task !== task || this.phase !== "judging") return;
    if (!meant) {
      this.screen.notify(gettext("There is no answer to take back on this tile."));
      return;
    }
    if (this.items[this.index - 1] !== meant) return;
    let words = gettext("Taken back. Answer again.");
    if (!(await this.outbox.takeBack(task.tile.id, meant.feature_id).catch(() => false))) {
      // The server never forgets an answer, but the last one counts, and this one is no label.
      const unsure: Verdict = { feature_id: meant.feature_id, verdict: "unsure", class_code: null, seconds: 0 };
      try {
        await this.outbox.put(this.on(task, meant, unsure, false));
      } catch (error) {
        this.screen.notify(interpolate(gettext("Not taken back: %(reason)s"), { reason: this.whyNotKept(error) }));
        return;
      }
      words = gettext("This answer had been sent already: it counts as “unsure” until you answer again.");
      this.screen.notify(words);
    }
    this.index -= 1;
    this.screen.ask(words);
  }

  skip(): void {
    const { task } = this;
    if (task && this.phase === "judging") this.inTurn(() => this.pass(task));
  }

  private async pass(task: ValidationTask): Promise<void> {
    if (this.task !== task || this.phase !== "judging") return;
    this.enter("loading");
    await waitAtMost(this.outbox.flush(), FLUSH_MS);
    try {
      if (task.lease) await this.server.skip(task.lease.token);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) {
        this.enter("judging");
        this.screen.notify(interpolate(gettext("Not skipped: %(reason)s"), { reason: reasonWords(error) }));
        return;
      }
    }
    await this.next();
  }
}
