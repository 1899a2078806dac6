import { ApiError } from "../api/client";
import type { Lease } from "../api/types";

const WORKING_MS = 10 * 60_000;

/** What a lease needs of the back end. */
export interface HeartbeatApi {
  heartbeat(token: string): Promise<unknown>;
}

/** Tells the server that someone is at work, as often as it asked, while someone is. */
export class LeaseKeeper {
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly api: HeartbeatApi,
    readonly lease: Lease,
    private readonly idleFor: () => number,
    private readonly onLost: () => void,
  ) {}

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
      await this.api.heartbeat(this.lease.token);
    } catch (error) {
      // No answer: the next beat asks again, and the saves tell the person. Only a refusal is final.
      if (!(error instanceof ApiError) || (error.status !== 409 && error.status !== 404)) return;
      this.stop();
      this.onLost();
    }
  }
}
