import type { Feature } from "../domain/draft";
import { SheetLayer } from "./sheet-layer";
import type { Painter } from "./sheet/painter";

/** The tile's ground that has no label, in stripes; nothing until it is turned on. */
export class GapLayer extends SheetLayer {
  private features: readonly Feature[] = [];
  private isOn = false;

  constructor(painter: Painter) {
    super("gaps", painter);
    this.setVisible(false);
  }

  setFeatures(features: readonly Feature[]): this {
    this.features = features;
    return this.isOn ? this.setShapes(features) : this;
  }

  setOn(isOn: boolean): this {
    this.isOn = isOn;
    if (isOn) this.setShapes(this.features);
    return this.setVisible(isOn);
  }
}
