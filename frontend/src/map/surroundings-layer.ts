import type L from "leaflet";
import type { TileFrame } from "./frame";
import { PlacedLayer } from "./placed-layer";

/** Ground that is dimmed around the tile, in pixels: beyond any window at the farthest zoom. */
const REACH_PX = 6000;

/** The tile's border, and the imagery around it dimmed. */
export class SurroundingsLayer extends PlacedLayer {
  private frame: TileFrame | null = null;

  constructor() {
    super("surroundings", document.createElement("div"), "tile-frame");
    this.setDimming(0.5);
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    this.place();
    return this;
  }

  /** 0: the neighbouring imagery as it is; 1: hidden. */
  setDimming(share: number): this {
    this.element.style.boxShadow = `0 0 0 ${REACH_PX}px rgba(10, 14, 18, ${Math.max(0, Math.min(1, share))})`;
    return this;
  }

  protected override anchor(): L.LatLng | null {
    return this.frame?.toLatLng([0, 0]) ?? null;
  }

  protected override layOut(scale: number): void {
    this.element.style.width = this.element.style.height = `${(this.frame?.side ?? 0) * scale}px`;
  }
}
