const IDLE_MS = 60_000;

/** Seconds of work: time between gestures counts up to a minute, so that a coffee does not. */
export class ActiveClock {
  private last: number;
  private spent = 0;

  constructor(private readonly now: () => number = () => performance.now()) {
    this.last = this.now();
  }

  touch(): void {
    const now = this.now();
    this.spent += Math.min(now - this.last, IDLE_MS);
    this.last = now;
  }

  /** Milliseconds since the last gesture. */
  get idleFor(): number {
    return this.now() - this.last;
  }

  /** Seconds worked since the last call. */
  take(): number {
    this.touch();
    const seconds = Math.round(this.spent / 100) / 10;
    this.spent = 0;
    return seconds;
  }
}
