import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { draftOf } from "../../src/domain/draft";
import type { Point } from "../../src/domain/geometry";
import { PointerInput } from "../../src/map/input";
import { type CursorView, KeyboardCursor } from "../../src/map/keyboard-cursor";
import { Polygon } from "../../src/map/tools/polygon";
import { Rectangle } from "../../src/map/tools/rectangle";
import { SuggestionTool } from "../../src/map/tools/suggestions";
import type { Tool } from "../../src/map/tools/tool";
import { box, shape } from "../domain/shapes";
import { Host, press } from "./host";
import { send } from "./surface";

let host: Host;
let tool: Tool;
let cursor: KeyboardCursor;
let pointer: PointerInput;
let shown: (Point | null)[];
let panned: string[];

beforeEach(() => {
  vi.useFakeTimers();
  host = new Host(draftOf(1024, [shape("left", "A", box(200, 200, 400, 400))]));
  shown = [];
  panned = [];
  const view = {
    ...host.view,
    lookAt: () => undefined,
    pan: (side: string) => { panned.push(side); },
    showCursor: (at: Point | null) => { shown.push(at); },
  } as unknown as CursorView;
  use(new Rectangle(host));
  pointer = new PointerInput(host.at, () => tool);
  cursor = new KeyboardCursor(view, pointer, () => tool, (text) => host.said.push(text), ([x, y]) => `at ${x} ${y}`);
  cursor.goTo([480, 480]);
});

afterEach(() => {
  pointer.stop();
  vi.useRealTimers();
});

function use(next: Tool): void {
  tool = next;
  tool.enable();
}

const hit = (key: string, other: Partial<KeyboardEventInit> = {}): boolean => cursor.key(press(key, other));

describe("the arrow keys", () => {
  it("move the cursor by 16 screen pixels, by one image pixel with Shift, and stop at the tile's side", () => {
    expect(hit("ArrowRight")).toBe(true);
    expect(cursor.place).toEqual([480 + 16 * 8, 480]);
    hit("ArrowUp", { shiftKey: true });
    expect(cursor.place).toEqual([608, 472]);
    for (let i = 0; i < 9; i++) hit("ArrowLeft");
    expect(cursor.place).toEqual([0, 472]);
    expect(shown.at(-1)).toEqual([0, 472]);
  });

  it("go faster while a key is held down", () => {
    cursor.goTo([0, 0]);
    const steps: number[] = [];
    for (let i = 0; i < 24; i++) {
      cursor.goTo([0, 0]);
      hit("ArrowRight", { repeat: i > 0 });
      steps.push(cursor.place?.[0] ?? 0);
    }
    expect([steps[0], steps[8], steps[23]]).toEqual([128, 256, 512]);
  });

  it("go where the tool leads, and by steps with Shift", () => {
    host.offered = [{ id: "s1", class_code: "A", rings: [box(700, 700, 800, 800)], confidence: 0.9, source: "model" }];
    use(new SuggestionTool(host));
    cursor.goTo([300, 700]);
    hit("ArrowRight");
    expect(cursor.place?.[0]).toBe(750);
    hit("ArrowRight", { shiftKey: true });
    expect(cursor.place?.[0]).toBe(758);
  });

  it("pan the map with Control and belong to the browser with Alt", () => {
    hit("ArrowDown", { ctrlKey: true });
    expect(panned).toEqual(["down"]);
    expect(hit("ArrowLeft", { altKey: true })).toBe(false);
    expect(cursor.place).toEqual([480, 480]);
  });
});

describe("Space", () => {
  it("presses and lets go again for a tool that takes drags", () => {
    hit(" ");
    expect(tool.isBusy).toBe(true);
    hit(" ", { repeat: true });
    hit("ArrowRight");
    hit("ArrowDown");
    hit(" ");
    expect(host.last).toEqual({ kind: "draw", rings: [box(480, 480, 608, 608)], class_code: "A" });
  });

  it("clicks for a tool that does not", () => {
    use(new Polygon(host));
    for (const key of [" ", "ArrowRight", " ", "ArrowDown", " "]) hit(key);
    tool.key(press("Enter"));
    expect(host.last).toEqual({ kind: "draw", rings: [[[480, 480], [608, 480], [608, 608]]], class_code: "A" });
  });

  it("shows the cursor before it presses anywhere", () => {
    cursor.hide();
    expect(hit(" ")).toBe(true);
    expect(cursor.place).not.toBeNull();
    expect(tool.isBusy).toBe(false);
  });

  it("is followed by Escape to call the press off", () => {
    hit(" ");
    hit("ArrowRight");
    expect(hit("Escape")).toBe(true);
    expect(tool.isBusy).toBe(false);
    expect(hit("Escape")).toBe(false);
  });
});

describe("the cursor", () => {
  it("says where it is once it rests, not at each step", () => {
    for (let i = 0; i < 3; i++) {
      hit("ArrowRight", { shiftKey: true });
      vi.advanceTimersByTime(100);
    }
    expect(host.said).toEqual([]);
    vi.advanceTimersByTime(400);
    expect(host.said).toEqual(["at 504 480"]);
  });

  it("goes away when a pointer is used, and what it pressed is called off", () => {
    hit(" ");
    send(host.at.container, "pointermove", [40, 30], { buttons: 0 });
    expect(cursor.place).toBeNull();
    expect(shown.at(-1)).toBeNull();
    expect(tool.isBusy).toBe(false);
  });
});
