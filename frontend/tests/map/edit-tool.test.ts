import { beforeEach, describe, expect, it } from "vitest";
import { draftOf } from "../../src/domain/draft";
import { Edit } from "../../src/map/tools/edit";
import { box, shape } from "../domain/shapes";
import { g, Host, press } from "./host";

let host: Host;
let tool: Edit;

beforeEach(() => {
  host = new Host(draftOf(1024, [shape("left", "A", box(200, 200, 400, 400)), shape("right", "B", box(400, 200, 800, 400))]));
  tool = new Edit(host);
  tool.enable();
});

const select = (...ids: string[]): void => {
  host.select(ids);
  tool.refresh();
};

describe("selecting", () => {
  it("takes the shape under a click, adds and takes off with Shift, and nothing on bare ground", () => {
    tool.click(g(300, 300));
    expect(host.chosen).toEqual(["left"]);
    tool.click(g(600, 300, { shift: true }));
    expect(host.chosen).toEqual(["left", "right"]);
    tool.click(g(300, 320, { shift: true }));
    expect(host.chosen).toEqual(["right"]);
    tool.click(g(900, 900));
    expect(host.chosen).toEqual([]);
  });

  it("leaves drags on a shape's inside to the map", () => {
    select("left");
    expect(tool.down(g(300, 300))).toBe(false);
  });

  it("is dropped on Escape", () => {
    select("left");
    expect(tool.key(press("Escape"))).toBe(true);
    expect(host.chosen).toEqual([]);
    expect(tool.key(press("Escape"))).toBe(false);
  });
});

describe("a corner", () => {
  it("is dragged with every neighbour that shares it, each shown as it will become", () => {
    select("left");
    expect(tool.down(g(405, 395))).toBe(true);
    tool.move(g(450, 600));
    expect(host.seen.previews).toEqual([
      [[[200, 200], [400, 200], [450, 600], [200, 400]]],
      [[[400, 200], [800, 200], [800, 400], [450, 600]]],
    ]);
    tool.up(g(450, 600));
    expect(host.last).toEqual({ kind: "move_vertex", id: "left", from: [400, 400], to: [450, 600] });
  });

  it("shows what it will become until the change is made, and the new shape then", async () => {
    host.isSlow = true;
    select("left");
    tool.down(g(400, 400));
    tool.up(g(450, 600));
    expect(host.sketch.held[0]?.outlines).toHaveLength(2);
    expect(host.seen.selected).toEqual([]);
    await host.settle();
    expect(host.sketch.held).toEqual([]);
    expect(host.seen.selected).toEqual([host.current.features.get("left")?.rings]);
  });

  it.each([["not yet drawn there", false], ["drawn there", true]])("is what Delete means once it is let go: %s", async (_when, isDrawn) => {
    host.isSlow = true;
    select("left");
    tool.down(g(400, 400));
    tool.up(g(450, 600));
    if (isDrawn) await host.settle();
    expect(tool.key(press("Delete"))).toBe(true);
    expect(host.last).toEqual({ kind: "remove_vertex", id: "left", at: [450, 600] });
  });

  it.each([["hardly moved", 452, true], ["went away", 600, false]])("is meant while it is on its way, if the pointer has %s", (_how, x, isMeant) => {
    host.isSlow = true;
    select("left");
    tool.down(g(400, 400));
    tool.up(g(450, 600));
    tool.move(g(x, 600));
    expect(tool.key(press("Delete"))).toBe(isMeant);
  });

  it("is no longer meant once it was undone, or another shape is selected", async () => {
    const before = host.current;
    for (const meanwhile of [(): void => { host.current = before; }, (): void => { host.select(["right"]); }]) {
      host.current = before;
      select("left");
      tool.down(g(400, 400));
      tool.up(g(450, 600));
      await host.settle();
      meanwhile();
      tool.refresh();
      expect(tool.key(press("Delete"))).toBe(false);
    }
  });

  it("is no longer meant where a finger let it go: nothing shows there what Delete would take", () => {
    select("left");
    tool.down(g(400, 400, { device: "touch" }));
    tool.up(g(450, 600, { device: "touch" }));
    expect(tool.key(press("Delete"))).toBe(false);
  });

  it("snaps to shapes that do not move", () => {
    host.current = draftOf(1024, [...host.current.features.values(), shape("far", "C", box(100, 600, 180, 800))]);
    select("left");
    tool.down(g(200, 400));
    tool.move(g(185, 605));
    expect(host.seen).toMatchObject({ cursor: [180, 600], snap: "vertex" });
  });

  it("is removed by a right click, by Alt+click, and by Delete under the pointer", () => {
    select("left");
    expect(tool.menu(g(400, 400))).toBe(true);
    expect(host.last).toEqual({ kind: "remove_vertex", id: "left", at: [400, 400] });
    tool.down(g(200, 200, { alt: true }));
    tool.click(g(200, 200, { alt: true }));
    expect(host.asked).toHaveLength(2);
    host.current = draftOf(1024, [shape("left", "A", box(200, 200, 400, 400))]);
    tool.refresh();
    tool.move(g(203, 398));
    expect(tool.key(press("Delete"))).toBe(true);
    expect(host.last).toEqual({ kind: "remove_vertex", id: "left", at: [200, 400] });
    expect(tool.menu(g(300, 300))).toBe(false);
  });

  it("stays where it was when the drag is called off, or when the draft changes under it", () => {
    select("left");
    tool.down(g(400, 400));
    tool.move(g(450, 600));
    tool.cancel();
    expect(tool.isBusy).toBe(false);
    tool.down(g(400, 400));
    host.current = draftOf(1024, [...host.current.features.values()]);
    tool.refresh();
    tool.up(g(450, 600));
    expect(host.asked).toEqual([]);
  });

  it("is taken hold of from further away by a fingertip", () => {
    select("left");
    expect(tool.down(g(330, 260))).toBe(false);
    expect(tool.down(g(260, 330, { device: "touch" }))).toBe(true);
  });
});

