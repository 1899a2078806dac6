import { type Command, CommandRefused } from "../domain/command";
import { compact } from "../domain/compact";
import { applyDelta, type Delta, diff } from "../domain/delta";
import { type Draft, featureOf, featuresOf } from "../domain/draft";
import { type Engine, LocalEngine } from "../domain/engine";
import type { Answer, Request } from "./messages";

/** Of a Worker, what is used here. */
export type WorkerPort = Pick<Worker, "postMessage" | "addEventListener" | "terminate">;

function startWorker(): WorkerPort | null {
  if (typeof Worker === "undefined") return null;
  return new Worker(new URL("./coverage-worker.ts", import.meta.url), { type: "module" });
}

/**
 * Commands in a worker that mirrors the draft, one after the other. Without a worker, or once it died, they run here:
 * the command in hand too, so that none is lost.
 */
export class WorkerEngine implements Engine {
  private readonly local = new LocalEngine();
  private worker: WorkerPort | null;
  /** The draft as the worker has it. */
  private mirrored: Draft | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private awaiting: ((answer: Answer | null) => void) | null = null;

  constructor(start: () => WorkerPort | null = startWorker) {
    this.worker = this.started(start);
  }

  private started(start: () => WorkerPort | null): WorkerPort | null {
    try {
      const worker = start();
      worker?.addEventListener("message", (event) => { this.answer((event as MessageEvent<Answer>).data); });
      worker?.addEventListener("error", () => { this.drop(); });
      worker?.addEventListener("messageerror", () => { this.drop(); });
      return worker;
    } catch {
      // A policy may forbid workers; the commands run here then.
      return null;
    }
  }

  run(draft: Draft, command: Command): Promise<Delta | null> {
    const result = this.last.then(() => this.runNext(draft, command));
    this.last = result.catch(() => undefined);
    return result;
  }

  prepare(draft: Draft): void {
    this.last = this.last.then(() => { this.tell(draft); });
  }

  close(): void {
    this.drop();
  }

  /** Tells the worker of the draft as it is. */
  private tell(draft: Draft): void {
    if (!this.worker) return;
    try {
      const request = this.bringUpToDate(draft);
      if (request) this.worker.postMessage(request);
    } catch {
      this.drop();
    }
  }

  private async runNext(draft: Draft, command: Command): Promise<Delta | null> {
    const answer = await this.ask(draft, command);
    switch (answer?.kind) {
      case "nothing":
        return null;
      case "refused":
        throw new CommandRefused(answer.code, answer.message);
      case "changed": {
        // The page's own features, not copies: what is undone is drawn without being made anew.
        const removed = answer.removed.map((id) => featureOf(draft, id));
        const delta = { removed, added: answer.added };
        this.mirrored = applyDelta(draft, delta);
        return delta;
      }
      default:
        this.drop();
        return this.local.run(draft, command);
    }
  }

  /** The worker's answer; null when there is no worker or it died over the command. */
  private ask(draft: Draft, command: Command): Promise<Answer | null> {
    const { worker } = this;
    if (!worker) return Promise.resolve(null);
    return new Promise((resolve) => {
      this.awaiting = resolve;
      try {
        const request = this.bringUpToDate(draft);
        if (request) worker.postMessage(request);
        worker.postMessage({ kind: "run", command } satisfies Request);
      } catch {
        this.drop();
      }
    });
  }

  private bringUpToDate(draft: Draft): Request | null {
    const before = this.mirrored;
    this.mirrored = draft;
    if (!before || before.side !== draft.side) return { kind: "start", side: draft.side, features: compact(featuresOf(draft)) };
    const delta = diff(before, draft);
    return delta && { kind: "move", delta };
  }

  private answer(answer: Answer | null): void {
    const { awaiting } = this;
    this.awaiting = null;
    awaiting?.(answer);
  }

  private drop(): void {
    this.worker?.terminate();
    this.worker = null;
    this.answer(null);
  }
}
