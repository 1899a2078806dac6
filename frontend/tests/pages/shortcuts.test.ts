import { describe, expect, it } from "vitest";
import { ActiveClock } from "../../src/pages/active-clock";
import { commandOf, isForControl } from "../../src/pages/shortcuts";

const press = (key: string, more = {}): Parameters<typeof commandOf>[0] => ({
  key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more,
});

describe("keys", () => {
  it("undo, redo and submit with Ctrl or Command", () => {
    expect(commandOf(press("z", { ctrlKey: true }))).toBe("undo");
    expect(commandOf(press("Z", { metaKey: true, shiftKey: true }))).toBe("redo");
    expect(commandOf(press("Enter", { ctrlKey: true }))).toBe("submit");
    expect(commandOf(press("Enter"))).toBeNull();
  });

  it("leave the browser's own combinations alone", () => {
    expect(commandOf(press("p", { ctrlKey: true }))).toBeNull();
    expect(commandOf(press("f", { altKey: true }))).toBeNull();
  });

  it("reach every tool and every way through a tile", () => {
    expect([..."eprlbxckmgsd"].map((key) => commandOf(press(key)))).toEqual([
      "tool-edit", "tool-polygon", "tool-rectangle", "tool-lasso", "tool-brush", "tool-eraser", "tool-cut", "tool-split", "tool-merge",
      "tool-fill", "tool-segments", "tool-draft",
    ]);
    expect([..."ujotfh[]"].map((key) => commandOf(press(key)))).toEqual([
      "next-gap", "next-doubt", "doubt", "next-view", "fit", "labels", "finer", "coarser",
    ]);
    expect(commandOf(press("a"))).toBe("take");
    expect(commandOf(press("A", { shiftKey: true }))).toBe("take-all");
    expect(commandOf(press("N", { shiftKey: true }))).toBe("previous-shape");
    expect(commandOf(press("PageUp"))).toBe("coarser");
  });

  it("leave a slider the keys that move it, and take letters there", () => {
    const slider = document.createElement("input");
    slider.type = "range";
    expect(isForControl(slider, "ArrowLeft")).toBe(true);
    expect(isForControl(slider, "h")).toBe(false);
    const box = document.createElement("input");
    box.type = "checkbox";
    expect(isForControl(box, " ")).toBe(true);
    expect(isForControl(box, "p")).toBe(false);
  });

  it("belong to the field or the button that has the focus", () => {
    const field = document.createElement("input");
    field.type = "search";
    const button = document.createElement("button");
    expect(isForControl(field, "p")).toBe(true);
    expect(isForControl(button, " ")).toBe(true);
    expect(isForControl(button, "p")).toBe(false);
  });

  it("leave Ctrl+Enter to the page when a button has the focus", () => {
    const button = document.createElement("button");
    expect(isForControl(button, "Enter")).toBe(true);
    expect(isForControl(button, "Enter", true)).toBe(false);
  });
});

describe("ActiveClock", () => {
  it("counts work and leaves out the coffee", () => {
    let now = 0;
    const clock = new ActiveClock(() => now);
    now = 20_000;
    clock.touch();
    now = 20_000 + 900_000;
    clock.touch();
    now += 5_000;
    expect(clock.take()).toBe(85);
    expect(clock.take()).toBe(0);
  });
});
