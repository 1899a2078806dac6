import { beforeEach, describe, expect, it, vi } from "vitest";
import { draftOf, emptyDraft } from "../../src/domain/draft";
import { boxOf, doubleArea, type Point } from "../../src/domain/geometry";
import { Brush, Eraser } from "../../src/map/tools/brush";
import { Cut } from "../../src/map/tools/cut";
import { Fill } from "../../src/map/tools/fill";
import { Lasso } from "../../src/map/tools/lasso";
import { Merge } from "../../src/map/tools/merge";
import { Polygon } from "../../src/map/tools/polygon";
import { Rectangle } from "../../src/map/tools/rectangle";
import { Split } from "../../src/map/tools/split";
import { box, shape } from "../domain/shapes";
import { g, Host, press } from "./host";

const SIDE = 1024;
let host: Host;

beforeEach(() => {
  host = new Host(draftOf(SIDE, [shape("left", "A", box(200, 200, 400, 400)), shape("right", "B", box(400, 200, 600, 400))]));
});

describe("the polygon tool", () => {
  const draw = (...points: Point[]): Polygon => {
    const tool = new Polygon(host);
    tool.enable();
    for (const [x, y] of points) tool.click(g(x, y));
    return tool;
  };

  it("leaves drags to the map and draws what was clicked when the first corner is clicked again", () => {
    const tool = draw([700, 700], [800, 700], [800, 800]);
    expect(tool.down(g(700, 800))).toBe(false);
    expect(tool.isBusy).toBe(true);
    tool.click(g(704, 695));
    expect(host.last).toEqual({ kind: "draw", rings: [[[700, 700], [800, 700], [800, 800]]], class_code: "A" });
    expect(tool.isBusy).toBe(false);
  });

  it("closes on Enter and on a double click, and not with two corners", () => {
    draw([700, 700], [800, 700]).key(press("Enter"));
    expect(host.asked).toEqual([]);
    draw([700, 700], [800, 700], [800, 800]).key(press("Enter"));
    draw([700, 700], [800, 700], [800, 800]).doubleClick(g(801, 800));
    expect(host.asked).toHaveLength(2);
  });

  it("lands on a vertex, an edge or the tile's side when near, and shows which; Alt turns that off", () => {
    const tool = draw();
    tool.move(g(395, 405));
    expect(host.seen).toMatchObject({ cursor: [400, 400], snap: "vertex" });
    tool.move(g(300, 430));
    expect(host.seen).toMatchObject({ cursor: [300, 400], snap: "edge" });
    tool.move(g(1000.4, 700));
    expect(host.seen).toMatchObject({ cursor: [1024, 700], snap: "side" });
    tool.move(g(395.4, 405.6, { alt: true }));
    expect(host.seen).toMatchObject({ cursor: [395, 406], snap: null });
  });

  it("takes corners back one by one and drops all of them on Escape", () => {
    const tool = draw([700, 700], [800, 700], [800, 800]);
    tool.key(press("Backspace"));
    expect(tool.menu()).toBe(true);
    expect(host.seen.line).toEqual([[700, 700]]);
    tool.key(press("Escape"));
    expect(tool.isBusy).toBe(false);
    expect(tool.key(press("Escape"))).toBe(false);
    expect(tool.menu()).toBe(false);
  });

  it("keeps its corners when a second finger takes the gesture over", () => {
    const tool = draw([700, 700], [800, 700]);
    tool.cancel();
    expect(tool.isBusy).toBe(true);
  });

  it("keeps the finished shape in sight until the draft has it, while the next one is begun", async () => {
    host.isSlow = true;
    const tool = draw([700, 700], [800, 700], [800, 800]);
    tool.key(press("Enter"));
    expect(host.sketch.held).toEqual([{ shapes: [[[[700, 700], [800, 700], [800, 800]]]], colour: "#aa3377" }]);
    tool.click(g(500, 700));
    expect(host.seen.line).toEqual([[500, 700]]);
    await host.settle();
    expect(host.sketch.held).toEqual([]);
    expect(host.current.features.size).toBe(3);
  });

  it("draws nothing while no class is chosen", () => {
    host.code = null;
    draw([700, 700], [800, 700], [800, 800]).key(press("Enter"));
    expect(host.asked).toEqual([]);
  });
});

