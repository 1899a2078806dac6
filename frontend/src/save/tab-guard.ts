/**
 * One tab works on a tile at a time. The browser's lock says which, and tells the other at once when it is taken over;
 * the journal asks again in every write (journal.ts), so that a tab that slept through it can do no harm.
 */

export type TabState = "mine" | "elsewhere";

const CHANNEL = "solcommun-tabs";
/** How long the tab that lets go has to put its last work away. */
const HAND_OVER_MS = 4_000;
/** Far longer than a tile is nobody's while one tab gives it to another. */
const BETWEEN_TABS_MS = 500;

interface Message {
  readonly kind: "taking" | "taken" | "given";
  readonly key: string;
  readonly from: string;
}

const lockOf = (key: string): string => `solcommun-tile:${key}`;

/** Whether a tab has this tile, or is giving it over to another just now; true where that cannot be known. */
export async function isOpenSomewhere(key: string): Promise<boolean> {
  const { locks } = navigator as Partial<Navigator>;
  if (!locks) return true;
  const isHeld = async (): Promise<boolean> => {
    const { held = [], pending = [] } = await locks.query();
    return [...held, ...pending].some(({ name }) => name === lockOf(key));
  };
  if (await isHeld()) return true;
  // Between two tabs the lock is free for a moment: whoever took it then would put the second one out.
  await new Promise((resolve) => setTimeout(resolve, BETWEEN_TABS_MS));
  return isHeld();
}

export interface TabGuardHooks {
  onChange(state: TabState): void;
  /** Another tab wants to go on: put the last work away. The tile is given over when this resolves. */
  onTaking(): Promise<void>;
}

export class TabGuard {
  /** This tab's name in the journal. */
  readonly token = crypto.randomUUID();
  private current: TabState = "elsewhere";
  private letGo: (() => void) | null = null;
  private readonly channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);
  private given: (() => void) | null = null;

  constructor(
    private readonly key: string,
    private readonly hooks: TabGuardHooks,
  ) {
    this.channel?.addEventListener("message", ({ data }: MessageEvent<Message>) => { this.hear(data); });
  }

  get state(): TabState {
    return this.current;
  }

  /** Takes the tile if no other tab has it. */
  async start(): Promise<TabState> {
    this.set((await this.lock({ ifAvailable: true })) ? "mine" : "elsewhere");
    return this.current;
  }

  /** Goes on here: the other tab is asked to let go, and loses the tile if it does not answer. */
  async takeOver(): Promise<void> {
    const answered = new Promise<void>((resolve) => { this.given = resolve; });
    this.say("taking");
    if (!(await this.lock({ ifAvailable: true }))) {
      await Promise.race([answered, new Promise((resolve) => setTimeout(resolve, HAND_OVER_MS))]);
      await this.lock({ steal: true });
    }
    this.given = null;
    this.say("taken");
    this.set("mine");
  }

  /** The journal says that another tab owns the tile. */
  lost(): void {
    this.letGo?.();
    this.letGo = null;
    this.set("elsewhere");
  }

  /** Lets the tile go, for good. */
  close(): void {
    this.current = "elsewhere";
    this.letGo?.();
    this.letGo = null;
    this.channel?.close();
  }

  private set(state: TabState): void {
    if (state === this.current) return;
    this.current = state;
    this.hooks.onChange(state);
  }

  private say(kind: Message["kind"]): void {
    this.channel?.postMessage({ kind, key: this.key, from: this.token } satisfies Message);
  }

  private hear({ kind, key, from }: Message): void {
    if (key !== this.key || from === this.token) return;
    if (kind === "given") this.given?.();
    else if (this.current === "mine") void this.giveOver(kind === "taking");
  }

  private async giveOver(withTime: boolean): Promise<void> {
    if (withTime) await this.hooks.onTaking();
    this.lost();
    this.say("given");
  }

  /** Whether the lock was granted. It is held until the tab closes, lets go, or is robbed of it. */
  private lock(options: LockOptions): Promise<boolean> {
    // Where there are no locks (plain http), the journal's owner and the messages between tabs still hold.
    const { locks } = navigator as Partial<Navigator>;
    if (!locks) return Promise.resolve(true);
    return new Promise((granted) => {
      let mine = false;
      const held = locks.request(lockOf(this.key), options, (lock) => {
        granted(lock !== null);
        if (lock === null) return undefined;
        mine = true;
        return new Promise<void>((resolve) => { this.letGo = resolve; });
      });
      held.catch(() => {
        if (!mine) { granted(false); return; }
        this.letGo = null;
        this.set("elsewhere");
      });
    });
  }
}
