import type { Suggestion } from "../domain/suggestion";
import { SheetLayer } from "./sheet-layer";
import type { Painter } from "./sheet/painter";

/** Shapes that the model or another vintage offers, and that nobody took yet. */
export class SuggestionLayer extends SheetLayer {
  private threshold = 0;

  constructor(painter: Painter) {
    super("suggestions", painter);
  }

  /** Those whose confidence is below the threshold are drawn faint. */
  setSuggestions(list: readonly Suggestion[], threshold: number): this {
    this.setShapes(list);
    if (threshold === this.threshold) return this;
    this.threshold = threshold;
    return this.setStyle({ threshold });
  }
}
