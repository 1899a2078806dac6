import { gettext, interpolate } from "../i18n";
import { viewsOf } from "../map/imagery";
import { viewWords } from "../ui/view-panel";
import { prefer } from "./preferences";
import type { StudioApp } from "./studio-app";
import type { Look } from "./studio-model";

const REMEMBERED = ["surroundings", "opacity", "patterns", "gaps"] as const;

/** How the image and the labels look, from the settings to the map. */
export class StudioLook {
  constructor(private readonly app: StudioApp) {}

  applyAll(): void {
    const { opacity, labels, brightness, contrast, surroundings, patterns, gaps, doubt, asked } = this.app.state;
    this.apply({ opacity, labels, brightness, contrast, surroundings, patterns, gaps, doubt, asked });
  }

  private apply(change: Partial<Look>): void {
    const { view } = this.app;
    if (change.opacity !== undefined) view.coverage.setOpacity(change.opacity);
    if (change.labels !== undefined) view.setLabels(change.labels);
    if (change.brightness !== undefined) view.setBrightness(change.brightness);
    if (change.contrast !== undefined) view.setContrast(change.contrast);
    if (change.surroundings !== undefined) view.setSurroundings(change.surroundings);
    if (change.patterns !== undefined) view.setPatterns(change.patterns);
    if (change.gaps !== undefined) view.showGaps(change.gaps);
    if (change.doubt !== undefined) this.applyDoubt();
    if (change.asked !== undefined) view.setAsked(change.asked);
  }

  set(change: Partial<Look>): void {
    for (const name of REMEMBERED) {
      const value = change[name];
      if (value !== undefined) prefer(name, value);
    }
    this.app.update(change);
    if (change.view !== undefined) {
      this.app.flow.session?.noteView(change.view);
      void this.app.view.showImagery(change.view);
      this.app.announce(interpolate(gettext("Image: %(view)s."), { view: viewWords(change.view) }));
    }
    if (change.doubt === true) void this.app.segmentDesk.loadDoubt();
    this.apply(change);
  }

  /** The doubt overlay, once it is here. */
  applyDoubt(): void {
    this.app.view.showDoubt(this.app.state.doubt ? this.app.segmentDesk.doubt : null);
  }

  nextView(): void {
    const views = viewsOf(this.app.campaign.layer.bands);
    const next = views[(views.indexOf(this.app.state.view) + 1) % views.length];
    if (next !== undefined && next !== this.app.state.view) this.set({ view: next });
  }
}
