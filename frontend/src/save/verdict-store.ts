/** Verdicts that the browser keeps until the server has them. */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { ValidationBody, Verdict } from "../api/types";

export type TileId = number | string;

/** A verdict that was given and is not on its way yet: it may be taken back. */
export interface KeptVerdict {
  readonly owner: string;
  readonly tile: TileId;
  readonly model_version: string;
  readonly verdict: Verdict;
  readonly done: boolean;
}

/** Verdicts on their way, under an operation id that stays the same until the server answers. */
export interface Batch {
  readonly operation_id: string;
  readonly owner: string;
  readonly tile: TileId;
  readonly body: ValidationBody;
}

export interface Waiting {
  /** Oldest first. */
  readonly verdicts: readonly { readonly key: number; readonly value: KeptVerdict }[];
  readonly batches: readonly Batch[];
}

/** Each call is one transaction. */
export interface VerdictStore {
  waiting(owner: string): Promise<Waiting>;
  /** On the disk when its promise resolves. */
  add(verdict: KeptVerdict): Promise<void>;
  /** Takes the last verdict on a polygon away, if it is not on its way; says whether it was there. */
  takeBack(owner: string, tile: TileId, featureId: string): Promise<boolean>;
  /** The batch on its way, or the oldest verdicts put on their way together; null when there is nothing. */
  pack(owner: string): Promise<Batch | null>;
  /** The server has answered for good. */
  drop(operationId: string): Promise<void>;
}

const MOST_IN_A_BATCH = 200;

/** The oldest verdicts, of one tile and one model, as a batch; of several on one polygon the last. */
export function batchOf({ verdicts }: Waiting): { readonly batch: Batch; readonly keys: readonly number[] } | null {
  const first = verdicts[0]?.value;
  if (!first) return null;
  const { owner, tile, model_version } = first;
  const together = verdicts.filter(({ value }) => value.tile === tile && value.model_version === model_version).slice(0, MOST_IN_A_BATCH);
  const latest = new Map(together.map(({ value }) => [value.verdict.feature_id, value.verdict]));
  const operation_id = crypto.randomUUID();
  const body = { operation_id, model_version, verdicts: [...latest.values()], done: together.some(({ value }) => value.done) };
  return { batch: { operation_id, owner, tile, body }, keys: together.map(({ key }) => key) };
}

/** The key of the last verdict on a polygon. */
export function lastOn({ verdicts }: Waiting, tile: TileId, featureId: string): number | undefined {
  return verdicts.findLast(({ value }) => value.tile === tile && value.verdict.feature_id === featureId)?.key;
}

interface Schema extends DBSchema {
  verdicts: { key: number; value: KeptVerdict };
  batches: { key: string; value: Batch };
}

const STORES: ("verdicts" | "batches")[] = ["verdicts", "batches"];

export class BrowserVerdictStore implements VerdictStore {
  private readonly database: Promise<IDBPDatabase<Schema>>;

  constructor() {
    this.database = openDB<Schema>("solcommun-validate", 1, {
      upgrade(database) {
        database.createObjectStore("verdicts", { autoIncrement: true });
        database.createObjectStore("batches", { keyPath: "operation_id" });
      },
    });
    this.database.catch(() => undefined); // said by each call
  }

  /** Reads, then writes what `work` says, with nobody else in between. */
  private async exchange<T>(owner: string, work: (waiting: Waiting) => { readonly result: T; readonly gone: readonly number[]; readonly batch?: Batch }): Promise<T> {
    const transaction = (await this.database).transaction(STORES, "readwrite", { durability: "strict" });
    const [given, packed] = [transaction.objectStore("verdicts"), transaction.objectStore("batches")];
    const [keys, values, batches] = await Promise.all([given.getAllKeys(), given.getAll(), packed.getAll()]);
    const verdicts = values.map((value, i) => ({ key: keys[i] as number, value })).filter(({ value }) => value.owner === owner);
    const { result, gone, batch } = work({ verdicts, batches: batches.filter((one) => one.owner === owner) });
    await Promise.all([...gone.map((key) => given.delete(key)), ...(batch ? [packed.add(batch)] : [])]);
    await transaction.done;
    return result;
  }

  waiting(owner: string): Promise<Waiting> {
    return this.exchange(owner, (result) => ({ result, gone: [] }));
  }

  async add(verdict: KeptVerdict): Promise<void> {
    const transaction = (await this.database).transaction("verdicts", "readwrite", { durability: "strict" });
    await transaction.store.add(verdict);
    await transaction.done;
  }

  takeBack(owner: string, tile: TileId, featureId: string): Promise<boolean> {
    return this.exchange(owner, (waiting) => {
      const key = lastOn(waiting, tile, featureId);
      return { result: key !== undefined, gone: key === undefined ? [] : [key] };
    });
  }

  pack(owner: string): Promise<Batch | null> {
    return this.exchange<Batch | null>(owner, (waiting) => {
      const made = waiting.batches[0] ? null : batchOf(waiting);
      return made ? { result: made.batch, gone: made.keys, batch: made.batch } : { result: waiting.batches[0] ?? null, gone: [] };
    });
  }

  async drop(operationId: string): Promise<void> {
    await (await this.database).delete("batches", operationId);
  }
}
