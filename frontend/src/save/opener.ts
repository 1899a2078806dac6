/** The browser's storage, opened when it is first asked for and again after it was closed or could not be opened. */

import { type DBSchema, type IDBPDatabase, openDB, type OpenDBCallbacks } from "idb";
import { gettext } from "../i18n";

export class Opener<Schema extends DBSchema> {
  private opened: Promise<IDBPDatabase<Schema>> | null = null;
  private blocked: Error | null = null;

  constructor(
    private readonly name: string,
    private readonly form: number,
    private readonly upgrade: NonNullable<OpenDBCallbacks<Schema>["upgrade"]>,
  ) {}

  /** Rejects where the browser keeps nothing, and as long as another tab holds an older form. */
  database(): Promise<IDBPDatabase<Schema>> {
    // The browser goes on trying by itself, and a second attempt would wait behind the first without a word.
    if (this.blocked) return Promise.reject(this.blocked);
    this.opened ??= new Promise((resolve, reject) => {
      openDB<Schema>(this.name, this.form, {
        upgrade: this.upgrade,
        // A tab opened before the last update holds the old form: go on without a copy rather than wait for it.
        blocked: () => {
          this.blocked = new Error(gettext("Another tab was opened before the last update: close it, then load this page again."));
          reject(this.blocked);
        },
        blocking: (_current, _wanted, event) => { (event.target as IDBDatabase).close(); this.opened = null; },
        terminated: () => { this.opened = null; },
      }).then(
        (database) => {
          this.blocked = null;
          this.opened = Promise.resolve(database);
          resolve(database);
        },
        (error: unknown) => {
          [this.blocked, this.opened] = [null, null];
          reject(error as Error);
        },
      );
    });
    return this.opened;
  }
}
