/** From a key press to what the studio does. */

export type Command =
  | "undo" | "redo" | "submit" | "tool-edit" | "tool-polygon" | "tool-rectangle" | "tool-lasso" | "tool-delete" | "fit"
  | "labels" | "zoom-in" | "zoom-out" | "pan-left" | "pan-right" | "pan-up" | "pan-down" | "help" | "search" | "next-shape" | "previous-shape";

interface Press {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
}

const plainKeys: Readonly<Record<string, Command>> = {
  e: "tool-edit",
  v: "tool-edit",
  p: "tool-polygon",
  r: "tool-rectangle",
  l: "tool-lasso",
  delete: "tool-delete",
  backspace: "tool-delete",
  f: "fit",
  h: "labels",
  " ": "labels",
  "?": "help",
  "/": "search",
  "+": "zoom-in",
  "=": "zoom-in",
  "-": "zoom-out",
  arrowleft: "pan-left",
  arrowright: "pan-right",
  arrowup: "pan-up",
  arrowdown: "pan-down",
};

export function commandOf(press: Press): Command | null {
  const key = press.key.toLowerCase();
  if (press.ctrlKey || press.metaKey) {
    if (key === "z") return press.shiftKey ? "redo" : "undo";
    if (key === "y") return "redo";
    return key === "enter" ? "submit" : null;
  }
  if (press.altKey) return null;
  if (key === "n") return press.shiftKey ? "previous-shape" : "next-shape";
  return plainKeys[key] ?? null;
}

/** Whether a key press belongs to what has the focus: a field, or a button's own Space and Enter. */
export function isForControl(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("dialog, textarea, select, [contenteditable]")) return true;
  if (target instanceof HTMLInputElement) return target.type !== "checkbox" || key === " ";
  return (key === " " || key === "Enter") && target.closest("button, a, summary") !== null;
}
