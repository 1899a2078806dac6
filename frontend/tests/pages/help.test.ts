import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { draftOf } from "../../src/domain/draft";
import type { Point } from "../../src/domain/geometry";
import { classOfKey, withKeys } from "../../src/domain/palette";
import type { Segments } from "../../src/domain/raster";
import type { Device, Gesture } from "../../src/map/input";
import { PointerInput } from "../../src/map/input";
import { type CursorView, KeyboardCursor } from "../../src/map/keyboard-cursor";
import { type Tools, toolsFor } from "../../src/map/tools";
import type { Tool, ToolName } from "../../src/map/tools/tool";
import { helpKeys, validateKeys } from "../../src/pages/help";
import { commandOf, validateCommandOf } from "../../src/pages/shortcuts";
import { box, shape } from "../domain/shapes";
import { g, Host } from "../map/host";

type Sheet = ReturnType<typeof helpKeys>;

const MODIFIERS = ["Ctrl", "Alt", "⇧"];
const PRINTED: Readonly<Record<string, string>> = {
  " ": "Space", Escape: "Esc", Delete: "Del", Backspace: "⌫", Enter: "Enter", ArrowLeft: "←", ArrowUp: "↑", ArrowRight: "→", ArrowDown: "↓",
};
/** Keys that do what another one does; the sheet names them in words, or has no need to. */
const SAME: Readonly<Record<string, string>> = {
  PageDown: "[", PageUp: "]", "=": "+", ContextMenu: "⇧ F10", "Ctrl Enter": "Ctrl ↵",
};
const GESTURES = ["Click", "Drag", "Wheel"];
/** The browser's own. */
const BROWSER = ["Tab"];

/** What a sheet names: "Ctrl ⇧ Z" is one entry, "E V" are two, "1 … 9 0" are ten. */
function entries(sheet: Sheet): Set<string> {
  const found = new Set<string>();
  for (const [, rows] of sheet) {
    for (const [keys] of rows) {
      let held = "";
      let from = "";
      for (const token of keys.split(" ")) {
        if (MODIFIERS.includes(token)) held += `${token} `;
        else if (token === "…") from = [...found].at(-1) ?? "";
        else {
          if (from !== "") for (let digit = Number(from.at(-1)) + 1; digit % 10 !== Number(token); digit++) found.add(held + String(digit));
          found.add(held + token);
          [held, from] = ["", ""];
        }
      }
      if (held !== "") found.add(held.trim());
    }
  }
  return found;
}

const LETTERS = [..."abcdefghijklmnopqrstuvwxyz"];
const DIGITS = [..."0123456789"];
const OTHERS = [
  ..."[]{}()<>?/+=-_*.,;:!'\"@#$%&|~`^", " ", "Enter", "Escape", "Backspace", "Delete", "Tab", "Home", "End", "PageUp", "PageDown", "Insert",
  "ContextMenu", "ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown", ...Array.from({ length: 12 }, (_, i) => `F${i + 1}`),
];

/** Where a drag and a click mean something, where it is not anywhere. */
const PLACES: Partial<Record<ToolName, { from: Point; to: Point; at: Point }>> = {
  draft: { from: [840, 840], to: [960, 960], at: [900, 900] },
  edit: { from: [250, 200], to: [270, 260], at: [400, 400] },
};

const ANYWHERE: { from: Point; to: Point; at: Point } = { from: [203, 203], to: [403, 396], at: [203, 203] };

const BY_CLICKS: ReadonlySet<ToolName> = new Set(["polygon", "cut", "split"]);
const LINE: readonly Point[] = [[703, 203], [700, 700], [90, 700]];

interface Pressed {
  readonly name: string;
  readonly event: KeyboardEventInit & { readonly key: string; readonly code: string };
}

