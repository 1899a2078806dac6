import type { Sample, SampleAnswerBody, SampleTask, SampleUnit } from "../api/sample-types";
import { asked, newSeeing, sayClass, saySame, type Seeing, toggleSure, unsay } from "../domain/seen";
import { gettext } from "../i18n";
import type { AnswerStore } from "../save/answer-store";
import { AnswerOutbox, type AnswersStatus } from "./sample-outbox";
import { reasonWords } from "./validate-words";

/** "sending": the sample is through, and answers are still on their way. */
export type SamplePhase = "loading" | "asking" | "sending" | "done" | "failed";

export interface SampleServer {
  /** Places that want an answer of this person, none of these. */
  next(sample: number, without: readonly number[]): Promise<SampleTask>;
  answer(sample: number, unit: number, body: SampleAnswerBody): Promise<unknown>;
  isSamePerson(wasSignedOut: boolean): Promise<boolean>;
}

export interface SampleScreen {
  refresh(): void;
  /** Puts a place on the maps. */
  open(unit: SampleUnit): void;
  clear(): void;
  prepare(unit: SampleUnit): void;
  notify(words: string): void;
  /** Says which date is asked about, after these words. */
  ask(before: string): void;
  seconds(): number;
}

interface Given {
  readonly unit: SampleUnit;
  readonly operationId: string;
}

/** Places of a sample one after the other, and what a person sees there. */
export class SampleLane {
  phase: SamplePhase = "loading";
  failure = "";
  unit: SampleUnit | null = null;
  seeing: Seeing;
  status: AnswersStatus = { state: "saved", left: 0, savedAt: null, message: "" };
  /** Places that want an answer of this person, as far as is known here. */
  left: number;
  private ahead: SampleUnit[] = [];
  private readonly given: Given[] = [];
  private readonly put = new Set<number>();
  private readonly later = new Set<number>();
  private readonly outbox: AnswerOutbox;
  private turn: Promise<void> = Promise.resolve();

  constructor(
    owner: string,
    private readonly sample: Sample,
    private readonly server: SampleServer,
    private readonly screen: SampleScreen,
    store?: AnswerStore,
  ) {
    this.left = sample.left;
    this.seeing = newSeeing(sample.layers.length);
    this.outbox = new AnswerOutbox(owner, {
      send: (id, unit, body) => server.answer(id, unit, body),
      isSamePerson: (wasSignedOut) => server.isSamePerson(wasSignedOut),
      onStatus: (status) => { this.heard(status); },
      onRefused: (answer, error) => {
        this.put.delete(answer.unit);
        screen.notify(reasonWords(error));
      },
    }, store);
  }

  get canTakeBack(): boolean {
    return this.phase !== "loading" && (this.seeing.codes.length > 0 || this.given.length > 0);
  }

  private enter(phase: SamplePhase): void {
    this.phase = phase;
    this.screen.refresh();
  }

  /** One after the other: an answer is kept by the browser before the next place shows. */
  private inTurn(work: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(work, work);
    return this.turn;
  }

  private heard(status: AnswersStatus): void {
    this.status = status;
    if (this.phase === "sending" && status.left === 0) void this.inTurn(() => this.next());
    this.screen.refresh();
  }

  async start(): Promise<void> {
    try {
      await this.outbox.start();
    } catch {
      // A browser without a store sends each answer at once, and says so.
    }
    await this.inTurn(() => this.next());
  }

  flush(): void {
    void this.outbox.flush();
  }

  lookAgain(): void {
    this.later.clear();
    void this.inTurn(() => this.next());
  }

  private async next(): Promise<void> {
    this.unit = null;
    this.seeing = newSeeing(this.sample.layers.length);
    if (this.ahead.length === 0) await this.fetch();
    if (this.phase === "failed") return;
    const unit = this.ahead.shift();
    if (unit) {
      this.show(unit);
      return;
    }
    this.screen.clear();
    this.enter(this.outbox.left > 0 ? "sending" : "done");
  }

