import L from "leaflet";
import type { MapView } from "./map-view";

/** What a person moves a map with. */
const HANDS = ["pointerdown", "wheel", "keydown"] as const;

/** Where one and the same place lies on a view's layer, and how many of its pixels go to one of a common grid. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const SAME: Place = { x: 0, y: 0, scale: 1 };

/** Keeps several maps on the same place, whichever of them is moved: of one layer, or of layers that are `placed`. */
export class LockedViews {
  private leader: MapView | undefined;
  private readonly places = new Map<MapView, Place>();

  constructor(private readonly views: readonly MapView[]) {
    for (const view of views) {
      // What a map that follows does by itself is not followed in turn: they would never rest.
      view.map.on("move zoom", () => { if (view === this.leader) this.follow(); });
      for (const hand of HANDS) view.map.getContainer().addEventListener(hand, () => { this.lead(view); }, { capture: true, passive: true });
    }
    if (views[0]) this.lead(views[0]);
  }

  /** Says where the common place lies on a view's own layer. */
  place(view: MapView, place: Place): void {
    this.places.set(view, place);
    // Layers of other pixels meet at zooms that are no whole steps.
    if (place.scale !== 1) for (const { map } of this.views) map.options.zoomSnap = 0;
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
      const [centre, zoom] = this.across(leader, view);
      // Leaflet cuts the way to a centre to whole pixels towards zero: followed so, each step may lose one.
      if (map.getZoom() === zoom) map.panBy(map.project(centre).subtract(map.project(map.getCenter())).round(), { animate: false });
      else map.setView(centre, zoom, { animate: false });
    }
  }

  /** Where one view looks, on the layer of another. */
  private across(from: MapView, to: MapView): [L.LatLng, number] {
    const [here, there] = [this.places.get(from) ?? SAME, this.places.get(to) ?? SAME];
    const [centre, zoom] = [from.map.getCenter(), from.map.getZoom()];
    const ratio = there.scale / here.scale;
    const at = L.latLng(there.y + (centre.lat - here.y) * ratio, there.x + (centre.lng - here.x) * ratio);
    const [crs, other] = [from.map.options.crs as L.CRS, to.map.options.crs as L.CRS];
    // Rounded: of layers alike the zoom stays the very same.
    return [at, Math.round(other.zoom(crs.scale(zoom) / ratio) * 1e6) / 1e6];
  }

  /** Brings the others, also those that were hidden, to where this one looks, and lets it lead. */
  align(leader: MapView): void {
    this.lead(leader);
    this.follow();
  }
}