/** Every key with every modifier that a person may hold. */
function* presses(): Generator<Pressed> {
  for (const held of [[], ["⇧"], ["Ctrl"], ["Ctrl", "⇧"], ["Alt"]]) {
    for (const key of [...LETTERS, ...DIGITS, ...OTHERS]) {
      const shiftKey = held.includes("⇧");
      const name = [...held, PRINTED[key] ?? (LETTERS.includes(key) ? key.toUpperCase() : key)].join(" ");
      yield {
        name,
        event: {
          key: shiftKey ? key.replace(/^[a-z]$/, (letter) => letter.toUpperCase()) : key,
          code: DIGITS.includes(key) ? `Digit${key}` : "", shiftKey, ctrlKey: held.includes("Ctrl"), altKey: held.includes("Alt"),
        },
      };
    }
  }
}

const plain = ({ event }: Pressed): Pressed["event"] => ({ ...event, shiftKey: false, altKey: false, key: event.key.length === 1 ? event.key.toLowerCase() : event.key });
const asPress = (event: Pressed["event"]): Parameters<typeof commandOf>[0] => ({
  metaKey: false, ctrlKey: event.ctrlKey ?? false, shiftKey: event.shiftKey ?? false, altKey: event.altKey ?? false, key: event.key,
});
const CLASSES = withKeys(Array.from({ length: 20 }, (_, i) => ({ code: `C${i}`, name: "", definition: "", colour: "" })));

/** Names of the presses that do something which the same press without Shift and Alt does not. */
function handled(does: (event: Pressed["event"]) => unknown): string[] {
  const found: string[] = [];
  for (const one of presses()) {
    const done = does(one.event);
    if (done === null || done === false) continue;
    if ((one.event.shiftKey || one.event.altKey) && JSON.stringify(does(plain(one))) === JSON.stringify(done)) continue;
    found.push(SAME[one.name] ?? one.name);
  }
  return found;
}

const commandKeys = (): string[] => handled((event) => commandOf(asPress(event)));
const classKeys = (): string[] =>
  handled((event) => (event.ctrlKey || event.altKey ? null : classOfKey(CLASSES, { shiftKey: false, ...event })?.code ?? null));