  private async fetch(): Promise<void> {
    this.enter("loading");
    const waiting = await this.outbox.unitsOf(this.sample.id);
    const known = new Set([...waiting, ...this.put, ...this.later]);
    try {
      const { units, left } = await this.server.next(this.sample.id, [...known]);
      this.ahead = units.filter((unit) => !known.has(unit.id));
      this.left = Math.max(0, left - waiting.size);
    } catch (error) {
      // With answers under way the connection is what is missing: they show it, and go on by themselves.
      if (this.outbox.left > 0) return;
      this.failure = reasonWords(error);
      this.enter("failed");
    }
  }

  private show(unit: SampleUnit): void {
    this.unit = unit;
    this.screen.seconds();
    this.screen.open(unit);
    if (this.ahead[0]) this.screen.prepare(this.ahead[0]);
    this.enter("asking");
    this.screen.ask("");
  }

  // What the person says

  say(code: string): void {
    this.change(sayClass(code));
  }

  same(): void {
    if (this.phase !== "asking") return;
    if (this.seeing.codes.length === 0) this.screen.notify(gettext("Say the class at the first date, then whether it stayed the same."));
    else this.change(saySame);
  }

  toggleSure(): void {
    if (this.phase !== "asking") return;
    this.seeing = toggleSure(this.seeing);
    this.screen.refresh();
  }

  cannotTell(): void {
    const { unit, seeing } = this;
    if (this.phase === "asking" && unit) this.give(unit, Array.from({ length: seeing.dates }, () => null));
  }

  private change(step: (seeing: Seeing) => Seeing): void {
    const { unit } = this;
    if (this.phase !== "asking" || !unit) return;
    this.seeing = step(this.seeing);
    if (asked(this.seeing) === null) this.give(unit, this.seeing.codes);
    else {
      this.screen.refresh();
      this.screen.ask("");
    }
  }

  private give(unit: SampleUnit, codes: readonly (string | null)[]): void {
    const body: SampleAnswerBody = { operation_id: crypto.randomUUID(), codes, sureness: this.seeing.isSure ? "sure" : "unsure", seconds: this.screen.seconds() };
    // What is pressed before the next place shows counts for nothing.
    this.enter("loading");
    void this.inTurn(async () => {
      try {
        await this.outbox.put(this.sample.id, unit.id, body);
      } catch (error) {
        this.seeing = newSeeing(this.sample.layers.length);
        this.enter("asking");
        this.screen.notify(reasonWords(error));
        return;
      }
      if (!this.put.has(unit.id)) this.left = Math.max(0, this.left - 1);
      this.put.add(unit.id);
      this.given.push({ unit, operationId: body.operation_id });
      await this.next();
    });
  }

  /** Leaves the place for later on this visit. */
  skip(): void {
    const { unit } = this;
    if (this.phase !== "asking" || !unit) return;
    this.later.add(unit.id);
    this.enter("loading");
    void this.inTurn(() => this.next());
  }

  /** Takes the last key back: a class just said, or the answer before. */
  takeBack(): void {
    if (!this.canTakeBack) return;
    if (this.seeing.codes.length > 0) {
      this.seeing = unsay(this.seeing);
      this.screen.refresh();
      this.screen.ask("");
      return;
    }
    void this.inTurn(() => this.reopen());
  }

  private async reopen(): Promise<void> {
    const last = this.given.pop();
    if (!last) return;
    const isUnsent = await this.outbox.takeBack(last.operationId);
    if (isUnsent) {
      this.put.delete(last.unit.id);
      this.left += 1;
    } else this.screen.notify(gettext("This answer has been sent: it counts until you give another one."));
    if (this.unit && this.unit.id !== last.unit.id) this.ahead.unshift(this.unit);
    this.seeing = newSeeing(this.sample.layers.length);
    this.show(last.unit);
  }
}
