import type { ChangeAnswer, ChangeCell, ChangeFirst, ChangeSaid, ChangeWhy } from "../api/change";
import { ApiError } from "../api/client";
import type { Tile } from "../api/types";
import { gettext, interpolate } from "../i18n";
import { reasonWords } from "./validate-words";

/** How long a place's first picture is waited for. */
const PICTURE_MS = 2_000;

export type DeskPhase = "loading" | "opening" | "answering" | "sending" | "empty" | "failed";

/** A tile with the places on it that are asked about. */
export interface Asked {
  readonly key: string;
  readonly tile: Tile;
  readonly first: ChangeFirst;
  readonly why: ChangeWhy | null;
  readonly cells: readonly ChangeCell[];
  /** What others said, where this settles it. */
  readonly said?: readonly (ChangeSaid & { readonly who: string })[];
  readonly waiting?: number;
}

/** Where places come from, and where answers go: to the server by the outbox, or at once where a reviewer settles. */
export interface DeskSource {
  /** Places to answer that this browser has no answer on yet, best first. */
  fetch(): Promise<readonly Asked[]>;
  /** Keeps an answer; resolves once it is safe. */
  put(asked: Asked, answer: ChangeAnswer, copiesAll: boolean): Promise<void>;
  /** Takes an answer back; rejects where somebody has used it. */
  takeBack(asked: Asked, cell: ChangeCell): Promise<void>;
  /** Sends what waits, in a moment at most. */
  flush(): Promise<void>;
  /** Answers that the server does not have. */
  readonly left: number;
}

export interface DeskScreen {
  refresh(): void;
  /** Puts a tile on both maps; resolves when its pictures are there. */
  open(asked: Asked): Promise<unknown>;
  clear(): void;
  /** Shows the place asked about and says the question, after these words. */
  ask(before?: string): void;
  prepare(asked: Asked): void;
  notify(words: string): void;
  seconds(): number;
}

interface Given {
  readonly asked: Asked;
  readonly cell: ChangeCell;
}

const waitAtMost = (work: Promise<unknown>, milliseconds: number): Promise<unknown> =>
  Promise.race([work.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, milliseconds))]);

/** One place after the other, tile by tile, and what a person says of them. */
export class ChangeDesk {
  phase: DeskPhase = "loading";
  failure = "";
  asked: Asked | null = null;
  cell: ChangeCell | null = null;
  /** Answers given on this visit, the last one last. */
  readonly given: Given[] = [];
  private rest: readonly ChangeCell[] = [];
  private waiting: Asked[] = [];
  private turn: Promise<void> = Promise.resolve();
  private readonly finished = new Set<string>();
  private fetching: Promise<void> | null = null;

  constructor(private readonly source: DeskSource, private readonly screen: DeskScreen) {}

  /** Places of the tile that have an answer, and all of them. */
  get place(): { readonly n: number; readonly of: number } {
    const of = this.asked?.cells.length ?? 0;
    return { n: of - this.rest.length - (this.cell ? 1 : 0) + 1, of };
  }

  get canTakeBack(): boolean {
    return this.phase === "answering" && this.given.length > 0;
  }

  private enter(phase: DeskPhase): void {
    this.phase = phase;
    this.screen.refresh();
  }

  /** One after the other: each answer is kept before the next place shows. */
  private inTurn(work: () => Promise<unknown>): void {
    this.turn = this.turn.then(work, work).then(() => undefined);
  }

  async start(): Promise<void> {
    this.inTurn(() => this.next());
    await this.turn;
  }

  /** Asks once more where nothing was given, or where answers were on their way. */
  lookAgain(): void {
    if (this.phase === "empty" || this.phase === "sending") this.inTurn(() => this.next());
  }

  private async fill(): Promise<void> {
    const fetched = await this.source.fetch();
    const known = new Set([...this.finished, ...this.waiting.map(({ key }) => key), this.asked?.key ?? ""]);
    this.waiting.push(...fetched.filter(({ key, cells }) => cells.length > 0 && !known.has(key)));
    if (this.waiting[0]) this.screen.prepare(this.waiting[0]);
  }

