import { render } from "lit";
import { api, ApiError } from "../api/client";
import type { Annotation, Assignment, Boot, Campaign } from "../api/types";
import { addFeature } from "../domain/actions/addFeature";
import { deleteFeature } from "../domain/actions/deleteFeature";
import { insertVertex } from "../domain/actions/insertVertex";
import { moveVertex } from "../domain/actions/moveVertex";
import { relabel } from "../domain/actions/relabel";
import { removeVertex } from "../domain/actions/removeVertex";
import { replaceAll } from "../domain/actions/replaceAll";
import { type Action, type Draft, type Feature, newFeatureId } from "../domain/draft";
import { featureAt } from "../domain/hittest";
import { classOfKey, type PaletteClass, remember } from "../domain/palette";
import type { Point, Rings } from "../domain/geometry";
import { gettext, interpolate } from "../i18n";
import { preloadImagery } from "../map/imagery";
import { MapView } from "../map/map-view";
import { DrawLasso, DrawRectangle } from "../map/tools/draw-drag";
import { DrawPolygon } from "../map/tools/draw-polygon";
import { EditVertices } from "../map/tools/edit-vertices";
import type { Tool, ToolHost, ToolName } from "../map/tools/tool";
import { BrowserJournal, journalKey } from "../save/journal";
import { confirmDialog, conflictDialog, helpDialog, skipDialog } from "../ui/dialogs";
import type { ClassPalette } from "../ui/palette";
import { ActiveClock } from "./active-clock";
import { coloursOf, paletteOf } from "./boot";
import { helpKeys } from "./help";
import { LeaseKeeper } from "./lease-keeper";
import { type Command, commandOf, isForControl } from "./shortcuts";
import type { StudioState } from "./studio-state";
import { type StudioActions, studioTemplate } from "./studio-template";
import { TileSession } from "./tile-session";

const NOTICE_MS = 7_000;

/** The studio: one tile at a time, from claim to submission. */
export class StudioApp implements ToolHost, StudioActions {
  readonly view: MapView;
  private readonly classes: PaletteClass[];
  private readonly colours: ReadonlyMap<string, string>;
  private readonly journal = new BrowserJournal();
  private readonly clock = new ActiveClock();
  private readonly tools: Readonly<Record<ToolName, Tool>>;
  private session: TileSession | null = null;
  private lease: LeaseKeeper | null = null;
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly state: StudioState;

  constructor(
    private readonly root: HTMLElement,
    private readonly boot: Boot,
    private readonly campaign: Campaign,
  ) {
    this.classes = paletteOf(campaign, boot.language);
    this.colours = coloursOf(campaign);
    this.state = {
      phase: "loading", failure: "", tool: "polygon", activeClass: this.classes[0] ?? null, recent: [], selectedId: null,
      hoveredClass: null, view: "rgb", opacity: 0.45, labels: true, panel: true, notice: "", leaseLost: false,
      status: { state: "saved", savedAt: null, problem: "none", message: "" },
    };
    this.paint();
    this.view = new MapView(root.querySelector(".map") as HTMLElement, campaign.layer, this.colours);
    this.view.sketch.setAccent(getComputedStyle(root).getPropertyValue("--map-accent").trim() || "#0b6bcb");
    this.view.coverage.setOpacity(this.state.opacity);
    this.tools = {
      edit: new EditVertices(this), polygon: new DrawPolygon(this), rectangle: new DrawRectangle(this), lasso: new DrawLasso(this),
    };
    this.listen();
  }

