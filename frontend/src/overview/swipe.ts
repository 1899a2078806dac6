// Two layers side by side on one map, with a border one moves: by the pointer, or by the arrow keys.

import type * as Leaflet from "leaflet";
import { SwipeBorder } from "../ui/swipe-border";

export const LEFT_PANE = "compared-left";
export const RIGHT_PANE = "compared-right";

/** Which part of a pane is seen, as a CSS clip: `from` and `to` are shares of the map's width. */
export function clipOf(corner: { x: number; y: number }, size: { x: number; y: number }, from: number, to: number): string {
  const [left, right] = [corner.x + size.x * from, corner.x + size.x * to];
  const [top, bottom] = [corner.y, corner.y + size.y];
  return `polygon(${left}px ${top}px, ${right}px ${top}px, ${right}px ${bottom}px, ${left}px ${bottom}px)`;
}

/** The border and the two panes it divides. */
export class Swipe {
  private readonly border: SwipeBorder;
  private readonly panes: readonly [HTMLElement, HTMLElement];

  constructor(
    private readonly map: Leaflet.Map,
    at: number,
    moved: (at: number) => void,
  ) {
    this.panes = [LEFT_PANE, RIGHT_PANE].map((name) => {
      const pane = map.getPane(name) ?? map.createPane(name);
      pane.style.zIndex = "240";
      pane.style.pointerEvents = "none";
      return pane;
    }) as unknown as [HTMLElement, HTMLElement];
    this.border = new SwipeBorder(map.getContainer(), at, (share) => {
      this.lay();
      moved(share);
    });
    window.L.DomEvent.disableClickPropagation(this.border.range);
    // The map moves by the same arrow keys.
    this.border.range.addEventListener("keydown", (event) => {
      event.stopPropagation();
    });
    map.on("move zoomend viewreset resize", this.lay);
    this.lay();
  }

  get at(): number {
    return this.border.at;
  }

  set at(share: number) {
    this.border.at = share;
    this.lay();
  }

  /** What stands left and right of the border, for those who do not see it. */
  name(left: string, right: string): void {
    this.border.name(left, right);
  }

  remove(): void {
    this.map.off("move zoomend viewreset resize", this.lay);
    this.border.remove();
    for (const pane of this.panes) pane.style.clipPath = "";
  }

  private readonly lay = (): void => {
    const corner = this.map.containerPointToLayerPoint([0, 0]);
    const size = this.map.getSize();
    const at = this.at;
    const [left, right] = this.panes;
    left.style.clipPath = clipOf(corner, size, 0, at);
    right.style.clipPath = clipOf(corner, size, at, 1);
  };
}