  /** The next tile: of those at hand, or asked for. */
  private async next(): Promise<void> {
    [this.asked, this.cell, this.rest] = [null, null, []];
    this.screen.clear();
    await this.fetching;
    if (this.waiting.length === 0) {
      this.enter("loading");
      try {
        await this.source.flush();
        // What is on its way is told apart by its ticket: given again, it is asked again.
        if (this.source.left === 0) this.finished.clear();
        await this.fill();
      } catch (error) {
        this.failure = reasonWords(error);
        this.enter("failed");
        return;
      }
    }
    const asked = this.waiting.shift();
    if (asked) await this.show(asked);
    else this.enter(this.source.left > 0 ? "sending" : "empty");
  }

  private async show(asked: Asked, from: readonly ChangeCell[] = asked.cells, before?: string): Promise<void> {
    this.asked = asked;
    [this.cell = null, ...this.rest] = from;
    const picture = this.screen.open(asked);
    this.screen.seconds();
    this.enter("opening");
    this.screen.ask(before);
    this.prepareNext();
    await waitAtMost(picture, PICTURE_MS);
    this.enter("answering");
  }

  /** Claims what comes after, and asks for its pictures, while this one is answered. */
  private prepareNext(): void {
    if (this.waiting.length > 0 || this.fetching) return;
    // A failure is met again, and shown, when it is the next one's turn.
    this.fetching = this.fill().catch(() => undefined).finally(() => { this.fetching = null; });
  }

  // Answers

  answer(said: ChangeSaid): void {
    const { cell } = this;
    if (cell && this.phase === "answering") this.inTurn(() => this.keep(cell, said, false));
  }

  /** Nothing changed on the whole tile: every place left is the same, and all earlier labels are carried over. */
  copyAll(): void {
    const { asked } = this;
    if (asked && this.phase === "answering") this.inTurn(() => this.keepAll(asked));
  }

  private async keepAll(asked: Asked): Promise<void> {
    while (this.asked === asked && this.cell) {
      const { first_code } = this.cell;
      if (first_code === "") {
        this.screen.ask(gettext("What was here before is not known: say it, then copy the rest."));
        return;
      }
      if (!(await this.keep(this.cell, { verdict: "unchanged", first_code, second_code: first_code }, true))) return;
    }
  }

  private async keep(cell: ChangeCell, said: ChangeSaid, copiesAll: boolean): Promise<boolean> {
    const { asked } = this;
    if (!asked || this.cell !== cell || this.phase !== "answering") return false;
    try {
      await this.source.put(asked, { ...said, feature_id: String(cell.id), seconds: this.screen.seconds() }, copiesAll);
    } catch (error) {
      this.screen.notify(interpolate(gettext("Not recorded: %(reason)s"), { reason: reasonWords(error) }));
      return false;
    }
    this.given.push({ asked, cell });
    [this.cell = null, ...this.rest] = this.rest;
    if (this.cell) {
      this.screen.ask();
      return true;
    }
    this.finished.add(asked.key);
    await this.next();
    return true;
  }

  takeBack(): void {
    this.inTurn(() => this.back());
  }

  private async back(): Promise<void> {
    const last = this.given.at(-1);
    if (!last) {
      this.screen.notify(gettext("There is no answer to take back on this visit."));
      return;
    }
    try {
      await this.source.takeBack(last.asked, last.cell);
    } catch (error) {
      const words = error instanceof ApiError && error.code === "answer_used" ? error.message : reasonWords(error);
      if (error instanceof ApiError && error.code === "answer_used") this.given.pop();
      this.screen.notify(interpolate(gettext("Not taken back: %(reason)s"), { reason: words }));
      return;
    }
    this.given.pop();
    const words = gettext("Taken back. Answer again.");
    if (this.asked?.key === last.asked.key && this.cell) {
      this.rest = [this.cell, ...this.rest];
      this.cell = last.cell;
      this.screen.refresh();
      this.screen.ask(words);
      return;
    }
    // The tile in hand comes after the one gone back to.
    if (this.asked && this.cell) this.waiting.unshift({ ...this.asked, cells: [this.cell, ...this.rest] });
    this.finished.delete(last.asked.key);
    this.screen.clear();
    await this.show(last.asked, [last.cell], words);
  }
}
