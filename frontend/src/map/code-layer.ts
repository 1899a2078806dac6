import type { Feature } from "../domain/draft";
import { SheetLayer } from "./sheet-layer";
import type { Painter } from "./sheet/painter";

/** The codes of the labels once more, above what else would be drawn across them; only while that is there. */
export class CodeLayer extends SheetLayer {
  private features: readonly Feature[] = [];
  private isOn = false;

  constructor(painter: Painter) {
    super("codes", painter);
  }

  setFeatures(features: readonly Feature[]): this {
    this.features = features;
    return this.setShapes(this.isOn ? features : []);
  }

  setOn(isOn: boolean): this {
    this.isOn = isOn;
    return this.setShapes(isOn ? this.features : []);
  }
}
