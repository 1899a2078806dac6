import { ApiError } from "../api/client";
import type { Lease } from "../api/types";

const WORKING_MS = 10 * 60_000;

/** What a lease needs of the back end. */
export interface HeartbeatApi {
  heartbeat(token: string): Promise<{ readonly expires_at: string; readonly classes?: string }>;
}

/** Tells the server that someone is at work, as often as it asked, while someone is. */
export class LeaseKeeper {
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly api: HeartbeatApi,
    private given: Lease,
    private readonly idleFor: () => number,
    private readonly onLost: () => void,
    /** Which version of the campaign's classes the server has. */
    private readonly onClasses: (version: string) => void = () => undefined,
  ) {}

  /** The lease as it was renewed last. */
  get lease(): Lease {
    return this.given;
  }

  start(): this {
    this.timer = setInterval(() => void this.beat(), this.lease.heartbeat_seconds * 1000);
    return this;
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private async beat(): Promise<void> {
    if (this.idleFor() > WORKING_MS) return;
    try {
      const { expires_at, classes } = await this.api.heartbeat(this.lease.token);
      this.given = { ...this.given, expires_at };
      if (classes !== undefined) this.onClasses(classes);
    } catch (error) {
      // No answer: the next beat asks again, and the saves tell the person. Only a refusal is final.
      if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404)) return;
      this.stop();
      this.onLost();
    }
  }
}
