import type { MapView } from "./map-view";

/** Keeps several maps of one layer on the same place, whichever of them is moved. */
export class LockedViews {
  private isFollowing = false;

  constructor(private readonly views: readonly MapView[]) {
    for (const view of views) view.map.on("move zoom", () => { this.follow(view); });
  }

  private follow(leader: MapView): void {
    if (this.isFollowing) return;
    this.isFollowing = true;
    try {
      for (const view of this.views) {
        const isShown = view.map.getContainer().offsetParent !== null;
        if (view !== leader && isShown) view.map.setView(leader.map.getCenter(), leader.map.getZoom(), { animate: false });
      }
    } finally {
      this.isFollowing = false;
    }
  }

  /** Brings those that were hidden to where the first one looks. */
  align(): void {
    const [first] = this.views;
    if (first) this.follow(first);
  }
}
