/** Answers on units of a sample that the browser keeps until the server has them. */

import type { DBSchema } from "idb";
import type { SampleAnswerBody } from "../api/sample-types";
import { Opener } from "./opener";

/** An answer under an operation id that stays the same until the server has it: sent twice, it counts once. */
export interface KeptAnswer {
  readonly owner: string;
  readonly sample: number;
  readonly unit: number;
  readonly body: SampleAnswerBody;
  /** In the order they were given. */
  readonly order: number;
}

/** Each call is one transaction. */
export interface AnswerStore {
  /** Oldest first. */
  waiting(owner: string): Promise<readonly KeptAnswer[]>;
  /** On the disk when its promise resolves. */
  add(answer: KeptAnswer): Promise<void>;
  /** The server has it, or never will; says whether it was there. */
  drop(operationId: string): Promise<boolean>;
}

interface Row extends KeptAnswer {
  readonly id: string;
}

interface Schema extends DBSchema {
  answers: { key: string; value: Row };
}

export class BrowserAnswerStore implements AnswerStore {
  private readonly opener = new Opener<Schema>("solcommun-sample", 1, (database) => {
    database.createObjectStore("answers", { keyPath: "id" });
  });

  async waiting(owner: string): Promise<readonly KeptAnswer[]> {
    const all = await (await this.opener.database()).getAll("answers");
    return all.filter((one) => one.owner === owner).sort((a, b) => a.order - b.order);
  }

  async add(answer: KeptAnswer): Promise<void> {
    const transaction = (await this.opener.database()).transaction("answers", "readwrite", { durability: "strict" });
    await transaction.store.put({ ...answer, id: answer.body.operation_id });
    await transaction.done;
  }

  async drop(operationId: string): Promise<boolean> {
    const transaction = (await this.opener.database()).transaction("answers", "readwrite", { durability: "strict" });
    const was = (await transaction.store.getKey(operationId)) !== undefined;
    await transaction.store.delete(operationId);
    await transaction.done;
    return was;
  }
}
