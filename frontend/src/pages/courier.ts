/**
 * Work of this person's that is not open in any tab: drawn or judged without a network or a session, or in the last
 * moment before leaving, and kept in this browser. It goes to the server as a page to work on opens, whatever tile is
 * in hand then.
 */

import { api as server, ApiError } from "../api/client";
import type { Assignment, Tile } from "../api/types";
import type { Engine } from "../domain/engine";
import { type Journal, journalKey, keyParts } from "../save/journal";
import { PersonGuard } from "../save/person";
import type { SaveProblem, SaveStatus } from "../save/saver";
import { isOpenSomewhere } from "../save/tab-guard";
import { BrowserVerdictStore } from "../save/verdict-store";
import type { Versions } from "../ui/merge-view";
import { isCorrection } from "./correction-backend";
import { type SessionApi, TileSession } from "./tile-session";
import { Outbox } from "./validate-outbox";

export type CourierApi = SessionApi & Pick<typeof server, "tile">;

/** Drawn work that waits for its person: the server has another version, or will not take it as it is. */
export interface LeftBehind {
  readonly campaign: string;
  readonly tile: string;
  /** Where it lies, if the server still says. */
  readonly place: Pick<Tile, "row" | "col" | "part"> | null;
  readonly problem: SaveProblem;
  /** Both versions, where the tile was split before this one reached the server: opened again, it shows neither. */
  readonly split: Versions | null;
}

export interface Carried {
  /** Tiles whose work is on the server now. */
  readonly sent: number;
  readonly left: readonly LeftBehind[];
}

/** Nothing is drawn here. */
const IDLE: Engine = { run: () => Promise.resolve(null), prepare: () => undefined, close: () => undefined };
const WAITS_FOR_PERSON: readonly SaveProblem[] = ["conflict", "invalid", "refused"];

export class Courier {
  private readonly guard: PersonGuard;
  private readonly verdicts = new BrowserVerdictStore();
  private key = "";

  constructor(
    private readonly person: string,
    private readonly journal: Journal,
    /** The key of the tile that this page shows: its work is the page's own to send. */
    private readonly inHand: () => string = () => "",
    private readonly api: CourierApi = server,
  ) {
    this.guard = new PersonGuard(person);
  }

  /** Sends all drawn work there is, tile by tile; what is open in a tab is that tab's. Never rejects. */
  async sendDrawings(): Promise<Carried> {
    let sent = 0;
    const left: LeftBehind[] = [];
    for (const key of await this.journal.unsent(this.person).catch(() => [])) {
      if (isCorrection(keyParts(key).tile)) continue;
      this.key = key;
      const outcome = await this.sendOne(key).finally(() => { this.key = ""; });
      if (outcome === "sent") sent += 1;
      else if (outcome !== "later") left.push(outcome);
    }
    return { sent, left };
  }

  /** Whether it is at work on this tile. */
  isAt(key: string): boolean {
    return this.key === key;
  }

  private async sendOne(key: string): Promise<"sent" | "later" | LeftBehind> {
    const { campaign, tile } = keyParts(key);
    let assignment: Assignment;
    try {
      if (key === this.inHand() || (await isOpenSomewhere(key))) return "later";
      // What is asked for below is this person's own: another account would be answered with another's labels.
      if (!(await this.guard.isSame(false))) return "later";
      assignment = await this.api.tile(tile);
      if (!(await this.guard.isSame(false))) return "later";
    } catch (error) {
      const isFinal = error instanceof ApiError && !error.isTransient && !error.needsSignIn;
      return isFinal ? { campaign, tile, place: null, problem: "refused", split: null } : "later";
    }
    const { problem, versions } = await this.send(key, assignment);
    if (problem === null) return "sent";
    const split = assignment.annotation.state === "split" ? versions : null;
    return WAITS_FOR_PERSON.includes(problem) ? { campaign, tile, place: assignment.tile, problem, split } : "later";
  }

  /** Why a tile's work is not on the server, null when it is; and what both have. */
  private async send(key: string, assignment: Assignment): Promise<{ problem: SaveProblem | null; versions: Versions }> {
    const { features, saved_at } = assignment.annotation;
    const seen: SaveStatus[] = [];
    const nothing = (): void => undefined;
    const session = new TileSession(assignment, this.journal, key, {
      secondsSpent: () => 0, onStatus: (status) => { seen.push(status); },
      onVersion: nothing, onDraft: nothing, onTab: nothing, onConflict: nothing, onInvalid: nothing,
    }, IDLE, this.api);
    try {
      const { kind, kept_at } = await session.resume();
      const versions: Versions = {
        mine: { features: session.features, at: kept_at }, theirs: { features, at: saved_at }, base: session.base, side: session.draft.side,
      };
      if (kind === "elsewhere" || kind === "conflict") return { problem: kind, versions };
      return { problem: (await session.saver.flush()) ? null : (seen.at(-1)?.problem ?? "none"), versions };
    } finally {
      session.close();
    }
  }

  /** Takes work that the server will not have out of this browser: its person has seen it and says so. */
  async forget({ campaign, tile }: LeftBehind): Promise<void> {
    const key = journalKey(this.person, campaign, tile);
    if (await isOpenSomewhere(key)) return; // a page that is at work on it goes on keeping it
    const owner = crypto.randomUUID();
    await this.journal.claim(key, owner);
    await this.journal.remove(key, owner);
  }

  /** Sends answers given while checking, of all campaigns. What is refused is told on the page where they were given. */
  async sendVerdicts(): Promise<void> {
    const nothing = (): void => undefined;
    for (const owner of await this.verdicts.owners(`${this.person}/`).catch(() => [])) {
      const outbox = new Outbox(owner, {
        send: (tile, body) => server.sendVerdicts(tile, body),
        isSamePerson: (wasSignedOut) => this.guard.isSame(wasSignedOut),
        onStatus: nothing, onAskedAgain: nothing, onDrawnAnew: nothing,
      }, this.verdicts);
      await outbox.flush();
      outbox.close();
    }
  }
}
