import { render } from "lit";
import { api, ApiError } from "../api/client";
import type { Boot, Campaign, ReviewReason, ReviewTask } from "../api/types";
import { type Draft, draftOf } from "../domain/draft";
import { SUBPIXELS } from "../domain/geometry";
import { featureAt } from "../domain/hittest";
import { gettext, interpolate } from "../i18n";
import { MapView } from "../map/map-view";
import { sendBackDialog } from "../ui/dialogs";
import type { ViewSettings } from "../ui/view-panel";
import { coloursOf } from "./boot";
import { type ReviewActions, type ReviewState, reviewTemplate } from "./review-template";
import { isForControl } from "./shortcuts";
import { isNarrow } from "./studio-state";

/** The review desk: one submission at a time, with an answer for its author. */
export class ReviewApp implements ReviewActions {
  private readonly view: MapView;
  private task: ReviewTask | null = null;
  private shown: Draft | null = null;
  private operation: { key: string; id: string } | null = null;
  private readonly state: ReviewState = {
    phase: "loading", failure: "", notice: "", view: "rgb", opacity: 0.45, labels: true, draft: false, hoveredClass: null, panel: !isNarrow(),
  };

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot,
    private readonly campaign: Campaign,
  ) {
    this.update({});
    this.view = new MapView(root.querySelector(".map") as HTMLElement, campaign.layer, coloursOf(campaign));
    this.view.coverage.setOpacity(this.state.opacity);
    window.addEventListener("keydown", (event) => { this.onKey(event); });
    this.view.map.on("mousemove", (event) => {
      const at = this.shown && this.view.frame ? featureAt(this.shown, this.view.frame.toUnits(event.latlng)) : null;
      const code = at?.class_code ?? null;
      if (code !== this.state.hoveredClass) this.update({ hoveredClass: code });
    });
  }

  private update(change: Partial<ReviewState>): void {
    Object.assign(this.state, change);
    const { campaign, state, task, boot } = this;
    render(reviewTemplate({ campaign, state, task, language: boot.language, actions: this }), this.root);
  }

  async next(): Promise<void> {
    this.root.dataset["ready"] = "false";
    this.task = null;
    this.update({ phase: "loading", draft: false });
    try {
      const task = await api.nextReview(this.campaign.slug);
      if (!task) {
        this.view.showFeatures([]);
        this.update({ phase: "empty" });
        return;
      }
      this.task = task;
      const { tile } = task;
      this.view.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
      const imagery = this.view.showImagery(this.state.view);
      this.showShapes();
      this.update({ phase: "working" });
      await imagery;
      this.root.dataset["tile"] = String(tile.id);
      this.root.dataset["features"] = String(task.annotation.features.length);
      this.root.dataset["ready"] = "true";
    } catch (error) {
      this.update({ phase: "failed", failure: (error as Error).message });
    }
  }

  private showShapes(): void {
    const { task } = this;
    if (!task) return;
    const features = this.state.draft && task.draft ? task.draft.features : task.annotation.features;
    this.shown = draftOf(task.tile.tile_px * SUBPIXELS, features);
    this.view.showFeatures(features);
  }

  private async answer(verdict: "accept" | "send_back", reason: ReviewReason, comment: string): Promise<void> {
    const { task } = this;
    if (!task || this.state.phase !== "working") return;
    this.update({ phase: "sending", notice: "" });
    // The same answer sent again is the same operation.
    const key = JSON.stringify([task.annotation_id, task.annotation.version, verdict, reason, comment]);
    if (this.operation?.key !== key) this.operation = { key, id: crypto.randomUUID() };
    try {
      await api.review(task.annotation_id, task.annotation.version, { operation_id: this.operation.id, verdict, reason, comment });
    } catch (error) {
      const isStale = error instanceof ApiError && error.status === 412;
      this.update({
        phase: "working",
        notice: isStale
          ? gettext("The author changed this tile meanwhile. Here is what there is now.")
          : interpolate(gettext("Not recorded: %(reason)s"), { reason: (error as Error).message }),
      });
      if (isStale) await this.next();
      return;
    }
    this.update({ notice: verdict === "accept" ? gettext("Accepted.") : gettext("Sent back to its author.") });
    await this.next();
  }

  accept(): void {
    void this.answer("accept", "", "");
  }

  sendBack(): void {
    void this.askReason();
  }

  private async askReason(): Promise<void> {
    if (this.state.phase !== "working") return;
    const choice = await sendBackDialog();
    if (choice) await this.answer("send_back", choice.reason, choice.comment);
  }

  fit(): void {
    this.view.fitTile();
  }

  toggleDraft(): void {
    if (!this.task?.draft) return;
    this.update({ draft: !this.state.draft });
    this.showShapes();
  }

  togglePanel(): void {
    this.update({ panel: !this.state.panel });
  }

  setLook({ view, opacity, labels }: Partial<ViewSettings>): void {
    if (view !== undefined) {
      this.update({ view });
      void this.view.showImagery(view);
    }
    if (opacity !== undefined) {
      this.update({ opacity });
      this.view.coverage.setOpacity(opacity);
    }
    if (labels !== undefined) {
      this.update({ labels });
      this.view.setLabels(labels);
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (isForControl(event.target, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys: Readonly<Record<string, () => void>> = {
      a: () => { this.accept(); },
      s: () => { this.sendBack(); },
      d: () => { this.toggleDraft(); },
      f: () => { this.fit(); },
      h: () => { this.setLook({ labels: !this.state.labels }); },
      " ": () => { this.setLook({ labels: !this.state.labels }); },
    };
    const action = keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
