/** Verdicts that the browser keeps until the server has them. */

import type { DBSchema } from "idb";
import type { ValidationBody, Verdict } from "../api/types";
import { Opener } from "./opener";

export type TileId = number | string;

/** What is said of one thing that is asked about. */
export interface Judged {
  readonly feature_id: string;
}

/** Verdicts of one tile, as they are sent together. */
export interface BodyOf<V extends Judged> extends Omit<ValidationBody, "verdicts"> {
  readonly verdicts: readonly V[];
}

/** What a person had before them when they judged a polygon. */
export interface Shown {
  readonly row: number;
  readonly col: number;
  readonly class_code: string;
}

/** A verdict that was given and is not on its way yet: it may be taken back. */
export interface KeptVerdict<V extends Judged = Verdict> {
  readonly owner: string;
  readonly tile: TileId;
  readonly model_version: string;
  readonly verdict: V;
  readonly done: boolean;
  /** The first form of the storage kept none. */
  readonly shown?: Shown | undefined;
}

/** Verdicts on their way, under an operation id that stays the same until the server answers. */
export interface Batch<V extends Judged = Verdict> {
  readonly operation_id: string;
  readonly owner: string;
  readonly tile: TileId;
  readonly body: BodyOf<V>;
  /** By polygon. */
  readonly shown?: Readonly<Record<string, Shown | undefined>>;
}

/** Why the server will never take a verdict. */
export interface Fault {
  readonly reason: string;
  /** Whether another answer on the same polygon may be taken. */
  readonly asksAgain: boolean;
}

/** A verdict that the server will never take: kept until the person has read why. */
export interface SetAside<V extends Judged = Verdict> {
  readonly owner: string;
  readonly tile: TileId;
  readonly verdict: V;
  readonly shown?: Shown | undefined;
  readonly reason: string;
}

export interface Waiting<V extends Judged = Verdict> {
  /** Oldest first. */
  readonly verdicts: readonly { readonly key: number; readonly value: KeptVerdict<V> }[];
  readonly batches: readonly Batch<V>[];
  readonly aside: readonly SetAside<V>[];
}

/** Each call is one transaction. */
export interface VerdictStore<V extends Judged = Verdict> {
  waiting(owner: string): Promise<Waiting<V>>;
  /** On the disk when its promise resolves. */
  add(verdict: KeptVerdict<V>): Promise<void>;
  /** Takes the last verdict on a polygon away, if it is not on its way; says whether it was there. */
  takeBack(owner: string, tile: TileId, featureId: string): Promise<boolean>;
  /** The batch on its way, or the oldest verdicts put on their way together; null when there is nothing. */
  pack(owner: string): Promise<Batch<V> | null>;
  /** The server has taken it. */
  drop(operationId: string): Promise<void>;
  /** Parts a batch from its verdicts that will never be taken; the others go under an operation id of their own. */
  setAside(batch: Batch<V>, faults: ReadonlyMap<string, Fault>): Promise<void>;
  /** The person has read why. */
  forgetAside(owner: string): Promise<void>;
}

const MOST_IN_A_BATCH = 200;

/** The oldest verdicts, of one tile and one model, as a batch; of several on one polygon the last. */
export function batchOf<V extends Judged = Verdict>({ verdicts }: Pick<Waiting<V>, "verdicts">): { readonly batch: Batch<V>; readonly keys: readonly number[] } | null {
  const first = verdicts[0]?.value;
  if (!first) return null;
  const { owner, tile, model_version } = first;
  const together = verdicts.filter(({ value }) => value.tile === tile && value.model_version === model_version).slice(0, MOST_IN_A_BATCH);
  const latest = new Map(together.map(({ value }) => [value.verdict.feature_id, value.verdict]));
  const operation_id = crypto.randomUUID();
  const body = { operation_id, model_version, verdicts: [...latest.values()], done: together.some(({ value }) => value.done) };
  const shown = Object.fromEntries(together.map(({ value }) => [value.verdict.feature_id, value.shown]));
  return { batch: { operation_id, owner, tile, body, shown }, keys: together.map(({ key }) => key) };
}

/**
 * A batch without its verdicts that will never be taken, and these. A polygon that may be asked again keeps the tile
 * with the person: what is left does not say that they are through with it.
 */
export function parted<V extends Judged = Verdict>(batch: Batch<V>, faults: ReadonlyMap<string, Fault>): { readonly rest: Batch<V> | null; readonly aside: readonly SetAside<V>[] } {
  const { owner, tile, body, shown } = batch;
  const left = body.verdicts.filter((verdict) => !faults.has(verdict.feature_id));
  const aside = body.verdicts.flatMap((verdict): SetAside<V>[] => {
    const fault = faults.get(verdict.feature_id);
    return fault ? [{ owner, tile, verdict, shown: shown?.[verdict.feature_id], reason: fault.reason }] : [];
  });
  if (left.length === 0) return { rest: null, aside };
  const operation_id = crypto.randomUUID();
  const done = body.done && ![...faults.values()].some((fault) => fault.asksAgain);
  return { rest: { ...batch, operation_id, body: { ...body, operation_id, verdicts: left, done } }, aside };
}

/** Verdicts that wait on a batch's tile and say that the person is through with it, though a polygon is asked again. */
export function tooSoonDone<V extends Judged = Verdict>(batch: Batch<V>, faults: ReadonlyMap<string, Fault>, { verdicts }: Pick<Waiting<V>, "verdicts">): Waiting<V>["verdicts"] {
  if (![...faults.values()].some((fault) => fault.asksAgain)) return [];
  return verdicts.filter(({ value }) => value.done && value.tile === batch.tile && value.model_version === batch.body.model_version);
}

