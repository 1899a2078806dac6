import { changeOf, CommandRefused } from "../domain/command";
import { expand } from "../domain/compact";
import { applyDelta } from "../domain/delta";
import { type Draft, draftOf, emptyDraft } from "../domain/draft";
import type { Answer, Request } from "./messages";

/** The draft as the worker knows it, and what it answers. */
export class Mirror {
  private draft: Draft = emptyDraft(0);

  /** The answer to a request; null where none is due. */
  receive(request: Request): Answer | null {
    switch (request.kind) {
      case "start":
        this.draft = draftOf(request.side, expand(request.features));
        return null;
      case "move":
        this.draft = applyDelta(this.draft, request.delta);
        return null;
      case "run":
        return this.run(request);
    }
  }

  private run({ command }: Request & { kind: "run" }): Answer {
    try {
      const delta = changeOf(this.draft, command);
      if (!delta) return { kind: "nothing" };
      this.draft = applyDelta(this.draft, delta);
      return { kind: "changed", removed: delta.removed.map((f) => f.id), added: delta.added };
    } catch (error) {
      if (error instanceof CommandRefused) return { kind: "refused", code: error.code, message: error.message };
      return { kind: "failed", message: String(error) };
    }
  }
}
