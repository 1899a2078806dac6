import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, NetworkError } from "../../src/api/client";
import type { ValidationBody, ValidationTask } from "../../src/api/types";
import { Lane, type LaneServer } from "../../src/pages/validate-lane";
import type { KeptVerdict, TileId } from "../../src/save/verdict-store";
import { MemoryStore } from "./memory-verdict-store";

/** As long as a disk takes to have a verdict for good. */
const DISK_MS = 20;

class SlowStore extends MemoryStore {
  override async add(verdict: KeptVerdict): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, DISK_MS));
    await super.add(verdict);
  }
}

const said = (body: ValidationBody): string[] => body.verdicts.map(({ feature_id, verdict }) => `${feature_id} ${verdict}`);

/** Tiles of three shapes each. It gives what the real one gives: the tile at work first, ahead the one after it. */
class Server implements LaneServer {
  asks: boolean[] = [];
  sent: string[] = [];
  skipped: string[] = [];
  answered = new Map<TileId, Set<string>>();
  /** How long an answer of the server to verdicts takes, and one to the question for a tile. */
  sendMs = 5;
  nextMs = 5;
  failure: Error | null = null;
  refusal: Error | null = null;

  constructor(private readonly open: number[] = [1, 2, 3], private held: number[] = []) {}

  task(id: number): ValidationTask {
    const known = this.answered.get(id) ?? new Set();
    const items = ["a", "b", "c"].map((feature_id) => ({
      feature_id, class_code: "X", rings: [], confidence: 0.5, verdict: known.has(feature_id) ? { verdict: "agree" as const, class_code: "X" } : null,
    }));
    const tile = { id, row: id, col: 0, origin_px: [0, 0], tile_px: 64 } as unknown as ValidationTask["tile"];
    return { lease: { token: `lease-${id}`, expires_at: "", heartbeat_seconds: 60 }, tile, model_version: "m1", items };
  }

  async next(ahead: boolean): Promise<ValidationTask | null> {
    this.asks.push(ahead);
    const { refusal } = this;
    const at = ahead ? 1 : 0;
    while (!refusal && this.held.length <= at && this.open.length > 0) this.held.push(this.open.shift() as number);
    const id = this.held[at];
    const task = id === undefined ? null : this.task(id);
    await wait(this.nextMs);
    if (refusal) throw refusal;
    return task;
  }

  async skip(token: string): Promise<void> {
    await wait(5);
    this.skipped.push(token);
    this.held = this.held.filter((id) => `lease-${id}` !== token);
  }

  heartbeat(): Promise<{ expires_at: string }> {
    return Promise.resolve({ expires_at: "" });
  }

