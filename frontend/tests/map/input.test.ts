import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Gesture, PointerInput } from "../../src/map/input";
import type { Tool } from "../../src/map/tools/tool";
import { type Press, send, surface } from "./surface";
import type { Point } from "../../src/domain/geometry";

/** What a tool was told, in order. */
class Heard {
  readonly told: string[] = [];
  readonly places: Point[] = [];
  takes = true;
  isFreehand = false;
  hasMenu = true;

  get tool(): Tool {
    return new Proxy(this, {
      get: (self, name: string) => {
        if (name === "isFreehand") return self.isFreehand;
        return (g?: { at: Point }) => {
          self.told.push(name);
          if (g?.at) self.places.push(g.at);
          return name === "down" ? self.takes : name === "menu" ? self.hasMenu : name === "wheel";
        };
      },
    }) as unknown as Tool;
  }
}

let heard: Heard;
let at: ReturnType<typeof surface>;
let input: PointerInput;

beforeEach(() => {
  vi.useFakeTimers();
  heard = new Heard();
  at = surface();
  const { tool } = heard;
  input = new PointerInput(at, () => tool);
});

afterEach(() => {
  input.stop();
  at.map.remove();
  at.container.remove();
  vi.useRealTimers();
});

const down = (place: Point, press?: Press): PointerEvent => send(at.container, "pointerdown", place, press);
const move = (place: Point, press?: Press): PointerEvent => send(at.container, "pointermove", place, press);
const up = (place: Point, press?: Press): PointerEvent => send(at.container, "pointerup", place, press);
const finger = (id: number): Press => ({ id, type: "touch" });

/** The modifiers of the press that a tool hears. */
function modifiers(type: "mouse" | "pen" | "touch"): [alt: boolean, shift: boolean] {
  let found: [boolean, boolean] = [false, false];
  const other = new PointerInput(at, () => ({ down: (g: Gesture) => { found = [g.alt, g.shift]; return true; }, click: () => undefined, leave: () => undefined, move: () => undefined }) as unknown as Tool);
  for (const key of input.held) other.held.add(key);
  down([50, 50], { type });
  up([50, 50], { type });
  other.stop();
  return found;
}

describe("modifiers held by buttons on the screen", () => {
  it("count for fingers and pens, and not for a mouse", () => {
    input.held.add("Alt");
    expect([modifiers("touch"), modifiers("pen"), modifiers("mouse")]).toEqual([[true, false], [true, false], [false, false]]);
    input.held.delete("Alt");
    input.held.add("Shift");
    expect([modifiers("touch"), modifiers("mouse")]).toEqual([[false, true], [false, false]]);
  });
});

describe("a press that stays in place", () => {
  it("is a click within 5 pixels for a mouse, at the place in units where it ended", () => {
    down([40, 30]);
    move([43, 34]);
    up([43, 34]);
    expect(heard.told).toEqual(["down", "click"]);
    expect(heard.places[1]).toEqual([43 * 8, 34 * 8]);
  });

  it("is a drag beyond that, and the tool hears of it from there on", () => {
    down([40, 30]);
    move([42, 30]);
    move([46, 30]);
    up([60, 30]);
    expect(heard.told).toEqual(["down", "move", "up"]);
  });

  it("may wander 10 pixels under a fingertip", () => {
    down([40, 30], finger(7));
    move([48, 35], finger(7));
    up([48, 35], finger(7));
    expect(heard.told).toEqual(["down", "click", "leave"]);
  });

  it("is a click on the tool when the map has the drag, and none once the map was dragged", () => {
    heard.takes = false;
    down([40, 30]);
    up([40, 30]);
    expect(heard.told).toEqual(["down", "click"]);
    vi.advanceTimersByTime(1000);
    down([40, 30]);
    move([80, 30]);
    up([80, 30]);
    expect(heard.told).toEqual(["down", "click", "down"]);
  });

  it("is a double click when it follows another soon and near, and only then", () => {
    const tap = (place: Point): void => {
      down(place);
      up(place);
    };
    tap([40, 30]);
    vi.advanceTimersByTime(200);
    tap([42, 31]);
    vi.advanceTimersByTime(200);
    tap([42, 31]);
    vi.advanceTimersByTime(200);
    tap([90, 31]);
    expect(heard.told.filter((name) => name !== "down")).toEqual(["click", "doubleClick", "click", "click"]);
  });
});

describe("a drag", () => {
  it("leaves the map its dragging unless the tool took it, and gives it back at the end", () => {
    heard.takes = false;
    const free = down([40, 30]);
    expect(at.map.dragging.enabled()).toBe(true);
    expect(free.defaultPrevented).toBe(false);
    up([40, 30]);
    heard.takes = true;
    const taken = down([40, 30]);
    expect(at.map.dragging.enabled()).toBe(false);
    expect(taken.defaultPrevented).toBe(true);
    up([90, 30]);
    expect(at.map.dragging.enabled()).toBe(true);
  });

  it("gives a freehand tool every point, those between two frames too", () => {
    heard.isFreehand = true;
    down([40, 30]);
    const between = [1, 2, 3].map((dx) => new PointerEvent("pointermove", { clientX: 40 + dx, clientY: 30, buttons: 1 }));
    const event = new PointerEvent("pointermove", { pointerId: 1, pointerType: "mouse", clientX: 43, clientY: 30, buttons: 1, bubbles: true });
    event.getCoalescedEvents = () => between;
    at.container.dispatchEvent(event);
    expect(heard.places.map(([x]) => x / 8)).toEqual([40, 41, 42, 43]);
  });

  it("ends when the button was let go out of hearing", () => {
    down([40, 30]);
    move([80, 30]);
    move([90, 30], { buttons: 0 });
    expect(heard.told).toEqual(["down", "move", "up"]);
    expect(at.map.dragging.enabled()).toBe(true);
  });

  it("is called off when the window loses the focus", () => {
    down([40, 30]);
    move([80, 30]);
    window.dispatchEvent(new Event("blur"));
    up([80, 30]);
    expect(heard.told).toEqual(["down", "move", "cancel"]);
  });
});

