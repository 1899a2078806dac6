/**
 * Work kept in this browser, one entry a person and a tile: two accounts on one machine never meet each other's work.
 *
 * An entry is a content to start from and the numbered changes made since, so that a change costs what it changed and
 * not what the tile holds. One tab owns an entry at a time; every write checks that in its own transaction.
 */

import { type DBSchema, type IDBPTransaction } from "idb";
import { type Compact, compact, expand } from "../domain/compact";
import type { Delta } from "../domain/delta";
import type { Feature } from "../domain/draft";
import { Opener } from "./opener";

export type LogRecord = { readonly kind: "do"; readonly delta: Delta } | { readonly kind: "undo" } | { readonly kind: "redo" };

/** A save that was about to be sent: sent again under the same id until the server answers. */
export interface PendingSave {
  readonly operation_id: string;
  readonly version: number;
  /** The number of the last change it holds; null when its content is kept apart as "sent". */
  readonly position: number | null;
  readonly seconds_spent: number;
  readonly draft_model: string | null;
  readonly views_seen: readonly string[];
}

export interface Head {
  /** The number of the last change. */
  readonly position: number;
  /** The server's version this work stands on, and the change it holds; null when its content is kept apart as "base". */
  readonly acknowledged: { readonly version: number; readonly position: number | null };
  readonly pending: PendingSave | null;
  readonly draft_model: string | null;
  readonly views_seen: readonly string[];
  /** Time of the browser's clock, ISO 8601. */
  readonly kept_at: string;
}

/** "start": before the first record; "base": what the server had; "sent": what a pending save holds. */
export type ContentName = "start" | "base" | "sent";
export type Contents = Partial<Record<ContentName, readonly Feature[]>>;

export interface Kept {
  readonly head: Head;
  /** The last one is number `head.position`. */
  readonly records: readonly LogRecord[];
  readonly contents: Contents;
}

export interface JournalChange {
  readonly head: Head;
  /** Added after those there; the last one is number `head.position`. */
  readonly records?: readonly LogRecord[];
  /** Replaced one by one; null takes one away. */
  readonly contents?: Partial<Record<ContentName, readonly Feature[] | null>>;
  /** Everything of the entry goes before the rest is written, in the same transaction. */
  readonly clear?: boolean;
  /** Makes the writer the owner instead of asking whether it is. */
  readonly claim?: boolean;
}

/** Another tab has taken the entry over: nothing was written. */
export class NotOwner extends Error {
  constructor() {
    super("Another tab goes on with this tile");
    this.name = "NotOwner";
  }
}

/** Each call is one transaction: done as a whole, and on the disk, when its promise resolves. */
export interface Journal {
  /** Makes `owner` the owner and gives what is kept. `claimed` is false where the browser could read but not write. */
  claim(key: string, owner: string): Promise<{ readonly kept: Kept | null; readonly claimed: boolean }>;
  /** Rejects with NotOwner when another tab has taken over. */
  write(key: string, owner: string, change: JournalChange): Promise<void>;
  /** Empties the entry, which stays the owner's. Rejects with NotOwner when another tab has taken over. */
  clear(key: string, owner: string): Promise<void>;
  /** Rejects with NotOwner when another tab has taken over. */
  remove(key: string, owner: string): Promise<void>;
  /** Keys of this person's entries that hold something the server does not have, the oldest first. */
  unsent(user: string): Promise<readonly string[]>;
  /** Drops entries older than `before` (ISO 8601) that hold nothing the server does not have. */
  sweep(before: string): Promise<void>;
}

/** What version 1 of the database kept: whole drafts. */
interface FirstEntry {
  readonly key: string;
  readonly base_version: number;
  readonly features: readonly Feature[];
  readonly pending: readonly Feature[] | null;
  readonly draft_model: string | null;
  readonly kept_at: string;
}

interface Schema extends DBSchema {
  drafts: { key: string; value: FirstEntry };
  owners: { key: string; value: { key: string; owner: string } };
  heads: { key: string; value: Head & { key: string } };
  records: { key: [string, number]; value: { key: string; n: number; record: LogRecord } };
  contents: { key: [string, ContentName]; value: { key: string; name: ContentName; features: StoredFeatures } };
}

/** Version 2 of the database kept them as they are. */
type StoredFeatures = Compact | readonly Feature[];

const isPlain = (features: StoredFeatures): features is readonly Feature[] => Array.isArray(features);

type Store = "owners" | "heads" | "records" | "contents";
const STORES: Store[] = ["owners", "heads", "records", "contents"];
type Upgrade = IDBPTransaction<Schema, ("drafts" | Store)[], "versionchange">;
type Writing = IDBPTransaction<Schema, Store[], "readwrite">;
type Reading = IDBPTransaction<Schema, Store[], "readonly" | "readwrite">;

export function journalKey(user: string, campaign: string, tile: number | string): string {
  return `${user}/${campaign}/${tile}`;
}

/** What a key names: a campaign's slug has no slash. */
export function keyParts(key: string): { readonly user: string; readonly campaign: string; readonly tile: string } {
  const [user = "", campaign = "", tile = ""] = key.split("/");
  return { user, campaign, tile };
}

/** Whether an entry holds nothing that the server does not have. */
export function isAcknowledged(head: Head): boolean {
  return head.pending === null && head.acknowledged.position === head.position;
}

const everyNumber = (key: string): IDBKeyRange => IDBKeyRange.bound([key], [key, []]);