  isSamePerson(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async send(tile: TileId, body: ValidationBody): Promise<unknown> {
    await wait(this.sendMs);
    if (this.failure) throw this.failure;
    this.sent.push(...said(body).map((words) => `${tile}${words}`));
    const known = this.answered.get(tile) ?? new Set();
    for (const { feature_id } of body.verdicts) known.add(feature_id);
    this.answered.set(tile, known);
    if (known.size === 3) this.held = this.held.filter((id) => id !== tile);
    return {};
  }
}

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
const pass = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

let server: Server;
let store: SlowStore;
let notices: string[];
let asked: string[];
let pictureMs: number;

async function openLane(): Promise<Lane> {
  const lane: Lane = new Lane("ada/camp", server, {
    refresh: () => undefined,
    open: () => wait(pictureMs),
    clear: () => undefined,
    ask: (before = "") => { asked.push(`${before}|${at(lane)}`); },
    prepare: () => undefined,
    notify: (words) => notices.push(words),
    seconds: () => 1,
    idleFor: () => 0,
  }, store);
  void lane.start();
  await pass(100);
  return lane;
}

const at = ({ task, item, phase }: Lane): string => (task ? `${task.tile.id}${item?.feature_id ?? ""}` : phase);
const agree = async (lane: Lane, times = 1): Promise<void> => {
  for (let i = 0; i < times; i++) {
    lane.judge("agree", null);
    await pass(DISK_MS + 1);
  }
};

beforeEach(() => {
  vi.useFakeTimers();
  [server, store, notices, asked, pictureMs] = [new Server(), new SlowStore(), [], [], 1];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("what is pressed", () => {
  it("while the next tile opens counts for nothing, however often", async () => {
    const lane = await openLane();
    await agree(lane, 3);
    pictureMs = 500;
    for (let i = 0; i < 20; i++) {
      lane.judge("disagree", null);
      lane.skip();
      lane.takeBack();
      await pass(1);
    }
    await pass(5_000);
    expect(at(lane)).toBe("2a");
    expect(server.sent).toEqual(["1a agree", "1b agree", "1c agree"]);
    expect([server.skipped, notices]).toEqual([[], []]);
  });

  it("twice to skip skips one tile", async () => {
    const lane = await openLane();
    lane.skip();
    lane.skip();
    await pass(2);
    lane.skip();
    await pass(100);
    expect(at(lane)).toBe("2a");
    expect(server.skipped).toEqual(["lease-1"]);
    lane.skip();
    await pass(100);
    expect(server.skipped).toEqual(["lease-1", "lease-2"]);
  });

  it("three times at once on a tile answers the shape that was there, and no other", async () => {
    const lane = await openLane();
    lane.judge("agree", null);
    lane.judge("agree", null);
    await pass(DISK_MS / 2);
    lane.judge("agree", null);
    await pass(100);
    expect(at(lane)).toBe("1b");
    lane.judge("disagree", null);
    await pass(5_000);
    expect(server.sent).toEqual(["1a agree", "1b disagree"]);
  });

  it("before the picture of a tile is there counts for nothing; a picture that does not come is not waited for", async () => {
    pictureMs = 60_000;
    const lane = await openLane();
    expect([at(lane), lane.phase]).toEqual(["1a", "opening"]);
    await agree(lane);
    expect(at(lane)).toBe("1a");
    await pass(2_000);
    await agree(lane);
    expect(at(lane)).toBe("1b");
  });

  it("to skip while an answer is being kept skips the tile it is on; and no tile, where that was its last", async () => {
    const lane = await openLane();
    lane.judge("agree", null);
    await pass(1);
    lane.skip();
    await pass(200);
    expect([at(lane), server.skipped, server.sent]).toEqual(["2a", ["lease-1"], ["1a agree"]]);
    await agree(lane, 2);
    lane.judge("agree", null);
    await pass(1);
    lane.skip();
    await pass(200);
    expect([at(lane), server.skipped]).toEqual(["3a", ["lease-1"]]);
  });

  it("to take back while an answer is being kept takes that one back, and not the one before where it was not kept", async () => {
    const lane = await openLane();
    await agree(lane);
    lane.judge("disagree", null);
    await pass(1);
    lane.takeBack();
    await pass(100);
    expect(at(lane)).toBe("1b");
    store.full = true;
    server.failure = new ApiError(500, "http_500", "");
    lane.judge("disagree", null);
    await pass(1);
    lane.takeBack();
    await pass(100);
    expect(at(lane)).toBe("1b");
    expect(notices).toHaveLength(1);
    expect(notices[0]).toContain("Not recorded");
  });
});

describe("an answer taken back", () => {
  it("before it left is gone", async () => {
    const lane = await openLane();
    await agree(lane, 2);
    lane.takeBack();
    await pass(5_000);
    expect(server.sent).toEqual(["1a agree"]);
    expect(asked[asked.length - 1]).toBe("Taken back. Answer again.|1b");
    expect(notices).toEqual([]);
  });

  it("after it left counts as unsure from then on, and says so, until the shape is answered again", async () => {
    const lane = await openLane();
    await agree(lane);
    await pass(5_000);
    expect(server.sent).toEqual(["1a agree"]);
    lane.takeBack();
    await pass(5_000);
    expect(at(lane)).toBe("1a");
    expect(notices).toEqual(["This answer had been sent already: it counts as “unsure” until you answer again."]);
    expect(server.sent).toEqual(["1a agree", "1a unsure"]);
    await agree(lane);
    lane.takeBack();
    await pass(5_000);
    expect(server.sent, "the new one had not left").toEqual(["1a agree", "1a unsure"]);
    lane.judge("disagree", null);
    await pass(5_000);
    expect(server.sent).toEqual(["1a agree", "1a unsure", "1a disagree"]);
  });

  it("while it is on its way counts as unsure too", async () => {
    server.sendMs = 4_000;
    const lane = await openLane();
    await agree(lane);
    await pass(3_000);
    expect(server.sent).toEqual([]);
    lane.takeBack();
    await pass(20_000);
    expect(server.sent).toEqual(["1a agree", "1a unsure"]);
  });

  it("stays where the doubt cannot be kept, and says so", async () => {
    const lane = await openLane();
    await agree(lane);
    await pass(5_000);
    store.full = true;
    server.failure = new NetworkError("cut");
    lane.takeBack();
    await pass(100);
    expect(at(lane)).toBe("1b");
    expect(notices[0]).toContain("Not taken back");
  });
});

describe("on a slow server", () => {
  it("a tile just judged is not shown again with its questions, though it was given ahead once more", async () => {
    server.sendMs = 6_000;
    const lane = await openLane();
    await agree(lane, 3);
    await pass(3_000);
    expect(at(lane)).toBe("2a");
    await agree(lane, 3);
    await pass(2_600);
    expect(at(lane), "the first tile's answers have arrived, the second's have not").toBe("sending");
    const before = server.asks.length;
    await pass(3_000);
    expect(server.asks.length, "it does not ask while it waits").toBe(before);
    await pass(10_000);
    expect(at(lane)).toBe("3a");
    expect(server.sent).toEqual(["1a", "1b", "1c", "2a", "2b", "2c"].map((name) => `${name} agree`));
  });

  it("a tile skipped while answers on another are on their way is not shown again", async () => {
    server.sendMs = 30_000;
    const lane = await openLane();
    await agree(lane, 3);
    await pass(3_000);
    expect(at(lane)).toBe("2a");
    lane.skip();
    await pass(3_000);
    expect(server.skipped).toEqual(["lease-2"]);
    expect(at(lane)).toBe("sending");
    await pass(60_000);
    expect(at(lane)).toBe("3a");
  });
});

it("while answers are refused the next tile waits for them, without asking for it, and comes by itself", async () => {
  server.failure = new ApiError(403, "consent_required", "Agree first");
  const lane = await openLane();
  await agree(lane, 3);
  await pass(100);
  await agree(lane, 3);
  await pass(100);
  expect([at(lane), lane.status.left, lane.status.state]).toEqual(["sending", 6, "held"]);
  const { length } = server.asks;
  await pass(60_000);
  expect(server.asks).toHaveLength(length);
  server.failure = null;
  await pass(60_000);
  expect(at(lane)).toBe("3a");
});

it("a tile that comes again though the server has all its answers is not asked for over and over", async () => {
  server.answered.set(1, new Set(["a", "b", "c"]));
  const lane = await openLane();
  await pass(60_000);
  expect(lane.phase).toBe("failed");
  expect(server.asks).toEqual([false, false]);
});

describe("where nothing is given", () => {
  it.each(["no_model_yet", "left_to_others", "nothing_drawn_so_far"] as const)("the reason is known: %s, and one may look again", async (code) => {
    server.refusal = new ApiError(409, code, "");
    const lane = await openLane();
    expect([lane.phase, lane.emptiness]).toEqual(["empty", code]);
    server.refusal = null;
    lane.lookAgain();
    await pass(100);
    expect(at(lane)).toBe("1a");
  });

  it("nothing waits, or the question failed", async () => {
    server = new Server([]);
    expect(await openLane()).toMatchObject({ phase: "empty", emptiness: "nothing" });
    server.refusal = new ApiError(500, "http_500", "");
    expect(await openLane()).toMatchObject({ phase: "failed" });
  });
});
