import type { AskedWindow } from "../../src/domain/asked";
import type { Command } from "../../src/domain/command";
import { runCommand } from "../../src/domain/command";
import type { Draft } from "../../src/domain/draft";
import { type Point, SUBPIXELS } from "../../src/domain/geometry";
import type { Segments } from "../../src/domain/raster";
import { openSuggestions, type Suggestion } from "../../src/domain/suggestion";
import type { Gesture } from "../../src/map/input";
import type { MapView } from "../../src/map/map-view";
import { type Sketch, SketchLayer } from "../../src/map/sketch-layer";
import type { ToolHost } from "../../src/map/tools/tool";
import { surface } from "./surface";

/** A page around a real draft: commands are run, kept, and answered when the test says. */
export class Host implements ToolHost {
  readonly at = surface();
  readonly sketch = new SketchLayer();
  readonly asked: Command[] = [];
  readonly said: string[] = [];
  chosen: readonly string[] = [];
  windows: readonly AskedWindow[] = [];
  brush = 10;
  code: string | null = "A";
  pieces: Segments | null = null;
  offered: readonly Suggestion[] = [];
  private answers: (() => void)[] = [];
  isSlow = false;

  constructor(public current: Draft) {}

  get view(): MapView {
    const { map, frame } = this.at;
    const drawn = (): Promise<void> => Promise.resolve();
    return { map, frame, sketch: this.sketch, reach: (px: number) => px * SUBPIXELS, drawn } as unknown as MapView;
  }

  get seen(): Sketch {
    return this.sketch.current;
  }

  /** The last command, without the id made up for it. */
  get last(): Record<string, unknown> | null {
    const command = this.asked.at(-1);
    if (!command) return null;
    const { id, ...rest } = command as Command & { id?: string };
    return id?.startsWith("f-") ? rest : { ...command };
  }

  draft(): Draft { return this.current; }
  askedWindows(): readonly AskedWindow[] { return this.windows; }
  selection(): readonly string[] { return this.chosen; }
  select(ids: readonly string[]): void { this.chosen = ids; }
  classCode(): string | null { return this.code; }
  colour(): string { return "#aa3377"; }
  brushPx(): number { return this.brush; }
  setBrushPx(px: number): void { this.brush = px; }
  segments(): Segments | null { return this.pieces; }
  suggestions(): readonly Suggestion[] { return openSuggestions(this.current, this.offered).map((s) => this.offered.find((o) => o.id === s.id) as Suggestion); }
  announce(text: string): void { this.said.push(text); }
  notify(text: string): void { this.said.push(text); }

  async run(command: Command): Promise<boolean> {
    this.asked.push(command);
    if (this.isSlow) await new Promise<void>((resolve) => { this.answers.push(resolve); });
    try {
      const before = this.current;
      this.current = runCommand(before, command);
      return this.current !== before;
    } catch {
      return false;
    }
  }

  /** Lets what is under way come to its end. */
  async settle(): Promise<void> {
    for (const answer of this.answers.splice(0)) answer();
    for (let i = 0; i < 8; i++) await Promise.resolve();
  }
}

/** A gesture of the mouse at a place in units. */
export function g(x: number, y: number, other: Partial<Gesture> = {}): Gesture {
  return { at: [x, y] as Point, alt: false, shift: false, ctrl: false, device: "mouse", ...other };
}

export function press(key: string, other: Partial<KeyboardEventInit> = {}): KeyboardEvent {
  return new KeyboardEvent("keydown", { key, ...other });
}
