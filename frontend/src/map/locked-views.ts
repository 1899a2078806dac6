import { LatLng } from "leaflet";
import type { MapView } from "./map-view";

/** What a person moves a map with. */
const HANDS = ["pointerdown", "wheel", "keydown"] as const;

/**
 * Keeps several maps on the same place, whichever of them is moved. Maps of different layers meet where their tiles do:
 * these have to be the same ground.
 */
export class LockedViews {
  private leader: MapView | undefined;

  constructor(private readonly views: readonly MapView[]) {
    for (const view of views) {
      // What a map that follows does by itself is not followed in turn: they would never rest.
      view.map.on("move zoom", () => { if (view === this.leader) this.follow(); });
      for (const hand of HANDS) view.map.getContainer().addEventListener(hand, () => { this.lead(view); }, { capture: true, passive: true });
    }
    if (views[0]) this.lead(views[0]);
  }

  private lead(leader: MapView): void {
    this.leader = leader;
    for (const view of this.views) view.setLimited(view === leader);
  }

  private follow(): void {
    const { leader } = this;
    if (!leader) return;
    for (const view of this.views) {
      const { map } = view;
      if (map === leader.map || map.getContainer().offsetParent === null) continue;
      const { centre, zoom } = sameFor(view, leader);
      // Leaflet cuts the way to a centre to whole pixels towards zero: followed so, each step may lose one.
      if (map.getZoom() === zoom) map.panBy(map.project(centre).subtract(map.project(map.getCenter())).round(), { animate: false });
      else map.setView(centre, zoom, { animate: false });
    }
  }

  /** Brings the others, also those that were hidden, to where this one looks, and lets it lead. */
  align(leader: MapView): void {
    this.lead(leader);
    this.follow();
  }
}

/** Where a map looks that looks at the same ground as this one, as large. */
function sameFor(view: MapView, leader: MapView): { readonly centre: LatLng; readonly zoom: number } {
  const [centre, zoom, here, there] = [leader.map.getCenter(), leader.map.getZoom(), leader.frame, view.frame];
  if (!here || !there) return { centre, zoom };
  const finer = there.tilePx / here.tilePx;
  return {
    centre: new LatLng(there.originY + (centre.lat - here.originY) * finer, there.originX + (centre.lng - here.originX) * finer),
    zoom: zoom - leader.nativeZoom + view.nativeZoom - Math.log2(finer),
  };
}
