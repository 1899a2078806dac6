import { describe, expect, it } from "vitest";
import { changeOf, type Command, CommandRefused } from "../../src/domain/command";
import { applyDelta, type Delta } from "../../src/domain/delta";
import { type Draft, emptyDraft, featuresOf, sameFeatures } from "../../src/domain/draft";
import { record, startHistory, undo } from "../../src/domain/history";
import type { Request } from "../../src/worker/messages";
import { Mirror } from "../../src/worker/mirror";
import { WorkerEngine, type WorkerPort } from "../../src/worker/worker-engine";
import { KINDS, Maker, numbers } from "../domain/random-commands";
import { box } from "../domain/shapes";

/** The worker's own code behind a port that copies messages as a browser does; dies at the n-th command when told. */
class Port extends EventTarget implements WorkerPort {
  readonly sent: Request[] = [];
  isTerminated = false;
  private readonly mirror = new Mirror();

  constructor(private readonly diesAt = Infinity) {
    super();
  }

  postMessage(message: Request): void {
    const request = structuredClone(message);
    this.sent.push(request);
    setTimeout(() => {
      if (this.isTerminated) return;
      const runs = this.sent.filter((r) => r.kind === "run").length;
      if (request.kind === "run" && runs >= this.diesAt) {
        this.dispatchEvent(new Event("error"));
        return;
      }
      const answer = this.mirror.receive(request);
      if (answer) this.dispatchEvent(new MessageEvent("message", { data: structuredClone(answer) }));
    });
  }

  terminate(): void {
    this.isTerminated = true;
  }
}

const draw = (id: string, x: number): Command => ({ kind: "draw", rings: [box(x, 0, x + 20, 20)], class_code: "A", id });

async function drawn(engine: WorkerEngine, draft: Draft, command: Command): Promise<Draft> {
  return applyDelta(draft, (await engine.run(draft, command)) as Delta);
}

describe("the engine in a worker", () => {
  it("answers as the engine in the page does, over a random sequence", async () => {
    const random = numbers(3);
    const engine = new WorkerEngine(() => new Port());
    let draft = emptyDraft(96);
    for (let i = 0; i < 60; i++) {
      const command = new Maker(random, 96, `w${i}`).command(KINDS[i % KINDS.length] as Command["kind"], draft);
      let here: Delta | null | string;
      try {
        here = changeOf(draft, command);
      } catch (error) {
        here = (error as CommandRefused).code;
      }
      const there = await engine.run(draft, command).catch((error: unknown) => (error as CommandRefused).code);
      if (typeof there === "string" || there === null) {
        expect(there).toEqual(here);
        continue;
      }
      // Ids of new parts are made of chance: the rest is the same.
      const rings = (delta: Delta): unknown => delta.added.map((f) => [f.class_code, f.provenance, f.rings]);
      expect(rings(there)).toEqual(rings(here as Delta));
      draft = applyDelta(draft, there);
    }
    expect(draft.features.size).toBeGreaterThan(5);
  });

  it("sends the whole draft once, and after an undo only what moved", async () => {
    const port = new Port();
    const engine = new WorkerEngine(() => port);
    let history = startHistory(emptyDraft(96));
    for (const [id, x] of [["a", 0], ["b", 30], ["c", 60]] as const) {
      history = record(history, (await engine.run(history.present, draw(id, x))) as Delta);
    }
    history = undo(history);
    await drawn(engine, history.present, draw("d", 50));
    expect(port.sent.map((r) => r.kind)).toEqual(["start", "run", "run", "run", "move", "run"]);
    const move = port.sent.find((r) => r.kind === "move");
    expect(move?.delta.removed.map((f) => f.id)).toEqual(["c"]);
    expect(move?.delta.added).toEqual([]);
  });

  it("has told the worker of a prepared draft before its first command", async () => {
    const port = new Port();
    const engine = new WorkerEngine(() => port);
    const draft = await drawn(new WorkerEngine(() => null), emptyDraft(96), draw("a", 0));
    engine.prepare(draft);
    await Promise.resolve();
    expect(port.sent.map((request) => request.kind)).toEqual(["start"]);
    expect([...(await drawn(engine, draft, draw("b", 30))).features.keys()]).toEqual(["a", "b"]);
    expect(port.sent.map((request) => request.kind)).toEqual(["start", "run"]);
  });

  it("gives back the page's own shapes as removed", async () => {
    const engine = new WorkerEngine(() => new Port());
    const draft = await drawn(engine, emptyDraft(96), draw("a", 0));
    const delta = await engine.run(draft, { kind: "delete", ids: ["a"] });
    expect(delta?.removed[0]).toBe(draft.features.get("a"));
  });

  it("rejects what is refused and goes on", async () => {
    const engine = new WorkerEngine(() => new Port());
    await expect(engine.run(emptyDraft(96), { kind: "delete", ids: ["x"] })).rejects.toMatchObject({ code: "no_such_shape" });
    await expect(engine.run(emptyDraft(96), { kind: "delete", ids: ["x"] })).rejects.toBeInstanceOf(CommandRefused);
    expect((await drawn(engine, emptyDraft(96), draw("a", 0))).features.size).toBe(1);
  });

  it("runs commands asked at once one after the other", async () => {
    const engine = new WorkerEngine(() => new Port());
    const draft = emptyDraft(96);
    const both = await Promise.all([engine.run(draft, draw("a", 0)), engine.run(draft, draw("b", 30))]);
    expect(both.map((delta) => delta?.added.map((f) => f.id))).toEqual([["a"], ["b"]]);
  });

  it("loses no command when the worker dies over it", async () => {
    const port = new Port(2);
    const engine = new WorkerEngine(() => port);
    const one = await drawn(engine, emptyDraft(96), draw("a", 0));
    const two = await drawn(engine, one, draw("b", 30));
    const three = await drawn(engine, two, draw("c", 60));
    expect([...three.features.keys()]).toEqual(["a", "b", "c"]);
    expect(port.isTerminated).toBe(true);
  });

  it("runs in the page where there is no worker, or none may start", async () => {
    const forbidden = (): never => {
      throw new Error("forbidden by the page's policy");
    };
    for (const engine of [new WorkerEngine(() => null), new WorkerEngine(forbidden)]) {
      expect((await drawn(engine, emptyDraft(96), draw("a", 0))).features.size).toBe(1);
    }
  });

  it("answers what was asked before it was closed", async () => {
    const engine = new WorkerEngine(() => new Port());
    const asked = engine.run(emptyDraft(96), draw("a", 0));
    await Promise.resolve();
    engine.close();
    expect((await asked)?.added).toHaveLength(1);
  });

  it("keeps its mirror true when an answer is not kept", async () => {
    const engine = new WorkerEngine(() => new Port());
    await engine.run(emptyDraft(96), draw("a", 0));
    const draft = await drawn(engine, emptyDraft(96), draw("b", 0));
    expect(sameFeatures(featuresOf(draft), featuresOf(await drawn(new WorkerEngine(() => null), emptyDraft(96), draw("b", 0))))).toBe(true);
  });
});