describe("the rectangle tool", () => {
  it("draws from corner to corner, by a drag or by two clicks", () => {
    const tool = new Rectangle(host);
    tool.enable();
    expect(tool.down(g(700, 700))).toBe(true);
    tool.move(g(800, 760));
    expect(host.seen.line).toEqual(box(700, 700, 800, 760));
    tool.up(g(800, 760));
    tool.down(g(100, 700));
    tool.click(g(100, 700));
    tool.move(g(160, 800));
    tool.down(g(160, 800));
    tool.click(g(160, 800));
    expect(host.asked.map((c) => "rings" in c && c.rings)).toEqual([[box(700, 700, 800, 760)], [box(100, 700, 160, 800)]]);
  });

  it("drops a drag that is called off and keeps a corner placed by a click", () => {
    const tool = new Rectangle(host);
    tool.enable();
    tool.down(g(700, 700));
    tool.cancel();
    expect(tool.isBusy).toBe(false);
    tool.down(g(700, 700));
    tool.click(g(700, 700));
    tool.down(g(720, 720));
    tool.cancel();
    expect(tool.isBusy).toBe(true);
    tool.key(press("Escape"));
    expect(tool.isBusy).toBe(false);
  });
});

describe("the freehand tool", () => {
  it("draws the way the pointer went without the points that nobody would see", () => {
    const tool = new Lasso(host);
    tool.enable();
    tool.down(g(700, 700));
    for (let x = 710; x <= 800; x += 10) tool.move(g(x, 700 + (x % 20 === 0 ? 1 : 0)));
    tool.move(g(800, 800));
    tool.up();
    expect(host.last).toEqual({ kind: "draw", rings: [[[700, 700], [800, 701], [800, 800]]], class_code: "A" });
  });

  it("draws nothing from a click", () => {
    const tool = new Lasso(host);
    tool.enable();
    tool.down(g(700, 700));
    tool.click();
    expect(host.asked).toEqual([]);
    expect(tool.isBusy).toBe(false);
  });
});

describe("the brush", () => {
  it("paints a band as wide as the brush, round at its ends", () => {
    const tool = new Brush(host);
    tool.enable();
    tool.down(g(700, 700));
    tool.move(g(800, 700));
    expect(host.seen).toMatchObject({ band: { points: [[700, 700], [800, 700]], width: 80 }, brush: { at: [800, 700], width: 80 } });
    tool.up(g(800, 700));
    const { shapes, ...rest } = host.last as { shapes: Parameters<typeof doubleArea>[0][] };
    expect(rest).toEqual({ kind: "paint", class_code: "A", provenance: "drawn" });
    // A rectangle of 100 × 80 and a disc of radius 40, within a unit of its rim of 450.
    const area = shapes.reduce((sum, rings) => sum + doubleArea(rings) / 2, 0);
    expect(Math.abs(area - (8000 + Math.PI * 1600))).toBeLessThan(450);
  });

  it("makes a dot from a click and rubs out while Alt is held", () => {
    const tool = new Brush(host);
    tool.enable();
    tool.down(g(300, 300, { alt: true }));
    expect(host.seen.colour).toBeNull();
    tool.click();
    expect(host.last).toMatchObject({ kind: "erase", within: null });
  });

  it("grows and shrinks by keys and by the wheel, never below one pixel", () => {
    const tool = new Brush(host);
    tool.enable();
    expect([tool.key(press("]")), host.brush]).toEqual([true, 12]);
    expect([tool.key(press("PageDown")), host.brush]).toEqual([true, 10]);
    host.brush = 1;
    expect([tool.wheel(-1), host.brush]).toEqual([true, 1]);
    expect([tool.wheel(1), host.brush]).toEqual([true, 2]);
    expect(tool.key(press("k"))).toBe(false);
  });

  it("forgets a stroke that a second finger called off", () => {
    const tool = new Brush(host);
    tool.enable();
    tool.down(g(700, 700));
    tool.move(g(800, 700));
    tool.cancel();
    expect(host.asked).toEqual([]);
    expect(host.seen.band).toBeNull();
  });
});

describe("the eraser", () => {
  it("takes the label from the ground it passes", async () => {
    const tool = new Eraser(host);
    tool.enable();
    tool.down(g(300, 150));
    tool.move(g(300, 450));
    tool.up(g(300, 450));
    await host.settle();
    // A band of 80, to a unit on either side, across a square of 200 parts it.
    const left = [...host.current.features.values()].filter((f) => f.class_code === "A");
    expect(left).toHaveLength(2);
    for (const { rings } of left) expect(Math.abs(doubleArea(rings) / 2 - 60 * 200)).toBeLessThanOrEqual(200);
  });
});

describe("the cutting tool", () => {
  it("takes the ground inside clicks from every shape, or from the one selected", () => {
    const tool = new Cut(host);
    tool.enable();
    const outline: Point[] = [[300, 250], [500, 250], [500, 300]];
    const clicks = (): void => {
      for (const [x, y] of outline) {
        tool.down(g(x, y, { alt: true }));
        tool.click(g(x, y, { alt: true }));
      }
      tool.key(press("Enter"));
    };
    clicks();
    expect(host.last).toEqual({ kind: "erase", shapes: [[outline]], within: null });
    host.chosen = ["left"];
    clicks();
    expect(host.last).toEqual({ kind: "erase", shapes: [[outline]], within: "left" });
  });

  it("takes the ground inside a drag, and pans once corners are being clicked", () => {
    const tool = new Cut(host);
    tool.enable();
    expect(tool.down(g(700, 700))).toBe(true);
    for (const [x, y] of [[800, 700], [800, 800], [700, 800]] as const) tool.move(g(x, y));
    tool.up();
    expect(host.last).toEqual({ kind: "erase", shapes: [[box(700, 700, 800, 800)]], within: null });
    tool.down(g(50, 50));
    tool.click(g(50, 50));
    expect(tool.down(g(90, 50))).toBe(false);
  });
});

