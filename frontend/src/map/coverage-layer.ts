import type { Feature } from "../domain/draft";
import { SheetLayer } from "./sheet-layer";
import type { Painter } from "./sheet/painter";

/** The labelled shapes of a tile. */
export class CoverageLayer extends SheetLayer {
  constructor(painter: Painter) {
    super("coverage", painter);
  }

  setColours(colours: ReadonlyMap<string, string>): this {
    return this.setStyle({ colours: [...colours] });
  }

  setFeatures(features: readonly Feature[]): this {
    return this.setShapes(features);
  }

  setOpacity(opacity: number): this {
    return this.setStyle({ opacity });
  }

  setPatterns(patterns: boolean): this {
    return this.setStyle({ patterns });
  }
}
