import type { Journal, Kept } from "../save/journal";

/** Keeps nothing: practice leaves no trace in the browser. */
export class NoJournal implements Journal {
  claim(): Promise<{ readonly kept: Kept | null; readonly claimed: boolean }> {
    return Promise.resolve({ kept: null, claimed: true });
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  clear(): Promise<void> {
    return Promise.resolve();
  }

  remove(): Promise<void> {
    return Promise.resolve();
  }

  unsent(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  sweep(): Promise<void> {
    return Promise.resolve();
  }
}
