import { changeOf, type Command } from "./command";
import type { Delta } from "./delta";
import type { Draft } from "./draft";

/** What carries commands out. `run` gives what changed, null for nothing, and rejects with CommandRefused. */
export interface Engine {
  run(draft: Draft, command: Command): Promise<Delta | null>;
  close(): void;
}

/** In this thread. */
export class LocalEngine implements Engine {
  async run(draft: Draft, command: Command): Promise<Delta | null> {
    return changeOf(draft, command);
  }

  close(): void {
    // Nothing is held between two commands.
  }
}
