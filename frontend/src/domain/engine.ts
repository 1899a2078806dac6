import { changeOf, type Command } from "./command";
import type { Delta } from "./delta";
import type { Draft } from "./draft";

/** What carries commands out. `run` gives what changed, null for nothing, and rejects with CommandRefused. */
export interface Engine {
  run(draft: Draft, command: Command): Promise<Delta | null>;
  /** The next command will be about this draft: it need not wait for what can be made ready now. */
  prepare(draft: Draft): void;
  close(): void;
}

/** In this thread. */
export class LocalEngine implements Engine {
  async run(draft: Draft, command: Command): Promise<Delta | null> {
    return changeOf(draft, command);
  }

  prepare(): void {
    // Nothing to make ready.
  }

  close(): void {
    // Nothing is held between two commands.
  }
}
