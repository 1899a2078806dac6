/** From a key press to what the studio does. */

import type { ToolName } from "../map/tools/tool";

export type StudioCommand =
  | `tool-${ToolName}` | "tool-delete" | "undo" | "redo" | "submit" | "skip" | "fit" | "labels" | "zoom-in" | "zoom-out" | "help"
  | "search" | "next-shape" | "previous-shape" | "take" | "take-all" | "next-gap" | "next-doubt" | "doubt" | "next-view"
  | "finer" | "coarser" | "draft" | "panel" | "patterns" | "describe" | "quarter" | "next-part" | "asked";

interface Press {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

const plainKeys: Readonly<Record<string, StudioCommand>> = {
  e: "tool-edit",
  v: "tool-edit",
  p: "tool-polygon",
  r: "tool-rectangle",
  l: "tool-lasso",
  b: "tool-brush",
  x: "tool-eraser",
  c: "tool-cut",
  k: "tool-split",
  m: "tool-merge",
  g: "tool-fill",
  s: "tool-segments",
  d: "tool-draft",
  delete: "tool-delete",
  backspace: "tool-delete",
  u: "next-gap",
  j: "next-doubt",
  o: "doubt",
  t: "next-view",
  q: "quarter",
  f: "fit",
  h: "labels",
  i: "describe",
  "[": "finer",
  pagedown: "finer",
  "]": "coarser",
  pageup: "coarser",
  "?": "help",
  "/": "search",
  "+": "zoom-in",
  "=": "zoom-in",
  "-": "zoom-out",
};

export function commandOf(press: Press): StudioCommand | null {
  const key = press.key.toLowerCase();
  if (press.ctrlKey || press.metaKey) {
    if (key === "z") return press.shiftKey ? "redo" : "undo";
    if (key === "y") return "redo";
    return key === "enter" ? "submit" : null;
  }
  if (press.altKey) return null;
  if (key === "n") return press.shiftKey ? "previous-shape" : "next-shape";
  if (key === "w") return press.shiftKey ? "asked" : "next-part";
  if (key === "a") return press.shiftKey ? "take-all" : "take";
  return plainKeys[key] ?? null;
}

/** What all pages do on which people look and answer, by the same keys. */
type LookCommand =
  | "take-back" | "fit" | "next-view" | "ask-again" | "help" | "zoom-in" | "zoom-out" | "pan-left" | "pan-right" | "pan-up" | "pan-down";

const lookKeys: Readonly<Record<string, LookCommand>> = {
  z: "take-back",
  backspace: "take-back",
  f: "fit",
  t: "next-view",
  i: "ask-again",
  "?": "help",
  "+": "zoom-in",
  "=": "zoom-in",
  "-": "zoom-out",
  arrowleft: "pan-left",
  arrowright: "pan-right",
  arrowup: "pan-up",
  arrowdown: "pan-down",
};

function lookCommandOf<C>(press: Press, keys: Readonly<Record<string, C>>): C | LookCommand | null {
  const key = press.key.toLowerCase();
  if (press.ctrlKey || press.metaKey) return key === "z" ? "take-back" : null;
  return press.altKey ? null : (keys[key] ?? null);
}

export type ValidateCommand = LookCommand | "agree" | "disagree" | "unsure" | "skip" | "fill" | "search";

const validateKeys: Readonly<Record<string, ValidateCommand>> = {
  ...lookKeys,
  a: "agree",
  enter: "agree",
  d: "disagree",
  u: "unsure",
  s: "skip",
  h: "fill",
  "/": "search",
};

/** From a key press to what the page does where the model's shapes are checked. */
export function validateCommandOf(press: Press): ValidateCommand | null {
  return lookCommandOf(press, validateKeys);
}

export type SampleCommand = LookCommand | "same" | "unsure" | "cannot-tell" | "skip" | "search";

const sampleKeys: Readonly<Record<string, SampleCommand>> = {
  ...lookKeys,
  n: "same",
  " ": "same",
  d: "unsure",
  u: "cannot-tell",
  s: "skip",
  "/": "search",
};

/** From a key press to what the page does where places of a sample are answered. */
export function sampleCommandOf(press: Press): SampleCommand | null {
  return lookCommandOf(press, sampleKeys);
}

export type ChangeCommand = LookCommand | "copy-all" | "swipe" | "left" | "right" | "outline";

const changeKeys: Readonly<Record<string, ChangeCommand>> = {
  ...lookKeys,
  a: "copy-all",
  s: "swipe",
  "[": "left",
  pageup: "left",
  "]": "right",
  pagedown: "right",
  h: "outline",
};

/** From a key press to what the page does where two dates are compared; its answers go by their digits. */
export function changeCommandOf(press: Press): ChangeCommand | null {
  return lookCommandOf(press, changeKeys);
}

/** Whether a key press belongs to what has the focus: a field, or a button's own Space and Enter (but not Ctrl+Enter). */
export function isForControl(target: EventTarget | null, key: string, isWithControl = false): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog, textarea, select, [contenteditable]")) return true;
  if (target instanceof HTMLInputElement) {
    if (target.type === "checkbox" || target.type === "radio") return key === " " || (target.type === "radio" && key.startsWith("Arrow"));
    // A slider takes the keys that move it and no letter.
    if (target.type === "range") return /^(Arrow|Page|Home|End)/.test(key);
    return true;
  }
  return !isWithControl && (key === " " || key === "Enter") && target.closest("button, a, summary") !== null;
}
