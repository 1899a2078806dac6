import L from "leaflet";
import { type AskedPart, notAsked } from "../domain/asked";
import type { TileFrame } from "./frame";
import { PlacedLayer } from "./placed-layer";
import "./asked.css";

const SVG = "http://www.w3.org/2000/svg";

/** The tile's ground that is not asked for, a little darker. It lies under the labels. */
class AskedShade extends PlacedLayer {
  private frame: TileFrame | null = null;
  private parts: readonly AskedPart[] = [];
  private readonly picture = document.createElementNS(SVG, "svg");
  private readonly path = document.createElementNS(SVG, "path");

  constructor() {
    super("surroundings", document.createElement("div"), "asked-shade");
    this.picture.setAttribute("preserveAspectRatio", "none");
    this.picture.append(this.path);
    this.element.append(this.picture);
  }

  show(frame: TileFrame | null, parts: readonly AskedPart[]): void {
    this.frame = frame;
    this.parts = parts;
    const side = frame?.side ?? 0;
    this.picture.setAttribute("viewBox", `0 0 ${side} ${side}`);
    // One path: no seam is seen where two boxes meet.
    this.path.setAttribute("d", notAsked(parts, side).map(({ minX, minY, maxX, maxY }) => `M${minX} ${minY}H${maxX}V${maxY}H${minX}z`).join(""));
    this.place();
  }

  protected override anchor(): L.LatLng | null {
    return this.parts.length > 0 ? (this.frame?.toLatLng([0, 0]) ?? null) : null;
  }

  protected override layOut(scale: number): void {
    this.element.style.width = this.element.style.height = `${(this.frame?.side ?? 0) * scale}px`;
  }
}

/** A border for each part, with its number; done parts have a thin broken one and a check mark. */
class AskedBorders extends PlacedLayer {
  private frame: TileFrame | null = null;
  private parts: readonly AskedPart[] = [];

  constructor() {
    super("asked", document.createElement("div"), "asked-borders");
  }

  show(frame: TileFrame | null, parts: readonly AskedPart[]): void {
    this.frame = frame;
    this.parts = parts;
    this.element.replaceChildren(...parts.map(({ number, state }) => {
      const border = document.createElement("div");
      border.className = `asked-part is-${state}`;
      const name = document.createElement("span");
      name.textContent = state === "done" ? `${number} ✓` : String(number);
      border.append(name);
      return border;
    }));
    this.place();
  }

  protected override anchor(): L.LatLng | null {
    return this.parts.length > 0 ? (this.frame?.toLatLng([0, 0]) ?? null) : null;
  }

  protected override layOut(scale: number): void {
    this.parts.forEach(({ box }, i) => {
      const { style } = this.element.children[i] as HTMLElement;
      style.left = `${box.minX * scale}px`;
      style.top = `${box.minY * scale}px`;
      style.width = `${(box.maxX - box.minX) * scale}px`;
      style.height = `${(box.maxY - box.minY) * scale}px`;
    });
  }
}

/** The parts of the tile that are asked for: bordered, numbered, and the rest of the tile darkened a little. Nothing of it
 * takes a pointer; what it says stands in the panel and is said aloud. */
export class AskedLayer extends L.LayerGroup {
  private readonly shade = new AskedShade();
  private readonly borders = new AskedBorders();
  private frame: TileFrame | null = null;
  private parts: readonly AskedPart[] = [];
  private isOn = true;

  constructor() {
    super();
    this.addLayer(this.shade).addLayer(this.borders);
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    return this.setParts([]);
  }

  setParts(parts: readonly AskedPart[]): this {
    this.parts = parts;
    return this.show();
  }

  setOn(isOn: boolean): this {
    this.isOn = isOn;
    return this.show();
  }

  private show(): this {
    const parts = this.isOn ? this.parts : [];
    this.shade.show(this.frame, parts);
    this.borders.show(this.frame, parts);
    return this;
  }
}
