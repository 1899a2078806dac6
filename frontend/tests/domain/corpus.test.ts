import { describe, expect, it } from "vitest";
import { coverageFault } from "./exact";
import { type Case, corpus, written } from "./corpus";

const cases = corpus();
const count = (keep: (c: Case) => boolean): number => cases.filter(keep).length;

describe("the corpus that the server's tests read too", () => {
  it("is as written down; `npx vitest run -u` writes it anew", async () => {
    await expect(written(cases)).toMatchFileSnapshot("corpus/coverage.json");
  });

  it("holds enough of every sort", () => {
    expect(cases.length).toBeGreaterThanOrEqual(300);
    expect(count((c) => c.expected === "refuse")).toBeGreaterThan(100);
    expect(count((c) => c.command === null && c.expected === "accept")).toBeGreaterThan(60);
    expect(new Set(cases.map((c) => c.command)).size).toBe(16);
  });

  it("has no command whose result the rule refuses", () => {
    expect(cases.filter((c) => c.command !== null && c.expected === "refuse").map((c) => c.name)).toEqual([]);
  });

  it("is accepted only where an independent check finds no fault", () => {
    for (const c of cases) {
      if (c.expected === "accept") expect(coverageFault(c.features, c.side), c.name).toBeNull();
    }
  });
});
