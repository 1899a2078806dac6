import { describe, expect, it } from "vitest";
import { diff } from "../../src/domain/delta";
import { type Draft, draftOf, type Feature, featuresOf } from "../../src/domain/draft";
import { record, redo, undo } from "../../src/domain/history";
import { replay } from "../../src/save/replay";
import { WorkLog } from "../../src/save/work-log";
import { box, shape } from "../domain/shapes";
import { MemoryJournal } from "./doubles";

const KEY = "me/camp/1";
const SIDE = 4096;
const HOOKS = { onLost: () => undefined, onKept: () => undefined };
const start = [shape("s0", "A", box(0, 0, 5, 5))];

async function opened(journal: MemoryJournal, features: readonly Feature[] = start): Promise<WorkLog> {
  const log = new WorkLog(KEY, "tab", journal, HOOKS, SIDE, { version: 1, features });
  await log.open();
  return log;
}

/** A later visit: what the browser kept, taken up. */
async function again(journal: MemoryJournal, features: readonly Feature[] = start): Promise<WorkLog> {
  const log = new WorkLog(KEY, "tab", journal, HOOKS, SIDE, { version: 1, features });
  const kept = await log.open();
  if (!kept) throw new Error("nothing is kept");
  log.adopt(kept);
  return log;
}

async function draw(log: WorkLog, features: readonly Feature[]): Promise<void> {
  const delta = diff(log.history.present, draftOf(SIDE, features));
  if (!delta) throw new Error("nothing to draw");
  await log.append({ kind: "do", delta }, record(log.history, delta));
}

async function turn(log: WorkLog, kind: "undo" | "redo"): Promise<void> {
  await log.append({ kind }, kind === "undo" ? undo(log.history) : redo(log.history));
}

const content = (draft: Draft): readonly Feature[] => featuresOf(draft);

/** Shapes of 40 corners, which weigh 44 each. */
function many(count: number, of = "m"): Feature[] {
  const ring = Array.from({ length: 40 }, (_, i): [number, number] => (i < 20 ? [i, 0] : [39 - i, 1]));
  return Array.from({ length: count }, (_, n) => ({ ...shape(`${of}${n}`, "A", []), rings: [ring] }));
}

/** A browser that has room for so many shapes of a change or a content, and no more. */
class Narrow extends MemoryJournal {
  most = Infinity;

  override write(...[key, owner, change]: Parameters<MemoryJournal["write"]>): Promise<void> {
    const shapes = JSON.stringify([change.records ?? [], change.contents ?? {}]).length;
    if (shapes > this.most) return Promise.reject(new DOMException("", "QuotaExceededError"));
    return super.write(key, owner, change);
  }
}

describe("undo", () => {
  it("takes back the very first change of a full tile, at once and at the next visit", async () => {
    const journal = new MemoryJournal();
    const full = many(6_000);
    const log = await opened(journal, full);
    await draw(log, [shape("over", "B", box(0, 0, 100, 100))]);
    expect(log.history.past.size).toBe(1);
    const later = await again(journal, full);
    await turn(later, "undo");
    expect(content(later.history.present)).toEqual(full);
    await turn(log, "undo");
    expect(content(log.history.present)).toEqual(full);
  });

  it("goes back to the beginning also after the log was written anew, and at the next visit", async () => {
    const journal = new MemoryJournal();
    const log = await opened(journal);
    const count = 12;
    for (let n = 0; n < count; n += 1) await draw(log, many(1_000, `${n}-`));
    const rewritten = journal.writes.slice(1).filter((write) => write.clear === true);
    expect(rewritten.length, "this test means nothing otherwise").toBeGreaterThan(0);
    for (const each of [await again(journal), log]) {
      expect(each.history.past.size).toBe(count);
      for (let n = 0; n < count; n += 1) await turn(each, "undo");
      expect(content(each.history.present)).toEqual(start);
    }
  });

  it("goes further back here than the browser had room for, and what the browser keeps stays true", async () => {
    const journal = new Narrow();
    const log = await opened(journal);
    await draw(log, many(1_500, "a"));
    await draw(log, many(1_500, "b"));
    await draw(log, many(2, "c"));
    journal.most = JSON.stringify(many(1_500)).length * 2;
    await draw(log, many(2, "d"));
    await draw(log, many(2_500, "e"));
    await draw(log, many(2, "f"));
    const kept = (): ReturnType<typeof replay> => replay(journal.entries.get(KEY) as NonNullable<ReturnType<typeof journal.entries.get>>, SIDE);
    expect(log.isKept).toBe(true);
    expect(kept().history.past.size).toBeLessThan(6);
    for (let n = 0; n < 6; n += 1) {
      await turn(log, "undo");
      if (log.isKept) expect(content(kept().history.present)).toEqual(content(log.history.present));
    }
    expect(content(log.history.present)).toEqual(start);
    await turn(log, "redo");
    expect(content(log.history.present)).toEqual(many(1_500, "a"));
  });
});

describe("what was seen", () => {
  it("is said with the next save, also when it was made known while a change was being written", async () => {
    const journal = new MemoryJournal();
    const log = await opened(journal);
    log.noteView("rgb");
    const writing = draw(log, []);
    log.noteView("irc");
    log.noteDraftModel("m1");
    await writing;
    const sending = await log.send(() => ({ operation_id: "op", seconds_spent: 1 }));
    expect(sending?.pending).toMatchObject({ views_seen: ["rgb", "irc"], draft_model: "m1" });
    const later = await again(journal);
    later.noteView("ndvi");
    await draw(later, many(3));
    await later.unsend();
    const next = await later.send(() => ({ operation_id: "op2", seconds_spent: 1 }));
    expect(next?.pending).toMatchObject({ views_seen: ["rgb", "irc", "ndvi"], draft_model: "m1" });
  });
});

describe("a browser whose storage comes back", () => {
  it("keeps the work from then on, and never writes over what it had not read", async () => {
    const journal = new MemoryJournal();
    const claim = journal.claim.bind(journal);
    journal.claim = () => Promise.reject(new Error("held by another tab"));
    const log = new WorkLog(KEY, "tab", journal, HOOKS, SIDE, { version: 1, features: start });
    await log.open();
    await draw(log, many(1));
    expect(log.isKept).toBe(false);
    journal.claim = claim;
    await draw(log, many(2));
    expect(log.isKept).toBe(true);
    expect(content((await again(journal)).history.present)).toEqual(many(2));
    await turn(log, "undo");
    await turn(log, "undo");
    expect(content(log.history.present)).toEqual(start);
  });
});
