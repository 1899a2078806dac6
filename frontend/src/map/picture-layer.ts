import type L from "leaflet";
import type { TileFrame } from "./frame";
import { PlacedLayer } from "./placed-layer";

/** A raster over the whole tile: its picture is made once and the browser stretches it. */
export class PictureLayer extends PlacedLayer {
  private frame: TileFrame | null = null;
  private isEmpty = true;
  private readonly canvas: HTMLCanvasElement;

  constructor(paneName: string, className: string) {
    const canvas = document.createElement("canvas");
    super(paneName, canvas, className);
    this.canvas = canvas;
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    return this.setPicture(null);
  }

  setPicture(picture: ImageData | null): this {
    this.isEmpty = picture === null;
    this.canvas.width = picture?.width ?? 1;
    this.canvas.height = picture?.height ?? 1;
    if (picture) this.canvas.getContext("2d")?.putImageData(picture, 0, 0);
    this.place();
    return this;
  }

  protected override anchor(): L.LatLng | null {
    return this.isEmpty ? null : (this.frame?.toLatLng([0, 0]) ?? null);
  }

  protected override layOut(scale: number): void {
    this.canvas.style.width = this.canvas.style.height = `${(this.frame?.side ?? 0) * scale}px`;
  }
}
