import { beforeEach, describe, expect, it } from "vitest";
import { draftOf, emptyDraft } from "../../src/domain/draft";
import { doubleArea } from "../../src/domain/geometry";
import type { Segments } from "../../src/domain/raster";
import type { Suggestion } from "../../src/domain/suggestion";
import { SegmentTool } from "../../src/map/tools/segments";
import { SuggestionTool, towards } from "../../src/map/tools/suggestions";
import { box, shape } from "../domain/shapes";
import { g, Host, press } from "./host";

let host: Host;

/** A tile of 8 × 8 pixels in four squares, 0 1 above 2 3. */
function quarters(): Segments {
  return { side_px: 8, count: 4, ids: Uint16Array.from({ length: 64 }, (_, i) => (i % 8 >= 4 ? 1 : 0) + (i >= 32 ? 2 : 0)) };
}

describe("the segment tool", () => {
  let tool: SegmentTool;

  beforeEach(() => {
    host = new Host(emptyDraft(64));
    host.pieces = quarters();
    tool = new SegmentTool(host);
    tool.enable();
  });

  it("outlines the segment under the pointer and labels it with a click", async () => {
    tool.move(g(10, 10));
    expect(host.seen.hovered?.map((rings) => doubleArea(rings) / 2)).toEqual([32 * 32]);
    expect(tool.down(g(10, 10))).toBe(true);
    tool.click(g(10, 10));
    expect(host.last).toMatchObject({ kind: "paint", class_code: "A", provenance: "segment" });
    await host.settle();
    expect([...host.current.features.values()].map((f) => [f.provenance, doubleArea(f.rings) / 2])).toEqual([["segment", 32 * 32]]);
  });

  it("labels every segment that a stroke passes, however fast", async () => {
    tool.down(g(10, 10));
    tool.move(g(60, 12));
    expect(host.seen.marked).toHaveLength(2);
    tool.up(g(60, 60));
    await host.settle();
    const [feature] = [...host.current.features.values()];
    expect(doubleArea(feature?.rings ?? []) / 2).toBe(3 * 32 * 32);
  });

  it("takes labels away with Alt", async () => {
    host.current = draftOf(64, [shape("all", "B", box(0, 0, 64, 64))]);
    tool.down(g(10, 10, { alt: true }));
    tool.click(g(10, 10, { alt: true }));
    expect(host.last).toMatchObject({ kind: "erase", within: null });
    await host.settle();
    expect(doubleArea(host.current.features.get("all")?.rings ?? []) / 2).toBe(3 * 32 * 32);
  });

  it("labels at one press of the keyboard and jumps from segment to segment with the arrows", () => {
    tool.move(g(10, 10, { device: "keyboard" }));
    const next = tool.arrow("right");
    expect(next?.[0]).toBeGreaterThan(32);
    expect(tool.arrow("left")).toBeNull();
    expect(tool.down(g(10, 10, { device: "keyboard" }))).toBe(false);
    tool.click(g(10, 10, { device: "keyboard" }));
    expect(host.asked).toHaveLength(1);
  });

  it("drops a stroke when segments of another size come", () => {
    tool.down(g(10, 10));
    host.pieces = quarters();
    tool.refresh();
    tool.up(g(60, 60));
    expect(host.asked).toEqual([]);
  });

  it("leaves the map its drags until the segments are there", () => {
    host.pieces = null;
    tool.refresh();
    expect(tool.down(g(10, 10))).toBe(false);
    tool.click(g(10, 10));
    expect(host.asked).toEqual([]);
  });
});

describe("the draft tool", () => {
  let tool: SuggestionTool;
  const offer = (id: string, code: string, x: number, y: number, size: number): Suggestion => ({
    id, class_code: code, rings: [box(x, y, x + size, y + size)], confidence: 0.9, source: "model",
  });

  beforeEach(() => {
    host = new Host(emptyDraft(1024));
    host.offered = [offer("s1", "A", 100, 100, 100), offer("s2", "B", 400, 100, 100), offer("s3", "B", 100, 500, 400)];
    tool = new SuggestionTool(host);
    tool.enable();
  });

  it("outlines the suggestion under the pointer and takes it with a click", async () => {
    tool.move(g(150, 150));
    expect(host.seen.hovered).toEqual([[box(100, 100, 200, 200)]]);
    expect(tool.suggestionAt()?.id).toBe("s1");
    tool.down(g(150, 150));
    tool.click(g(150, 150));
    await host.settle();
    expect([...host.current.features.values()].map((f) => [f.id, f.class_code, f.provenance])).toEqual([["s1", "A", "accepted"]]);
    tool.refresh();
    expect(tool.suggestionAt()).toBeNull();
  });

  it("takes it as another class when asked, and says whether there was one", async () => {
    expect(tool.take("B")).toBe(false);
    tool.move(g(150, 150));
    expect(tool.take("B")).toBe(true);
    await host.settle();
    expect(host.current.features.get("s1")).toMatchObject({ class_code: "B", provenance: "corrected" });
  });

  it("takes it by its key, and leaves the key for all to the page", () => {
    tool.move(g(150, 150));
    expect(tool.key(press("A", { shiftKey: true }))).toBe(false);
    expect(tool.key(press("a"))).toBe(true);
    expect(host.asked).toHaveLength(1);
    expect(tool.key(press("Enter"))).toBe(false);
  });

  it("takes every suggestion whose middle a box holds", () => {
    tool.down(g(50, 50));
    tool.move(g(460, 250));
    expect(host.seen.line).toEqual(box(50, 50, 460, 250));
    tool.up(g(460, 250));
    expect(host.last).toMatchObject({ kind: "take", features: [{ id: "s1" }, { id: "s2" }] });
  });

  it("takes nothing when the box is called off", () => {
    tool.down(g(50, 50));
    tool.move(g(460, 250));
    tool.cancel();
    expect(host.seen.line).toEqual([]);
    tool.up(g(460, 250));
    expect(host.asked).toEqual([]);
  });

  it("goes with the arrows to the suggestion that lies that way", () => {
    tool.move(g(150, 150, { device: "keyboard" }));
    expect(tool.arrow("right")?.[0]).toBe(450);
    expect(tool.arrow("down")?.[0]).toBe(300);
    expect(tool.arrow("left")).toBeNull();
  });
});

describe("towards", () => {
  it("prefers what lies straight ahead to what is nearer but aside", () => {
    expect(towards([[60, 100], [100, 0]], [0, 0], "right")).toEqual([100, 0]);
    expect(towards([[-50, 0]], [0, 0], "right")).toBeNull();
  });
});