describe("the splitting tool", () => {
  it("cuts along a clicked line, only the selected shapes when there are some", async () => {
    const tool = new Split(host);
    tool.enable();
    tool.click(g(300, 100, { alt: true }));
    tool.click(g(300, 500, { alt: true }));
    tool.key(press("Enter"));
    expect(host.last).toEqual({ kind: "split", line: [[300, 100], [300, 500]], ids: null });
    await host.settle();
    expect(host.current.features.size).toBe(3);
    host.chosen = ["right"];
    tool.click(g(500, 100, { alt: true }));
    tool.click(g(500, 500, { alt: true }));
    tool.doubleClick(g(501, 500, { alt: true }));
    expect(host.last).toEqual({ kind: "split", line: [[500, 100], [500, 500]], ids: ["right"] });
  });

  it("gives back a line that cut nothing, so that it can be taken further", async () => {
    const tool = new Split(host);
    tool.enable();
    tool.click(g(300, 100, { alt: true }));
    tool.click(g(300, 300, { alt: true }));
    tool.key(press("Enter"));
    expect(tool.isBusy).toBe(false);
    await host.settle();
    expect(host.seen.line).toEqual([[300, 100], [300, 300]]);
  });
});

describe("the merging tool", () => {
  it("joins neighbours one by one into the shape clicked first", async () => {
    const tool = new Merge(host);
    tool.enable();
    tool.click(g(300, 300));
    expect(host.chosen).toEqual(["left"]);
    tool.move(g(500, 300));
    expect(host.seen.hovered).toEqual([[box(400, 200, 600, 400)]]);
    tool.click(g(500, 300));
    expect(host.last).toEqual({ kind: "merge", ids: ["left", "right"] });
    await host.settle();
    expect([...host.current.features.keys()]).toEqual(["left"]);
    expect(host.chosen).toEqual(["left"]);
  });

  it("picks several with Shift and merges them on Enter", () => {
    const tool = new Merge(host);
    tool.enable();
    tool.click(g(500, 300));
    tool.click(g(300, 300, { shift: true }));
    expect(host.asked).toEqual([]);
    expect(tool.key(press("m"))).toBe(true);
    expect(host.last).toEqual({ kind: "merge", ids: ["right", "left"] });
  });
});

describe("the filling tool", () => {
  it("outlines the gap under the pointer and gives it the class", async () => {
    host = new Host(draftOf(SIDE, [{ id: "ring", class_code: "B", provenance: "drawn", rings: [box(0, 0, SIDE, SIDE), box(100, 100, 300, 300)] }]));
    const tool = new Fill(host);
    tool.enable();
    tool.move(g(50, 50));
    expect(host.seen.hovered).toEqual([]);
    vi.useFakeTimers();
    tool.move(g(200.3, 200.2));
    vi.advanceTimersByTime(60);
    vi.useRealTimers();
    expect(doubleArea(host.seen.hovered?.[0] ?? []) / 2).toBe(200 * 200);
    tool.click(g(200.3, 200.2));
    expect(host.last).toEqual({ kind: "fill", at: [200, 200], class_code: "A", asked: [] });
    await host.settle();
    expect(host.current.features.size).toBe(2);
  });

  it("outlines and fills what the parts asked for have of the gap", async () => {
    host = new Host(emptyDraft(SIDE));
    host.windows = [[10, 10, 20, 20]];
    const tool = new Fill(host);
    tool.enable();
    vi.useFakeTimers();
    tool.move(g(100, 100));
    vi.advanceTimersByTime(60);
    vi.useRealTimers();
    expect(boxOf(host.seen.hovered?.[0] ?? [])).toEqual({ minX: 80, minY: 80, maxX: 240, maxY: 240 });
    tool.click(g(100, 100));
    await host.settle();
    expect(boxOf([...host.current.features.values()][0]?.rings ?? [])).toEqual({ minX: 80, minY: 80, maxX: 240, maxY: 240 });
  });

  it("fills a whole empty tile", async () => {
    host = new Host(emptyDraft(SIDE));
    const tool = new Fill(host);
    tool.enable();
    tool.click(g(500, 500));
    await host.settle();
    expect(doubleArea([...host.current.features.values()][0]?.rings ?? []) / 2).toBe(SIDE * SIDE);
  });
});
