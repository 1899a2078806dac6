import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Feature } from "../domain/draft";
import type { Kept } from "../domain/reconcile";

export interface Entry extends Kept {
  readonly key: string;
  readonly pending: readonly Feature[] | null;
  readonly draft_model: string | null;
  /** Time of the browser's clock, ISO 8601. */
  readonly kept_at: string;
}

/** Work not yet acknowledged by the server, kept in this browser. */
export interface Journal {
  read(key: string): Promise<Entry | null>;
  write(entry: Entry): Promise<void>;
  remove(key: string): Promise<void>;
}

interface Schema extends DBSchema {
  drafts: { key: string; value: Entry };
}

/** One entry a person and a tile: two accounts on one machine never meet each other's work. */
export function journalKey(user: string, campaign: string, tile: number | string): string {
  return `${user}/${campaign}/${tile}`;
}

export class BrowserJournal implements Journal {
  private opened: Promise<IDBPDatabase<Schema>> | null = null;

  private database(): Promise<IDBPDatabase<Schema>> {
    this.opened ??= openDB<Schema>("solcommun-studio", 1, {
      upgrade(database) {
        database.createObjectStore("drafts", { keyPath: "key" });
      },
    }).catch((error: unknown) => {
      this.opened = null;
      throw error;
    });
    return this.opened;
  }

  async read(key: string): Promise<Entry | null> {
    return (await (await this.database()).get("drafts", key)) ?? null;
  }

  async write(entry: Entry): Promise<void> {
    const transaction = (await this.database()).transaction("drafts", "readwrite", { durability: "strict" });
    await transaction.store.put(entry);
    await transaction.done;
  }

  async remove(key: string): Promise<void> {
    await (await this.database()).delete("drafts", key);
  }
}