describe("fingers and pens", () => {
  it("call the gesture off at a second finger and give the map its dragging back, until both are up", () => {
    down([40, 30], finger(1));
    move([80, 30], finger(1));
    down([120, 30], finger(2));
    expect(heard.told).toEqual(["down", "move", "cancel", "leave"]);
    expect(at.map.dragging.enabled()).toBe(true);
    move([130, 40], finger(2));
    up([130, 40], finger(2));
    down([50, 50], finger(3));
    up([50, 50], finger(3));
    up([80, 30], finger(1));
    expect(heard.told.filter((name) => name !== "leave")).toEqual(["down", "move", "cancel"]);
    down([50, 50], finger(4));
    expect(heard.told.at(-1)).toBe("down");
  });

  it("open the menu when a finger is held still for half a second, and do nothing more on lifting it", () => {
    down([40, 30], finger(1));
    vi.advanceTimersByTime(499);
    expect(heard.told).toEqual(["down"]);
    vi.advanceTimersByTime(1);
    expect(heard.told).toEqual(["down", "menu", "cancel"]);
    up([40, 30], finger(1));
    expect(heard.told).toEqual(["down", "menu", "cancel", "leave"]);
  });

  it("open the menu when a pen is held still, as a pen may have no second button", () => {
    down([50, 50], { type: "pen" });
    vi.advanceTimersByTime(600);
    up([50, 50], { type: "pen" });
    expect(heard.told.filter((name) => name === "menu" || name === "click")).toEqual(["menu"]);
  });

  it("go on drawing after a long hold when the tool has no use for it", () => {
    heard.hasMenu = false;
    down([40, 30], finger(1));
    vi.advanceTimersByTime(800);
    move([80, 30], finger(1));
    up([80, 30], finger(1));
    expect(heard.told).toEqual(["down", "menu", "move", "up", "leave"]);
  });

  it("ignore the palm beside a pen, also when the palm came first", () => {
    down([200, 200], finger(9));
    down([40, 30], { id: 2, type: "pen" });
    expect(heard.told).toEqual(["down", "cancel", "down"]);
    down([210, 200], finger(10));
    move([215, 210], finger(10));
    move([80, 30], { id: 2, type: "pen" });
    up([80, 30], { id: 2, type: "pen" });
    expect(heard.told).toEqual(["down", "cancel", "down", "move", "up"]);
  });

  it("rub out with the other end of a pen, as Alt does", () => {
    const alts: boolean[] = [];
    const tool = { isFreehand: true, down: (g: { alt: boolean }) => (alts.push(g.alt), true), cancel: () => undefined } as unknown as Tool;
    const pen = new PointerInput(at, () => tool);
    down([40, 30], { id: 2, type: "pen", button: 5, buttons: 32 });
    expect(alts).toEqual([true]);
    pen.stop();
  });
});

describe("the other buttons", () => {
  it("make a right click the tool's menu and a right drag a move of the map", () => {
    down([40, 30], { button: 2, buttons: 2 });
    up([41, 30], { button: 2 });
    expect(heard.told).toEqual(["menu"]);
    const before = at.map.getCenter();
    down([40, 30], { button: 2, buttons: 2 });
    move([60, 40], { buttons: 2 });
    up([60, 40], { button: 2 });
    const after = at.map.getCenter();
    expect([after.lng - before.lng, after.lat - before.lat]).toEqual([-20, -10]);
    expect(heard.told).toEqual(["menu"]);
  });

  it("leave the middle button to the map", () => {
    down([40, 30], { button: 1, buttons: 4 });
    expect(heard.told).toEqual([]);
    expect(at.map.dragging.enabled()).toBe(true);
  });

  it("keep the browser's own menu away", () => {
    const event = new MouseEvent("contextmenu", { bubbles: true, cancelable: true });
    at.container.dispatchEvent(event);
    expect(event.defaultPrevented).toBe(true);
  });
});

describe("a pointer that is up", () => {
  it("hovers, tells the tool again when the map moves under it, and leaves", () => {
    move([40, 30], { buttons: 0 });
    at.map.panBy([10, 0], { animate: false });
    expect(heard.places.map(([x]) => x / 8)).toEqual([40, 50]);
    document.body.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, pointerType: "mouse" }));
    expect(heard.told.at(-1)).toBe("leave");
  });

  it("turns the wheel for the tool with Alt held, and for the map without", () => {
    const turn = (altKey: boolean): Event => {
      const event = new WheelEvent("wheel", { deltaY: -100, bubbles: true, cancelable: true });
      Object.defineProperty(event, "altKey", { value: altKey });
      at.container.dispatchEvent(event);
      return event;
    };
    turn(true);
    expect(heard.told).toEqual(["wheel"]);
    turn(false);
    expect(heard.told).toEqual(["wheel"]);
  });
});
