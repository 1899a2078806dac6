import type { ChangeAnswer, ChangeCell } from "../api/change";
import { api } from "../api/client";
import { PersonGuard } from "../save/person";
import { BrowserVerdictStore, type TileId } from "../save/verdict-store";
import type { Asked, DeskSource } from "./change-desk";
import { Outbox, type OutboxStatus } from "./validate-outbox";

/** Tiles that this browser holds: the one in hand, and what is answered while the network is away. */
const HELD = 3;
/** An answer stays this long before it leaves: as long it is taken back without a trace. */
const SEND_MS = 5_000;
const FLUSH_MS = 4_000;

/** Answers by way of the browser's own storage, which keeps them until the server has them. */
export class AnswerSource implements DeskSource {
  readonly outbox: Outbox<ChangeAnswer>;

  constructor(
    private readonly campaign: string,
    person: string,
    private readonly round: number,
    onStatus: (status: OutboxStatus<ChangeAnswer>) => void,
  ) {
    const guard = new PersonGuard(person);
    this.outbox = new Outbox<ChangeAnswer>(`${person}/${campaign}`, {
      send: (ticket, { operation_id, verdicts, done }) =>
        api.sendChangeAnswers(ticket, { operation_id, answers: verdicts, copies_all: done }),
      isSamePerson: (wasSignedOut) => guard.isSame(wasSignedOut),
      onStatus,
      // What was refused is asked again when its tile comes again.
      onAskedAgain: () => undefined,
      onDrawnAnew: () => undefined,
    }, new BrowserVerdictStore<ChangeAnswer>("solcommun-change"), SEND_MS);
  }

  get left(): number {
    return this.outbox.left;
  }

  private model(): string {
    return String(this.round);
  }

  async fetch(): Promise<readonly Asked[]> {
    const tasks = await api.nextChange(this.campaign, HELD);
    return Promise.all(tasks.map(async ({ ticket, tile, first, why, cells }): Promise<Asked> => {
      const kept = await this.outbox.of(ticket, this.model()).catch(() => []);
      const answered = new Set(kept.map(({ feature_id }) => feature_id));
      return { key: String(ticket), tile, first, why, cells: cells.filter(({ id }) => !answered.has(String(id))) };
    }));
  }

  async put({ key, tile }: Asked, answer: ChangeAnswer, copiesAll: boolean): Promise<void> {
    await this.outbox.put({
      tile: Number(key), model_version: this.model(), verdict: answer, done: copiesAll,
      shown: { row: tile.row, col: tile.col, class_code: answer.first_code },
    });
  }

  async takeBack({ key }: Asked, { id }: ChangeCell): Promise<void> {
    const ticket: TileId = Number(key);
    if (await this.outbox.takeBack(ticket, String(id)).catch(() => false)) return;
    // On its way: once it has arrived it is taken back there.
    await this.outbox.flush();
    await api.takeBackChange(id);
  }

  async flush(): Promise<void> {
    await Promise.race([this.outbox.flush(), new Promise((resolve) => setTimeout(resolve, FLUSH_MS))]);
  }
}

/** Places that wait for a reviewer, one at a time; what they say settles them at once. */
export class ReviewSource implements DeskSource {
  readonly left = 0;

  constructor(private readonly campaign: string) {}

  async fetch(): Promise<readonly Asked[]> {
    const task = await api.nextChangeReview(this.campaign);
    if (!task) return [];
    const { tile, first, cell, answers, waiting } = task;
    return [{ key: `cell-${cell.id}`, tile, first, why: null, cells: [cell], said: answers, waiting }];
  }

  async put(_asked: Asked, { feature_id, verdict, first_code, second_code }: ChangeAnswer): Promise<void> {
    await api.settleChange(feature_id, { verdict, first_code, second_code });
  }

  takeBack(): Promise<void> {
    return Promise.reject(new Error("a settled place stays settled"));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }
}