describe("an edge", () => {
  it("bends from its middle, in both shapes", () => {
    host.current = draftOf(1024, [shape("left", "A", box(200, 200, 400, 440)), shape("right", "B", box(400, 200, 800, 440))]);
    select("left");
    tool.down(g(398, 322));
    tool.move(g(460, 300));
    expect(host.seen.previews).toHaveLength(2);
    tool.up(g(460, 300));
    expect(host.last).toEqual({ kind: "insert_vertex", id: "left", a: [400, 200], b: [400, 440], at: [460, 300] });
  });

  it("moves whole with Shift, its neighbours with it", async () => {
    select("left");
    expect(tool.down(g(402, 260, { shift: true }))).toBe(true);
    tool.move(g(452, 265, { shift: true }));
    const shown = host.seen.previews;
    expect(host.seen.activeHandle).toBeNull();
    tool.up(g(452, 265, { shift: true }));
    expect(host.last).toEqual({ kind: "move_edge", id: "left", a: [400, 200], b: [400, 400], by: [50, 5] });
    await host.settle();
    expect(shown?.[0]).toEqual([[[200, 200], [450, 205], [450, 405], [200, 400]]]);
    expect(host.current.features.get("left")?.rings[0]).toContainEqual([450, 405]);
  });

  it("gets a corner where it is double-clicked", () => {
    select("left");
    tool.click(g(255, 203));
    tool.doubleClick(g(255, 203));
    expect(host.last).toEqual({ kind: "insert_vertex", id: "left", a: [200, 200], b: [400, 200], at: [255, 200] });
  });

  it("gets it also where the first of the two clicks falls beside the shape or on its neighbour", () => {
    select("left");
    for (const [x, y] of [[300, 197], [404, 300]] as const) {
      tool.click(g(x, y));
      expect(host.chosen).not.toEqual(["left"]);
      tool.doubleClick(g(x, y));
      expect(host.chosen).toEqual(["left"]);
    }
    expect(host.asked).toMatchObject([
      { kind: "insert_vertex", id: "left", at: [300, 200] },
      { kind: "insert_vertex", id: "left", at: [400, 300] },
    ]);
  });
});