/** The key of the last verdict on a polygon. */
export function lastOn<V extends Judged = Verdict>({ verdicts }: Pick<Waiting<V>, "verdicts">, tile: TileId, featureId: string): number | undefined {
  return verdicts.findLast(({ value }) => value.tile === tile && value.verdict.feature_id === featureId)?.key;
}

interface Schema<V extends Judged> extends DBSchema {
  verdicts: { key: number; value: KeptVerdict<V> };
  batches: { key: string; value: Batch<V> };
  aside: { key: number; value: SetAside<V> };
}

const STORES: ("verdicts" | "batches" | "aside")[] = ["verdicts", "batches", "aside"];

export class BrowserVerdictStore<V extends Judged = Verdict> implements VerdictStore<V> {
  private readonly opener: Opener<Schema<V>>;

  /** `name`: of the browser's storage, one a kind of verdict. */
  constructor(name = "solcommun-validate") {
    this.opener = new Opener<Schema<V>>(name, 2, (database, oldVersion) => {
      if (oldVersion < 1) {
        database.createObjectStore("verdicts", { autoIncrement: true });
        database.createObjectStore("batches", { keyPath: "operation_id" });
      }
      database.createObjectStore("aside", { autoIncrement: true });
    });
  }

  private async writing() {
    return (await this.opener.database()).transaction(STORES, "readwrite", { durability: "strict" });
  }

  /** Reads, then writes what `work` says, with nobody else in between. */
  private async exchange<T>(owner: string, work: (waiting: Waiting<V>) => { readonly result: T; readonly gone: readonly number[]; readonly batch?: Batch<V> }): Promise<T> {
    const transaction = await this.writing();
    const [given, packed, aside] = [transaction.objectStore("verdicts"), transaction.objectStore("batches"), transaction.objectStore("aside")];
    const [keys, values, batches, refused] = await Promise.all([given.getAllKeys(), given.getAll(), packed.getAll(), aside.getAll()]);
    const isOwn = (one: { readonly owner: string }): boolean => one.owner === owner;
    const verdicts = values.map((value, i) => ({ key: keys[i] as number, value })).filter(({ value }) => isOwn(value));
    const { result, gone, batch } = work({ verdicts, batches: batches.filter(isOwn), aside: refused.filter(isOwn) });
    await Promise.all([...gone.map((key) => given.delete(key)), ...(batch ? [packed.add(batch)] : [])]);
    await transaction.done;
    return result;
  }

  waiting(owner: string): Promise<Waiting<V>> {
    return this.exchange(owner, (result) => ({ result, gone: [] }));
  }

  async add(verdict: KeptVerdict<V>): Promise<void> {
    const transaction = (await this.opener.database()).transaction("verdicts", "readwrite", { durability: "strict" });
    await transaction.store.add(verdict);
    await transaction.done;
  }

  takeBack(owner: string, tile: TileId, featureId: string): Promise<boolean> {
    return this.exchange(owner, (waiting) => {
      const key = lastOn(waiting, tile, featureId);
      return { result: key !== undefined, gone: key === undefined ? [] : [key] };
    });
  }

  pack(owner: string): Promise<Batch<V> | null> {
    return this.exchange<Batch<V> | null>(owner, (waiting) => {
      const made = waiting.batches[0] ? null : batchOf(waiting);
      return made ? { result: made.batch, gone: made.keys, batch: made.batch } : { result: waiting.batches[0] ?? null, gone: [] };
    });
  }

  async drop(operationId: string): Promise<void> {
    await (await this.opener.database()).delete("batches", operationId);
  }

  async setAside(batch: Batch<V>, faults: ReadonlyMap<string, Fault>): Promise<void> {
    const transaction = await this.writing();
    const [given, packed, aside] = [transaction.objectStore("verdicts"), transaction.objectStore("batches"), transaction.objectStore("aside")];
    // Another tab may have parted it already.
    if (await packed.get(batch.operation_id)) {
      const made = parted(batch, faults);
      const [keys, values] = await Promise.all([given.getAllKeys(), given.getAll()]);
      const verdicts = values.map((value, i) => ({ key: keys[i] as number, value })).filter(({ value }) => value.owner === batch.owner);
      await Promise.all([
        ...tooSoonDone(batch, faults, { verdicts }).map(({ key, value }) => given.put({ ...value, done: false }, key)),
        packed.delete(batch.operation_id),
        ...(made.rest ? [packed.add(made.rest)] : []),
        ...made.aside.map((one) => aside.add(one)),
      ]);
    }
    await transaction.done;
  }

  /** Whose verdicts, of those whose name begins so, the server does not have. */
  async owners(prefix: string): Promise<string[]> {
    const database = await this.opener.database();
    const [given, packed] = await Promise.all([database.getAll("verdicts"), database.getAll("batches")]);
    return [...new Set([...given, ...packed].map(({ owner }) => owner))].filter((owner) => owner.startsWith(prefix));
  }

  async forgetAside(owner: string): Promise<void> {
    const transaction = (await this.opener.database()).transaction("aside", "readwrite", { durability: "strict" });
    for (let cursor = await transaction.store.openCursor(); cursor; cursor = await cursor.continue()) {
      if (cursor.value.owner === owner) await cursor.delete();
    }
    await transaction.done;
  }
}