/** Whole drafts of version 1 become entries without changes. */
async function carryOver(transaction: Upgrade): Promise<void> {
  for (const entry of await transaction.objectStore("drafts").getAll()) {
    const { key, features, pending } = entry;
    await transaction.objectStore("heads").put({
      key,
      position: 0,
      acknowledged: { version: entry.base_version, position: null },
      pending: null,
      draft_model: entry.draft_model,
      views_seen: [],
      kept_at: entry.kept_at,
    });
    const contents = transaction.objectStore("contents");
    await contents.put({ key, name: "start", features });
    if (pending) await contents.put({ key, name: "sent", features: pending });
  }
}

async function readEntry(transaction: Reading, key: string): Promise<Kept | null> {
  const [head, records, contents] = await Promise.all([
    transaction.objectStore("heads").get(key),
    transaction.objectStore("records").getAll(everyNumber(key)),
    transaction.objectStore("contents").getAll(everyNumber(key)),
  ]);
  if (!head) return null;
  return {
    head,
    records: records.map(({ record }) => record),
    contents: Object.fromEntries(contents.map(({ name, features }) => [name, isPlain(features) ? features : expand(features)])),
  };
}

async function clearEntry(transaction: Writing, key: string): Promise<void> {
  await Promise.all([
    transaction.objectStore("heads").delete(key),
    transaction.objectStore("records").delete(everyNumber(key)),
    transaction.objectStore("contents").delete(everyNumber(key)),
  ]);
}

async function writeEntry(transaction: Writing, key: string, change: JournalChange): Promise<void> {
  const { head, records = [], contents = {} } = change;
  if (change.clear) await clearEntry(transaction, key);
  const first = head.position - records.length + 1;
  const stored = transaction.objectStore("contents");
  await Promise.all([
    transaction.objectStore("heads").put({ ...head, key }),
    ...records.map((record, i) => transaction.objectStore("records").put({ key, n: first + i, record })),
    ...(Object.entries(contents) as [ContentName, readonly Feature[] | null][]).map(([name, features]) =>
      features ? stored.put({ key, name, features: compact(features) }) : stored.delete([key, name]),
    ),
  ]);
}

async function mustOwn(transaction: Writing, key: string, owner: string): Promise<void> {
  if ((await transaction.objectStore("owners").get(key))?.owner !== owner) throw new NotOwner();
}

export class BrowserJournal implements Journal {
  private readonly opener: Opener<Schema>;

  constructor(name = "solcommun-studio") {
    this.opener = new Opener<Schema>(name, 3, async (database, oldVersion, _newVersion, transaction) => {
      if (oldVersion === 2) return;
      database.createObjectStore("owners", { keyPath: "key" });
      database.createObjectStore("heads", { keyPath: "key" });
      database.createObjectStore("records", { keyPath: ["key", "n"] });
      database.createObjectStore("contents", { keyPath: ["key", "name"] });
      if (oldVersion !== 1) return;
      await carryOver(transaction as unknown as Upgrade);
      database.deleteObjectStore("drafts");
    });
  }

  /** Runs `work` in one transaction; what it throws undoes everything it wrote. */
  private async transact<T>(durability: IDBTransactionDurability, work: (transaction: Writing) => Promise<T>): Promise<T> {
    const transaction = (await this.opener.database()).transaction(STORES, "readwrite", { durability });
    const done = transaction.done;
    // The rejection is read below; when `work` throws first it has been said already.
    done.catch(() => undefined);
    let result: T;
    try {
      result = await work(transaction);
    } catch (error) {
      if (transaction.error === null) transaction.abort();
      throw error;
    }
    await done;
    return result;
  }

  async claim(key: string, owner: string): Promise<{ kept: Kept | null; claimed: boolean }> {
    try {
      const kept = await this.transact("strict", async (transaction) => {
        await transaction.objectStore("owners").put({ key, owner });
        return readEntry(transaction as unknown as Reading, key);
      });
      return { kept, claimed: true };
    } catch {
      const transaction = (await this.opener.database()).transaction(STORES, "readonly");
      return { kept: await readEntry(transaction as unknown as Reading, key), claimed: false };
    }
  }

  async write(key: string, owner: string, change: JournalChange): Promise<void> {
    await this.transact("strict", async (transaction) => {
      if (change.claim) await transaction.objectStore("owners").put({ key, owner });
      else await mustOwn(transaction, key, owner);
      await writeEntry(transaction, key, change);
    });
  }

  async clear(key: string, owner: string): Promise<void> {
    await this.transact("strict", async (transaction) => {
      await mustOwn(transaction, key, owner);
      await clearEntry(transaction, key);
    });
  }

  async remove(key: string, owner: string): Promise<void> {
    await this.transact("strict", async (transaction) => {
      await mustOwn(transaction, key, owner);
      await clearEntry(transaction, key);
      await transaction.objectStore("owners").delete(key);
    });
  }

  async unsent(user: string): Promise<readonly string[]> {
    const heads = await (await this.opener.database()).getAll("heads", IDBKeyRange.bound(`${user}/`, `${user}/\uffff`));
    return heads.filter((head) => !isAcknowledged(head)).sort((a, b) => (a.kept_at < b.kept_at ? -1 : 1)).map(({ key }) => key);
  }

  async sweep(before: string): Promise<void> {
    await this.transact("relaxed", async (transaction) => {
      for (const head of await transaction.objectStore("heads").getAll()) {
        if (head.kept_at >= before || !isAcknowledged(head)) continue;
        await clearEntry(transaction, head.key);
        await transaction.objectStore("owners").delete(head.key);
      }
    });
  }
}
