import { describe, expect, it } from "vitest";
import type { AskedPart } from "../../src/domain/asked";
import { partsWords, partWords } from "../../src/pages/asked-desk";

const part = (share: number, state: AskedPart["state"]): AskedPart =>
  ({ number: 2, share, state, box: { minX: 0, minY: 0, maxX: 8, maxY: 8 } });

describe("what is said of a part", () => {
  it("is a share rounded down: what is not done is not said to be nine tenths labelled", () => {
    expect(partWords(part(0.897, "begun"))).toBe("Part 2: 89% labelled");
    expect(partWords(part(0.5, "begun"))).toBe("Part 2: 50% labelled");
    expect(partWords(part(0.9, "done"))).toBe("Part 2: done");
  });

  it("is hardly anything where a shed was drawn: it is not said that there is nothing", () => {
    expect(partWords(part(0.018, "empty"))).toBe("Part 2: hardly anything labelled");
    expect(partsWords([part(0.018, "empty"), part(1, "done")])).toBe("Parts to label: 1 of 2 done");
  });
});
