import L from "leaflet";
import { beforeEach, expect, it } from "vitest";
import { askedParts, type AskedWindow } from "../../src/domain/asked";
import { draftOf, emptyDraft } from "../../src/domain/draft";
import { AskedLayer } from "../../src/map/asked-layer";
import { pixelCrs, TileFrame } from "../../src/map/frame";
import { box, shape } from "../domain/shapes";

const WINDOWS: readonly AskedWindow[] = [[16, 0, 8, 8], [0, 16, 8, 4]];

let map: L.Map;
let layer: AskedLayer;

beforeEach(() => {
  const element = document.createElement("div");
  document.body.replaceChildren(element);
  map = L.map(element, { crs: pixelCrs(0), center: [0, 0], zoom: 1, zoomAnimation: false });
  for (const name of ["surroundings", "asked"]) map.createPane(name);
  layer = new AskedLayer().addTo(map);
  layer.setFrame(new TileFrame(0, 0, 32));
});

const borders = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(".asked-part")];

it("borders each part where it lies, with its number, and the rest is shaded", () => {
  layer.setParts(askedParts(emptyDraft(256), WINDOWS));
  // Two pixels of the screen to one of the image.
  expect(borders().map(({ style, textContent }) => [style.left, style.top, style.width, style.height, textContent])).toEqual([
    ["32px", "0px", "16px", "16px", "1"], ["0px", "32px", "16px", "8px", "2"],
  ]);
  expect(document.querySelector(".asked-shade path")?.getAttribute("d")).toContain("M0 0H128V64H0z");
});

it("says by more than a colour which parts are done", () => {
  layer.setParts(askedParts(draftOf(256, [shape("a", "A", box(128, 0, 192, 64))]), WINDOWS));
  expect(borders().map(({ className, textContent }) => [className, textContent])).toEqual([["asked-part is-done", "1 ✓"], ["asked-part is-empty", "2"]]);
});

it("is gone while it is turned off and where the whole tile is asked for, and takes no part in what is read aloud", () => {
  layer.setParts(askedParts(emptyDraft(256), WINDOWS));
  expect(document.querySelector(".asked-borders")?.getAttribute("aria-hidden")).toBe("true");
  layer.setOn(false);
  expect(borders()).toEqual([]);
  layer.setOn(true);
  expect(borders()).toHaveLength(2);
  layer.setParts([]);
  expect(borders()).toEqual([]);
  expect(document.querySelector<HTMLElement>(".asked-shade")?.style.display).toBe("none");
});

it("forgets the parts of another tile", () => {
  layer.setParts(askedParts(emptyDraft(256), WINDOWS));
  layer.setFrame(new TileFrame(32, 0, 32));
  expect(borders()).toEqual([]);
});