  private listen(): void {
    window.addEventListener("keydown", (event) => { this.onKey(event); });
    for (const name of ["pointerdown", "keydown", "wheel"]) window.addEventListener(name, () => { this.clock.touch(); }, { passive: true });
    window.addEventListener("online", () => this.session?.saver.retryNow());
    window.addEventListener("focus", () => this.session?.saver.retryNow());
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.session?.saver.retryNow(); });
    window.addEventListener("beforeunload", (event) => {
      // The journal keeps the work; only when this browser cannot keep it is leaving a loss.
      if (this.state.status.problem === "browser" && this.session?.saver.isClean === false) event.preventDefault();
    });
    this.view.map.on("mousemove", (event) => {
      const frame = this.view.frame;
      const at = frame && this.session ? featureAt(this.session.draft, frame.toUnits(event.latlng)) : null;
      if (at?.class_code !== (this.state.hoveredClass ?? undefined)) this.update({ hoveredClass: at?.class_code ?? null });
    });
  }

  private update(change: Partial<StudioState>): void {
    Object.assign(this.state, change);
    this.paint();
  }

  private paint(): void {
    const { campaign, classes, state, session, boot } = this;
    render(studioTemplate({ campaign, classes, language: boot.language, state, session, actions: this }), this.root);
    if (session) {
      this.root.dataset["tile"] = String(session.assignment.tile.id);
      this.root.dataset["version"] = String(session.saver.version);
      this.root.dataset["features"] = String(session.features.length);
    }
  }

  private notify(notice: string): void {
    clearTimeout(this.noticeTimer);
    this.update({ notice });
    this.noticeTimer = setTimeout(() => { this.update({ notice: "" }); }, NOTICE_MS);
  }

  // Tiles, one after the other

  async start(): Promise<void> {
    await this.open(() => (this.boot.tile === null ? api.claim(this.campaign.slug, false) : api.pick(this.boot.tile)));
  }

  private next(): Promise<void> {
    return this.open(() => api.claim(this.campaign.slug, false));
  }

  private async open(ask: () => Promise<Assignment | null>): Promise<void> {
    this.leave();
    this.root.dataset["ready"] = "false";
    this.update({ phase: "loading", selectedId: null, leaseLost: false });
    try {
      const assignment = await ask();
      if (assignment) await this.show(assignment);
      else this.update({ phase: "empty" });
    } catch (error) {
      const failure = error instanceof ApiError && error.needsSignIn
        ? gettext("You are signed out. Sign in again in another tab, then try again here.")
        : (error as Error).message;
      this.update({ phase: "failed", failure });
    }
  }

  private leave(): void {
    this.lease?.stop();
    this.lease = null;
    this.session?.close();
    this.session = null;
    for (const tool of Object.values(this.tools)) tool.disable();
    this.view.showFeatures([]);
  }

  private async show(assignment: Assignment): Promise<void> {
    const { tile, annotation, lease } = assignment;
    const key = journalKey(this.boot.user.public_id ?? this.boot.user.username ?? "", this.campaign.slug, tile.id);
    const session = new TileSession(assignment, this.journal, key, {
      secondsSpent: () => this.clock.take(),
      onStatus: (status) => { if (this.session === session) this.update({ status }); },
      onVersion: () => { if (this.session === session) this.paint(); },
      onConflict: ({ current }) => void this.settle(current, session.features, new Date().toISOString()),
      onInvalid: (id, at, message) => { this.showInvalid(id, at, message); },
    });
    this.session = session;
    this.clock.take();
    if (lease) this.lease = new LeaseKeeper(lease, () => this.clock.idleFor, () => { this.update({ leaseLost: true }); }).start();
    this.view.showTile(tile.origin_px[0], tile.origin_px[1], tile.tile_px);
    const imagery = this.view.showImagery(this.state.view);
    this.update({ phase: "working", status: { state: "saved", savedAt: annotation.saved_at, problem: "none", message: "" } });
    this.useTool(annotation.features.length > 0 ? "edit" : "polygon");
    const resumed = await session.resume();
    this.changed();
    if (resumed.kind === "restored") this.notify(gettext("Your work kept in this browser is back."));
    if (resumed.kind === "conflict" && resumed.entry) await this.settle(annotation, resumed.entry.features, resumed.entry.kept_at);
    await imagery;
    if (this.session !== session) return;
    this.root.dataset["ready"] = "true";
    if (lease) void this.preloadNext();
  }

  private async preloadNext(): Promise<void> {
    try {
      const ahead = await api.claim(this.campaign.slug, true);
      if (ahead) preloadImagery(this.campaign.layer, ahead.tile, this.state.view);
    } catch {
      // Only a head start is missed: the next claim will say what is wrong.
    }
  }

  private async settle(current: Annotation, mine: readonly Feature[], at: string): Promise<void> {
    const session = this.session;
    if (!session) return;
    const choice = await conflictDialog(
      { features: mine, at }, { features: current.features, at: current.saved_at }, session.draft.side, this.colours, this.boot.language,
    );
    if (choice === "theirs") await session.takeTheirs(current);
    if (choice === "mine") {
      if (mine !== session.features) session.restore(mine);
      session.saver.keepMine(current);
    }
    this.changed();
  }

  private showInvalid(id: string | null, at: readonly [number, number] | null, message: string): void {
    this.useTool("edit");
    if (id !== null && this.session?.draft.features.has(id)) this.select(id);
    if (at) {
      this.view.lookAt(at);
      this.view.sketch.setSketch({ ...this.view.sketch.current, mark: at });
    }
    this.notify(message);
  }

  private async submit(): Promise<void> {
    const session = this.session;
    if (!session || this.state.phase !== "working") return;
    if (session.features.length === 0) {
      this.notify(gettext("Nothing is labelled yet: draw at least one area, or skip the tile with a reason."));
      return;
    }
    this.update({ phase: "sending" });
    const isSaved = await session.saver.flush();
    if (!isSaved) {
      this.update({ phase: "working" });
      this.notify(gettext("Not submitted: the last changes are not on the server yet. They are kept in this browser."));
      return;
    }
    try {
      const answer = await session.submit();
      this.notify(answer.state === "accepted"
        ? gettext("Thank you. This tile is done.")
        : gettext("Thank you. A reviewer will look at it, and you will see the outcome in your contributions."));
    } catch (error) {
      this.update({ phase: "working" });
      if (error instanceof ApiError && error.status === 412) {
        await this.settle(error.details["current"] as Annotation, session.features, new Date().toISOString());
      } else {
        this.notify(interpolate(gettext("Not submitted: %(reason)s"), { reason: (error as Error).message }));
      }
      return;
    }
    await this.next();
  }

  private async skip(): Promise<void> {
    const session = this.session;
    const choice = session ? await skipDialog() : null;
    if (!session || !choice) return;
    await session.saver.flush();
    try {
      if (session.assignment.lease) await api.release(session.assignment.lease.token, choice.reason, choice.comment);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 409) {
        this.notify(interpolate(gettext("Not skipped: %(reason)s"), { reason: (error as Error).message }));
        return;
      }
    }
    await this.next();
  }

  private async startFromDraft(): Promise<void> {
    const session = this.session;
    if (!session) return;
    if (session.features.length > 0) {
      const sure = await confirmDialog(
        gettext("Replace what is drawn?"),
        interpolate(gettext("The model's draft takes the place of %(n)s shapes. You can undo it."), { n: session.features.length }),
        gettext("Replace"),
      );
      if (!sure) return;
    }
    try {
      const draft = await api.modelDraft(session.assignment.tile.id);
      if (this.session !== session) return;
      session.saver.draftModel = draft.model_version;
      this.apply(replaceAll(draft.features.map(({ id, class_code, rings }) => ({ id, class_code, rings, provenance: "accepted" as const }))));
      this.useTool("edit");
    } catch (error) {
      const code = error instanceof ApiError ? error.code : "";
      const words: Readonly<Record<string, string>> = {
        blind_tile: gettext("No draft is offered here: this tile is kept apart to measure the map, and it takes a fresh eye."),
        no_draft: gettext("The model has no draft for this tile yet."),
      };
      this.notify(words[code] ?? (error as Error).message);
    }
  }

  // What the tools ask for

  draft(): Draft {
    if (!this.session) throw new Error("No tile is open");
    return this.session.draft;
  }

  selectedId(): string | null {
    return this.state.selectedId;
  }

  colour(): string {
    return this.state.activeClass?.colour ?? "#888888";
  }

  select(id: string | null): void {
    this.update({ selectedId: id });
    this.tools[this.state.tool].refresh();
  }

  private changed(): void {
    const { session } = this;
    if (!session) return;
    this.view.showFeatures(session.features);
    const { selectedId } = this.state;
    this.update({ selectedId: selectedId !== null && session.draft.features.has(selectedId) ? selectedId : null });
    this.tools[this.state.tool].refresh();
  }

  private apply(action: Action): void {
    if (this.state.phase === "working" && this.session?.perform(action)) this.changed();
  }

  draw(rings: Rings): void {
    const { activeClass } = this.state;
    if (!activeClass) return;
    this.update({ recent: remember(this.state.recent, activeClass.code) });
    this.apply(addFeature(rings, activeClass.code, newFeatureId()));
  }

  moveVertex(id: string, from: Point, to: Point): void {
    this.apply(moveVertex(id, from, to));
  }

  insertVertex(id: string, a: Point, b: Point, at: Point): void {
    this.apply(insertVertex(id, a, b, at));
  }

  removeVertex(id: string, at: Point): void {
    this.apply(removeVertex(id, at));
  }

  // What the panels and keys ask for

  private useTool(name: ToolName): void {
    const previous = this.tools[this.state.tool];
    previous.disable();
    this.update({ tool: name, selectedId: name === "edit" ? this.state.selectedId : null });
    this.tools[name].enable();
  }

  chooseClass(code: string): void {
    const chosen = this.classes.find((c) => c.code === code);
    if (!chosen) return;
    this.update({ activeClass: chosen, recent: remember(this.state.recent, code) });
    if (this.state.selectedId !== null) this.apply(relabel(this.state.selectedId, code));
  }

  setView(view: string): void {
    this.update({ view });
    void this.view.showImagery(view);
  }

  setOpacity(opacity: number): void {
    this.update({ opacity });
    this.view.coverage.setOpacity(opacity);
  }

  setLabels(labels: boolean): void {
    this.update({ labels });
    this.view.coverage.setShown(labels);
  }

  togglePanel(): void {
    this.update({ panel: !this.state.panel });
  }

  private selectNeighbour(step: 1 | -1): void {
    const order = this.session?.draft.order ?? [];
    if (order.length === 0) return;
    if (this.state.tool !== "edit") this.useTool("edit");
    const at = this.state.selectedId === null ? -1 : order.indexOf(this.state.selectedId);
    const id = at < 0 && step < 0 ? order[order.length - 1] : order[(at + step + order.length) % order.length];
    if (id === undefined) return;
    this.select(id);
    const first = this.session?.draft.features.get(id)?.rings[0]?.[0];
    if (first) this.view.lookAt(first);
  }

  command(command: Command | "draft" | "skip"): void {
    const { session } = this;
    switch (command) {
      case "tool-edit": case "tool-polygon": case "tool-rectangle": case "tool-lasso":
        if (session) this.useTool(command.slice("tool-".length) as ToolName);
        break;
      case "tool-delete": if (this.state.selectedId !== null) this.apply(deleteFeature(this.state.selectedId)); break;
      case "undo": if (session?.undo()) this.changed(); break;
      case "redo": if (session?.redo()) this.changed(); break;
      case "submit": void this.submit(); break;
      case "skip": void this.skip(); break;
      case "draft": void this.startFromDraft(); break;
      case "fit": this.view.fitTile(); break;
      case "zoom-in": this.view.map.zoomIn(); break;
      case "zoom-out": this.view.map.zoomOut(); break;
      case "pan-left": case "pan-right": case "pan-up": case "pan-down": this.view.pan(command.slice("pan-".length)); break;
      case "labels": this.setLabels(!this.state.labels); break;
      case "help": void helpDialog(helpKeys()); break;
      case "search": this.update({ panel: true }); this.root.querySelector<ClassPalette>("sc-palette")?.focusSearch(); break;
      case "next-shape": this.selectNeighbour(1); break;
      case "previous-shape": this.selectNeighbour(-1); break;
    }
  }

  private onKey(event: KeyboardEvent): void {
    if (isForControl(event.target, event.key)) return;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isPlain && this.session && this.tools[this.state.tool].key(event)) {
      event.preventDefault();
      return;
    }
    const command = commandOf(event);
    const chosen = isPlain && !command ? classOfKey(this.classes, event) : null;
    if (command) this.command(command);
    else if (chosen) this.chooseClass(chosen.code);
    else return;
    event.preventDefault();
  }
}
