import { beforeEach, describe, expect, it } from "vitest";
import { draftOf } from "../../src/domain/draft";
import { type Tools, toolsFor } from "../../src/map/tools";
import type { ToolName } from "../../src/map/tools/tool";
import { box, shape } from "../domain/shapes";
import { g, Host, press } from "./host";

/** Words of hands that have keys and a mouse. */
const KEYS = /\b(Alt|Shift|Enter|Backspace|Esc|wheel|key|press|click\w*|button held)\b|[[\]]/i;

let host: Host;
let tools: Tools;

beforeEach(() => {
  host = new Host(draftOf(1024, [shape("left", "A", box(200, 200, 400, 400)), shape("right", "B", box(400, 200, 800, 400))]));
  host.pieces = { side_px: 128, count: 1, ids: new Uint16Array(128 * 128) };
  host.offered = [{ id: "s", class_code: "B", rings: [box(850, 850, 950, 950)], confidence: 0.9, source: "model" }];
  tools = toolsFor(host);
});

/** What a tool says to a hand, from its start into its work. */
function* said(name: ToolName, device: "mouse" | "pen" | "touch"): Generator<string> {
  const tool = tools[name];
  for (const selected of [[], ["left"], ["left", "right"]]) {
    host.select(selected);
    tool.enable();
    yield tool.hint(device);
    if (["polygon", "cut", "split"].includes(name)) tool.click(g(60, 60, { device }));
    else tool.down(g(60, 60, { device }));
    yield tool.hint(device);
    tool.disable();
  }
}

describe("hints", () => {
  it("speak to fingers and pens of nothing that takes a key or a mouse", () => {
    for (const name of Object.keys(tools) as ToolName[]) {
      for (const device of ["touch", "pen"] as const) for (const hint of said(name, device)) expect(hint, `${name} ${device}`).not.toMatch(KEYS);
    }
  });

  it("speak to a mouse of nothing that takes a finger", () => {
    for (const name of Object.keys(tools) as ToolName[]) for (const hint of said(name, "mouse")) expect(hint, name).not.toMatch(/\b(tap|holding still|two fingers)\b/i);
  });

  it("offer fingers a button wherever a mouse is told of a key", () => {
    const needed: Partial<Record<ToolName, readonly string[]>> = {
      edit: ["Shift"], merge: ["Enter", "Shift"], polygon: ["Alt", "Backspace", "Enter"], rectangle: ["Alt", "Escape"], brush: ["Alt", "[", "]"],
      eraser: ["[", "]"], split: ["Enter"], segments: ["Alt", "[", "]"], draft: ["Alt"],
    };
    const named: readonly (readonly [RegExp, string])[] = [
      [/Alt(?!\+)/, "Alt"], [/Shift/, "Shift"], [/Enter/, "Enter"], [/Backspace/, "Backspace"], [/Esc/, "Escape"], [/\[/, "["], [/\]/, "]"], [/class key/, "Alt"],
    ];
    for (const name of Object.keys(tools) as ToolName[]) {
      const told = [...said(name, "mouse")].join(" ");
      const keys = named.filter(([words]) => words.test(told)).map(([, key]) => key);
      expect([...new Set(keys)].sort(), name).toEqual([...(needed[name] ?? [])].sort());
      expect(tools[name].screenKeys().map(({ key }) => key), name).toEqual(expect.arrayContaining(keys));
    }
  });
});

describe("keys on the screen", () => {
  it("are off while they would do nothing", () => {
    const { polygon, merge } = tools;
    polygon.enable();
    const off = (): string[] => polygon.screenKeys().filter(({ isOff }) => isOff === true).map(({ key }) => key);
    expect(off()).toEqual(["Enter", "Backspace", "Escape"]);
    polygon.click(g(60, 60));
    expect(off()).toEqual(["Enter"]);
    for (const at of [120, 180]) polygon.click(g(at, 60 + at));
    expect(off()).toEqual([]);
    polygon.key(press("Escape"));
    expect(off()).toHaveLength(3);
    host.select(["left"]);
    expect(merge.screenKeys().find(({ key }) => key === "Enter")?.isOff).toBe(true);
    host.select(["left", "right"]);
    expect(merge.screenKeys().find(({ key }) => key === "Enter")?.isOff).toBe(false);
  });

  it("let the draft's suggestions take the class in hand, alone or by a box", () => {
    const { draft } = tools;
    draft.enable();
    host.code = "A";
    const taken = (): unknown => (host.last as { features: { class_code: string }[] }).features.map((f) => f.class_code);
    draft.click(g(900, 900, { alt: true, device: "touch" }));
    expect(taken()).toEqual(["A"]);
    host.offered = [{ ...(host.offered[0] as (typeof host.offered)[number]), id: "t", rings: [box(500, 500, 600, 600)] }];
    draft.down(g(480, 480, { alt: true, device: "touch" }));
    draft.move(g(640, 640, { alt: true, device: "touch" }));
    draft.up(g(640, 640, { alt: true, device: "touch" }));
    expect(taken()).toEqual(["A"]);
    host.offered = [{ ...(host.offered[0] as (typeof host.offered)[number]), id: "u", rings: [box(20, 20, 100, 100)] }];
    draft.click(g(60, 60, { device: "touch" }));
    expect(taken()).toEqual(["B"]);
  });
});
