import type { LatLng, LeafletMouseEvent } from "leaflet";
import { render } from "lit";
import { api, ApiError } from "../api/client";
import type { Boot, Campaign, Mark, ModelDraft, ReviewReason, ReviewTask } from "../api/types";
import { type AskedPart, askedParts } from "../domain/asked";
import { type Draft, draftOf } from "../domain/draft";
import { type Point, SUBPIXELS } from "../domain/geometry";
import { featureAt } from "../domain/hittest";
import { gettext, interpolate } from "../i18n";
import { LockedViews } from "../map/locked-views";
import { MapView } from "../map/map-view";
import { leaveToAnotherDialog, markDialog, sendBackDialog } from "../ui/dialogs";
import type { ViewSettings } from "../ui/view-panel";
import { coloursOf } from "./boot";
import { type ReviewActions, type ReviewState, reviewTemplate } from "./review-template";
import { isForControl } from "./shortcuts";
import { isNarrow } from "./studio-state";

const MOST_MARKS = 20;

/** The review desk: one submission at a time beside the image and the model's drawing, with an answer for its author. */
export class ReviewApp implements ReviewActions {
  private readonly view: MapView;
  private readonly imageView: MapView;
  private readonly modelView: MapView;
  private readonly locked: LockedViews;
  private task: ReviewTask | null = null;
  private draft: ModelDraft | null = null;
  private wanted: number | null;
  private submitted: Draft | null = null;
  private shown: Draft | null = null;
  private operation: { key: string; id: string } | null = null;
  private readonly state: ReviewState = {
    phase: "loading", failure: "", notice: "", view: "rgb", opacity: 0.45, labels: true, asked: true, sideBySide: !isNarrow(), draft: false, hasDraft: false,
    isMarking: false, marks: [], hoveredClass: null, panel: !isNarrow(),
  };

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot,
    private readonly campaign: Campaign,
  ) {
    this.wanted = boot.annotation ?? null;
    this.update({});
    const open = (name: string): MapView =>
      new MapView(root.querySelector(`[data-pane="${name}"]`) as HTMLElement, campaign.layer, coloursOf(campaign));
    [this.view, this.imageView, this.modelView] = [open("submission"), open("image"), open("model")];
    this.locked = new LockedViews([this.view, this.imageView, this.modelView]);
    this.eachView((view) => {
      view.coverage.setOpacity(this.state.opacity);
      view.map.keyboard.enable(); // arrows, plus and minus: here no tool wants them
    });
    window.addEventListener("keydown", (event) => { this.onKey(event); });
    this.view.map.on("mousemove", (event) => { this.hover(event); });
    this.view.map.on("click", (event) => { void this.markAt(event.latlng); });
  }

  private eachView(change: (view: MapView) => void): void {
    for (const view of [this.view, this.imageView, this.modelView]) change(view);
  }

  private update(change: Partial<ReviewState>): void {
    Object.assign(this.state, change);
    const { campaign, state, task, boot } = this;
    render(reviewTemplate({ campaign, state, task, parts: this.parts(), language: boot.language, actions: this }), this.root);
  }

  /** Of the submission, whatever is shown in its place. */
  private parts(): readonly AskedPart[] {
    return this.submitted ? askedParts(this.submitted, this.task?.asked ?? []) : [];
  }

  private hover(event: LeafletMouseEvent): void {
    const at = this.shown && this.view.frame ? featureAt(this.shown, this.view.frame.toUnits(event.latlng)) : null;
    const code = at?.class_code ?? null;
    if (code !== this.state.hoveredClass) this.update({ hoveredClass: code });
  }

  async next(): Promise<void> {
    this.root.dataset["ready"] = "false";
    [this.task, this.draft, this.submitted] = [null, null, null];
    this.update({ phase: "loading", draft: false, hasDraft: false, isMarking: false, marks: [] });
    try {
      const { wanted } = this;
      this.wanted = null;
      const task = await api.nextReview(this.campaign.slug, wanted);
      if (!task) {
        this.eachView((view) => {
          view.showFeatures([]);
          view.showAsked([]);
        });
        this.update({ phase: "empty" });
        return;
      }
      await this.show(task);
    } catch (error) {
      this.update({ phase: "failed", failure: (error as Error).message });
    }
  }

  private async show(task: ReviewTask): Promise<void> {
    this.task = task;
    const { tile } = task;
    this.submitted = draftOf(tile.tile_px * SUBPIXELS, task.annotation.features);
    if (task.draft_available) this.draft = await api.modelDraft(tile.id).catch(() => null);
    if (this.task !== task) return;
    this.update({ phase: "working", hasDraft: this.draft !== null });
    this.locked.align(this.view);
    this.eachView((view) => {
      view.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
      view.marks.setReported(task.reports.map(({ at }) => at));
      view.showAsked(this.parts());
    });
    const images: Promise<void>[] = [];
    this.eachView((view) => { images.push(view.showImagery(this.state.view)); });
    this.modelView.showFeatures(this.draft?.features ?? []);
    this.showShapes();
    await images[0];
    this.root.dataset["tile"] = String(tile.id);
    this.root.dataset["features"] = String(task.annotation.features.length);
    this.root.dataset["ready"] = "true";
  }

  private showShapes(): void {
    const { task } = this;
    if (!task) return;
    const features = this.state.draft && this.draft ? this.draft.features : task.annotation.features;
    this.shown = draftOf(task.tile.tile_px * SUBPIXELS, features);
    this.view.showFeatures(features);
  }

  // Answers

  private async answer(verdict: "accept" | "send_back", reason: ReviewReason, comment: string): Promise<void> {
    const { task } = this;
    if (!task || this.state.phase !== "working") return;
    this.update({ phase: "sending", notice: "" });
    const { marks } = this.state;
    // The same answer sent again is the same operation.
    const key = JSON.stringify([task.annotation_id, task.annotation.version, verdict, reason, comment, marks]);
    if (this.operation?.key !== key) this.operation = { key, id: crypto.randomUUID() };
    const body = { operation_id: this.operation.id, verdict, reason, comment, marks };
    const done = await this.tell(() => api.review(task.annotation_id, task.annotation.version, body));
    if (!done) return;
    this.update({ notice: verdict === "accept" ? gettext("Accepted.") : gettext("Sent back to its author.") });
    await this.next();
  }

  /** Sends what was decided; false, with the reason said, where the server did not take it. */
  private async tell(send: () => Promise<unknown>): Promise<boolean> {
    try {
      await send();
      return true;
    } catch (error) {
      const isStale = error instanceof ApiError && error.status === 412;
      this.update({
        phase: "working",
        notice: isStale
          ? gettext("The author changed this tile meanwhile. Here is what there is now.")
          : interpolate(gettext("Not recorded: %(reason)s"), { reason: (error as Error).message }),
      });
      if (isStale) await this.next();
      return false;
    }
  }

  accept(): void {
    void this.answer("accept", "", "");
  }

  sendBack(): void {
    void this.askReason();
  }

  private async askReason(): Promise<void> {
    if (this.state.phase !== "working") return;
    const choice = await sendBackDialog(this.state.marks[0]?.reason);
    if (choice) await this.answer("send_back", choice.reason, choice.comment);
  }

  correct(): void {
    const { task } = this;
    if (!task || this.state.phase !== "working") return;
    window.location.assign(`/campaigns/${encodeURIComponent(this.campaign.slug)}/correct/${encodeURIComponent(task.annotation_id)}/`);
  }

  leaveToAnother(): void {
    void this.askAnother();
  }

  private async askAnother(): Promise<void> {
    const { task } = this;
    if (!task || this.state.phase !== "working") return;
    const words = await leaveToAnotherDialog();
    if (words === null) return;
    this.update({ phase: "sending", notice: "" });
    if (!(await this.tell(() => api.leaveToAnother(task.annotation_id, task.annotation.version, words)))) return;
    this.update({ notice: gettext("Another reviewer will decide.") });
    await this.next();
  }

  // Marks

  toggleMarking(): void {
    if (this.state.phase !== "working") return;
    this.update({ isMarking: !this.state.isMarking });
    // By keys the map is moved under its middle, and Enter marks there.
    if (this.state.isMarking) this.view.map.getContainer().focus({ preventScroll: true });
  }

  private async markAt(place: LatLng): Promise<void> {
    const { frame } = this.view;
    if (!this.state.isMarking || !frame || this.state.phase !== "working") return;
    const [x, y] = frame.toUnits(place).map(Math.round) as [number, number];
    if (x < 0 || y < 0 || x > frame.side || y > frame.side) return;
    if (this.state.marks.length >= MOST_MARKS) {
      this.update({ isMarking: false, notice: interpolate(gettext("At most %(n)s places can be marked."), { n: MOST_MARKS }) });
      return;
    }
    this.showMarks([...this.state.marks.map(({ at }) => at), [x, y]]);
    const choice = await markDialog();
    if (choice?.reason) this.setMarks([...this.state.marks, { at: [x, y], reason: choice.reason, comment: choice.comment }]);
    else this.setMarks(this.state.marks);
  }

  private setMarks(marks: readonly Mark[]): void {
    this.update({ marks, isMarking: false });
    this.showMarks(marks.map(({ at }) => at));
  }

  private showMarks(places: readonly Point[]): void {
    this.eachView((view) => { view.marks.setMarks(places); });
  }

  removeMark(mark: Mark): void {
    this.setMarks(this.state.marks.filter((one) => one !== mark));
  }

  lookAt(mark: Mark): void {
    this.locked.align(this.view);
    this.view.lookAt(mark.at);
  }

  // What is shown

  fit(): void {
    this.locked.align(this.view);
    this.view.fitTile();
  }

  toggleDraft(): void {
    if (!this.draft) return;
    this.update({ draft: !this.state.draft });
    this.showShapes();
  }

  toggleSideBySide(): void {
    this.update({ sideBySide: !this.state.sideBySide, draft: false });
    this.showShapes();
    this.eachView((view) => { view.map.invalidateSize({ animate: false }); });
    this.view.fitTile();
    this.locked.align(this.view);
  }

  togglePanel(): void {
    this.update({ panel: !this.state.panel });
  }

  setLook({ view, opacity, labels, asked }: Partial<ViewSettings>): void {
    if (view !== undefined) {
      this.update({ view });
      this.eachView((one) => void one.showImagery(view));
    }
    if (opacity !== undefined) {
      this.update({ opacity });
      this.eachView((one) => { one.coverage.setOpacity(opacity); });
    }
    if (labels !== undefined) {
      this.update({ labels });
      this.eachView((one) => { one.setLabels(labels); });
    }
    if (asked !== undefined) {
      this.update({ asked });
      this.eachView((one) => { one.setAsked(asked); });
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (event.key === "Enter" && this.state.isMarking && event.target === this.view.map.getContainer()) {
      event.preventDefault();
      void this.markAt(this.view.map.getCenter());
      return;
    }
    if (isForControl(event.target, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys: Readonly<Record<string, () => void>> = {
      a: () => { this.accept(); },
      s: () => { this.sendBack(); },
      c: () => { this.correct(); },
      o: () => { this.leaveToAnother(); },
      m: () => { this.toggleMarking(); },
      v: () => { this.toggleSideBySide(); },
      d: () => { this.toggleDraft(); },
      f: () => { this.fit(); },
      h: () => { this.setLook({ labels: !this.state.labels }); },
      " ": () => { this.setLook({ labels: !this.state.labels }); },
      escape: () => { if (this.state.isMarking) this.toggleMarking(); },
    };
    const action = keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }
}