describe("the sheet of keys", () => {
  let host: Host;
  let tools: Tools;

  beforeEach(() => {
    vi.useFakeTimers();
    host = new Host(draftOf(1024, [shape("left", "A", box(200, 200, 400, 400)), shape("right", "B", box(400, 200, 800, 400))]));
    host.pieces = { side_px: 128, count: 2, ids: Uint16Array.from({ length: 128 * 128 }, (_, i) => (i % 128 >= 64 ? 1 : 0)) } as Segments;
    host.offered = [{ id: "s", class_code: "B", rings: [[[850, 850], [950, 850], [950, 950], [850, 950]]], confidence: 0.9, source: "model" }];
    tools = toolsFor(host);
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  /** A tool in the middle of its work, so that every key of it means something. */
  function atWork(name: ToolName): Tool {
    const tool = tools[name];
    tool.disable();
    host.select(name === "edit" || name === "merge" ? ["left", "right"] : []);
    tool.enable();
    tool.move(g(name === "draft" ? 900 : 400, name === "draft" ? 900 : 400));
    if (BY_CLICKS.has(name)) for (const [x, y] of LINE) tool.click(g(x, y));
    else if (name !== "draft" && name !== "edit") tool.down(g(100, 100));
    return tool;
  }

  const toolKeys = (): string[] => (Object.keys(tools) as ToolName[]).flatMap((name) =>
    handled((event) => {
      if (event.ctrlKey) return false;
      const isDone = atWork(name).key(new KeyboardEvent("keydown", event));
      tools[name].disable();
      return isDone;
    }));

  /** What each key of the cursor does, in words that differ with Shift where it matters. */
  function cursorKeys(): string[] {
    return handled((event) => {
      const tool = atWork("polygon");
      const done: string[] = [];
      const view = {
        ...host.view, lookAt: () => undefined, pan: (side: string) => { done.push(`pan ${side}`); }, showCursor: (at: Point | null) => { done.push(String(at)); },
      } as unknown as CursorView;
      vi.spyOn(tool, "click").mockImplementation((gesture) => { done.push(`click ${String(gesture.shift)}`); });
      const pointer = new PointerInput(host.at, () => tool);
      const cursor = new KeyboardCursor(view, pointer, () => tool, () => undefined, () => "");
      cursor.goTo([480, 480]);
      const isDone = cursor.key(new KeyboardEvent("keydown", event));
      pointer.stop();
      vi.restoreAllMocks();
      return isDone ? done.join() : false;
    });
  }

  it("names every key that the page, the classes, the tools and the cursor hear", () => {
    const named = entries(helpKeys("mouse"));
    const heard = [...commandKeys(), ...classKeys(), ...toolKeys(), ...cursorKeys()];
    expect(new Set(heard).size).toBeGreaterThan(50);
    expect([...new Set(heard)].filter((key) => !named.has(key) && !isArrowOfMany(key, named))).toEqual([]);
  });

  it("names no key that does nothing", () => {
    const heard = new Set([...commandKeys(), ...classKeys(), ...toolKeys(), ...cursorKeys()]);
    const keys = helpKeys("mouse").filter(([title]) => title !== "Fingers and pen");
    const isGesture = (entry: string): boolean => entry === "Alt" || GESTURES.some((gesture) => entry.endsWith(gesture));
    expect([...entries(keys)].filter((entry) => !heard.has(entry) && !isGesture(entry) && !BROWSER.includes(entry))).toEqual([]);
  });

  it("names every modifier that changes what a pointer does", () => {
    const named = entries(helpKeys("mouse"));
    const found = new Set<string>();
    const done = (): string => JSON.stringify([host.last, host.chosen, host.brush, host.seen.previews]);
    const act = (tool: Tool, gesture: string, more: Partial<Gesture>): void => {
      const { from, to, at } = PLACES[tool.name] ?? ANYWHERE;
      if (gesture === "Click") {
        tool.move(g(...at, more));
        tool.down(g(...at, more));
        tool.click(g(...at, more));
        if (BY_CLICKS.has(tool.name)) {
          for (const [x, y] of LINE) tool.click(g(x, y, more));
          tool.key(new KeyboardEvent("keydown", { key: "Enter" }));
        }
      } else if (gesture === "Drag") {
        if (!tool.down(g(...from, more))) return;
        tool.move(g(...to, more));
        tool.up(g(...to, more));
      } else if (more.alt) tool.wheel(1);
    };
    for (const name of Object.keys(tools) as ToolName[]) {
      for (const gesture of GESTURES) {
        for (const [modifier, more] of [["Alt", { alt: true }], ["⇧", { shift: true }]] as const) {
          const results = [{}, more].map((given) => {
            host.asked.length = 0;
            const tool = tools[name];
            host.select(name === "edit" || name === "merge" ? ["left"] : []);
            host.brush = 10;
            tool.enable();
            act(tool, gesture, given);
            const result = done();
            tool.disable();
            return result;
          });
          if (results[0] !== results[1]) found.add(`${modifier} ${gesture}`);
        }
      }
    }
    expect([...found].sort()).toEqual(["Alt Click", "Alt Drag", "Alt Wheel", "⇧ Click", "⇧ Drag"]);
    expect([...found].filter((gesture) => !named.has(gesture))).toEqual([]);
  });

  it("names every key of the page where the model's shapes are checked, and no other", () => {
    const heard = new Set([...handled((event) => validateCommandOf(asPress(event))), ...classKeys()]);
    const named = entries(validateKeys());
    expect([...heard].filter((key) => !named.has(key))).toEqual([]);
    expect([...named].filter((key) => !heard.has(key))).toEqual([]);
  });

  it("puts the gestures of fingers first for whoever uses them", () => {
    const titles = (hand: Device): string[] => helpKeys(hand).map(([title]) => title);
    expect(titles("touch")[0]).toBe("Fingers and pen");
    expect(titles("pen")[0]).toBe("Fingers and pen");
    expect(titles("mouse").at(-1)).toBe("Fingers and pen");
  });
});

/** One arrow stands for four, with its modifier. */
function isArrowOfMany(key: string, named: ReadonlySet<string>): boolean {
  return /[←↑→↓]$/.test(key) && named.has(key.replace(/[←↑→↓]$/, "←"));
}
