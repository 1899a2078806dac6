import { CommandRefused } from "../domain/command";
import { labelPoint } from "../domain/labelpoint";
import { classOfKey } from "../domain/palette";
import { above } from "../domain/suggestion";
import { decimal, gettext, interpolate, percent } from "../i18n";
import { isOnGlass } from "../map/input";
import { helpDialog } from "../ui/dialogs";
import type { ClassPalette } from "../ui/palette";
import { refusalOfCommand, shapeWords } from "./announcer";
import { squareMetres } from "./figures";
import { helpKeys } from "./help";
import { prefer } from "./preferences";
import { commandOf, isForControl, type StudioCommand } from "./shortcuts";
import type { StudioApp } from "./studio-app";
import { isNarrow } from "./studio-state";
import type { ToolName } from "../map/tools/tool";

/** What keys and buttons ask of the studio, one by one. */
export class StudioCommands {
  private gap = -1;

  constructor(private readonly app: StudioApp) {}

  listen(): void {
    window.addEventListener("keydown", (event) => { this.onKey(event); });
  }

  private onKey(event: KeyboardEvent): void {
    const { app } = this;
    const isWithControl = event.ctrlKey || event.metaKey;
    if (event.defaultPrevented || isForControl(event.target, event.key, isWithControl)) return;
    // Before it acts: a search asked for by a key wants the keyboard that is there.
    app.belt.usedBy("keyboard");
    if (this.press(event)) event.preventDefault();
  }

  /** What a key does here, pressed on a keyboard or on the screen; false when nothing. */
  press(event: KeyboardEvent): boolean {
    const { app } = this;
    if (app.belt.key(event)) return true;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
    const chosen = isPlain ? classOfKey(app.classes, event) : null;
    const command = chosen ? null : commandOf(event);
    if (chosen) app.chooseClass(chosen.code);
    else if (command) this.run(command);
    else return false;
    return true;
  }

  run(command: StudioCommand): void {
    if (command === "tool-draft" && !this.isAnythingOffered()) {
      this.app.notify(gettext("No draft is offered here."));
      return;
    }
    if (command.startsWith("tool-") && command !== "tool-delete") {
      this.app.useTool(command.slice("tool-".length) as ToolName);
      return;
    }
    this.actions[command as keyof typeof this.actions]();
  }

  /** Whether there is, or may be, something to take on this tile: else the draft tool's button is off too. */
  private isAnythingOffered(): boolean {
    const { phase, vintagePhase } = this.app.suggestionDesk;
    return phase !== "none" || vintagePhase !== "none";
  }

  private readonly actions: Readonly<Record<Exclude<StudioCommand, `tool-${ToolName}`>, () => void>> = {
    "tool-delete": () => { this.deleteSelected(); },
    undo: () => void this.turn("undo"),
    redo: () => void this.turn("redo"),
    submit: () => void this.app.flow.submit(),
    skip: () => void this.app.flow.skip(),
    quarter: () => void this.app.flow.split(),
    fit: () => { this.app.view.fitTile(); },
    labels: () => { this.toggleLabels(); },
    patterns: () => { this.app.setLook({ patterns: !this.app.state.patterns }); },
    doubt: () => { this.toggleDoubt(); },
    "next-view": () => { this.app.look.nextView(); },
    "zoom-in": () => { this.app.view.map.zoomIn(); },
    "zoom-out": () => { this.app.view.map.zoomOut(); },
    help: () => void helpDialog(helpKeys(this.app.state.hand)),
    search: () => { this.search(); },
    panel: () => { this.togglePanel(); },
    "next-shape": () => { this.selectNeighbour(1); },
    "previous-shape": () => { this.selectNeighbour(-1); },
    take: () => void this.take(),
    "take-all": () => void this.takeAll(),
    draft: () => void this.startFromDraft(),
    "next-gap": () => { this.nextGap(); },
    "next-doubt": () => void this.nextDoubt(),
    finer: () => { this.size(-1); },
    coarser: () => { this.size(1); },
    "next-part": () => { this.app.askedDesk.goToNext(); },
    asked: () => { this.toggleAsked(); },
    describe: () => { this.app.belt.describe(); },
  };

  private deleteSelected(): void {
    const { selected } = this.app.state;
    if (selected.length > 0) void this.app.run({ kind: "delete", ids: selected });
    else this.app.announce(gettext("Nothing is selected. N selects the next shape."));
  }

  private async turn(way: "undo" | "redo"): Promise<void> {
    const { session } = this.app.flow;
    if (!session || this.app.state.phase !== "working" || this.app.state.isReadOnly) return;
    const before = session.draft;
    try {
      const done = await this.app.busyWith(session[way]());
      const words = done ? { undo: gettext("Undone."), redo: gettext("Done again.") } : { undo: gettext("Nothing to undo."), redo: gettext("Nothing to redo.") };
      this.app.announce(`${words[way]} ${this.app.askedDesk.changeWords(before, session.draft)}`.trim());
    } catch (error) {
      if (!(error instanceof CommandRefused)) throw error;
      this.app.notify(refusalOfCommand(error.code));
    } finally {
      this.app.paint();
    }
  }

  private toggleDoubt(): void {
    const { app } = this;
    if (app.segmentDesk.doubtPhase === "none") app.notify(gettext("There is no model here yet, so nothing says where it hesitates."));
    else {
      app.setLook({ doubt: !app.state.doubt });
      app.announce(app.state.doubt ? gettext("The model's doubt is shown.") : gettext("The model's doubt is hidden."));
    }
  }

  private toggleLabels(): void {
    const { app } = this;
    app.setLook({ labels: !app.state.labels });
    app.announce(app.state.labels ? gettext("Labels are shown.") : gettext("Labels are hidden."));
  }

  private toggleAsked(): void {
    const { app } = this;
    if (!app.flow.session) return;
    if (app.askedDesk.parts().length === 0) {
      app.notify(gettext("The whole tile is to be labelled."));
      return;
    }
    app.setLook({ asked: !app.state.asked });
    app.announce(app.state.asked ? gettext("The parts to label are shown.") : gettext("The parts to label are hidden."));
  }

  private search(): void {
    this.app.update({ panel: true });
    const palette = this.app.root.querySelector<ClassPalette>("sc-palette");
    const fold = palette?.closest("details");
    if (fold) fold.open = true;
    if (isOnGlass(this.app.state.hand)) palette?.focusClasses();
    else palette?.focusSearch();
  }

  private togglePanel(): void {
    const panel = !this.app.state.panel;
    // On a small screen the panel covers the image: it is closed each time.
    if (!isNarrow()) prefer("panel", panel);
    this.app.update({ panel });
    if (!panel) this.app.root.querySelector<HTMLElement>(".studio-bar [data-testid=panel]")?.focus();
  }

  private selectNeighbour(step: 1 | -1): void {
    const { app } = this;
    if (!app.flow.session) return;
    const ids = [...app.draft().features.keys()];
    if (ids.length === 0) {
      app.announce(gettext("No shape is drawn yet."));
      return;
    }
    const at = ids.indexOf(app.state.selected[app.state.selected.length - 1] ?? "");
    const next = at < 0 ? (step > 0 ? 0 : ids.length - 1) : (at + step + ids.length) % ids.length;
    const id = ids[next] as string;
    if (app.state.tool !== "edit") app.useTool("edit");
    app.select([id]);
    const feature = app.draft().features.get(id);
    if (!feature) return;
    app.view.lookAt(labelPoint(feature.rings).at);
    app.announce(shapeWords(feature, next + 1, ids.length, app.campaign.layer.gsd_m, app.className));
  }

  private async startFromDraft(): Promise<void> {
    const { app } = this;
    if (app.suggestionDesk.phase === "none") {
      app.notify(gettext("No draft is offered here."));
      return;
    }
    app.useTool("draft");
    if (!(await app.suggestionDesk.showModel()) || app.state.tool !== "draft") return;
    app.notify(interpolate(
      isOnGlass(app.state.hand)
        ? gettext("%(n)s suggestions. Tap those that are right, or take all the sure ones at once.")
        : gettext("%(n)s suggestions. Take what is right: A takes one, Shift+A all the sure ones."),
      { n: app.suggestions().length },
    ));
  }

  private async take(): Promise<void> {
    const { app } = this;
    if (app.belt.takeHovered()) return;
    const current = app.flow.session ? app.suggestionDesk.current(app.draft()) : null;
    if (!current) {
      app.notify(gettext("No suggestion is shown here. D shows the model's draft."));
      return;
    }
    if (!(await app.take([current])) || app.belt.isByKeyboard) return;
    const next = app.suggestionDesk.current(app.draft());
    if (next) app.belt.showSuggestion(next);
  }

  private async takeAll(): Promise<void> {
    const { app } = this;
    const { source, threshold } = app.suggestionDesk;
    const open = app.suggestions();
    const taken = source === "model" ? above(open, threshold) : open;
    if (taken.length === 0) {
      app.notify(open.length === 0
        ? gettext("No suggestion is shown here. D shows the model's draft.")
        : interpolate(gettext("No suggestion is above %(share)s. Lower it, or take them one by one."), { share: percent(threshold) }));
      return;
    }
    await app.take(taken);
  }

  private nextGap(): void {
    const { app } = this;
    if (!app.flow.session) return;
    if (!app.state.gaps) app.setLook({ gaps: true });
    const gaps = app.askedDesk.gaps(app.draft());
    if (gaps.length === 0) {
      app.notify(app.askedDesk.parts().length > 0 ? gettext("All that is asked for is labelled.") : gettext("All of the tile is labelled."));
      return;
    }
    this.gap = (this.gap + 1) % gaps.length;
    const gap = gaps[this.gap];
    if (!gap) return;
    app.belt.goTo(labelPoint(gap.rings).at, interpolate(gettext("Gap %(n)s of %(count)s: %(area)s m² not labelled. G, then Space, fills it with the class in hand."), {
      n: this.gap + 1, count: gaps.length, area: decimal(squareMetres(gap.doubled, app.campaign.layer.gsd_m), 1),
    }));
  }

  private async nextDoubt(): Promise<void> {
    const { app } = this;
    if (!app.flow.session) return;
    if (app.segmentDesk.doubtPhase === "none") {
      app.notify(gettext("There is no model here yet, so nothing says where it hesitates."));
      return;
    }
    await app.segmentDesk.loadDoubt();
    const { session } = app.flow;
    const place = session ? app.segmentDesk.nextDoubtful(session.assignment.tile.tile_px) : null;
    if (!place) {
      app.notify(app.segmentDesk.doubtPhase === "failed" ? app.segmentDesk.doubtMessage : gettext("The model hesitates nowhere here."));
      return;
    }
    app.belt.goTo(place.at, interpolate(gettext("Doubtful place %(n)s of %(count)s: %(share)s doubt."), { n: place.rank, count: place.count, share: percent(place.doubt) }));
  }

  /** Finer or coarser segments, a smaller or larger brush. */
  private size(by: 1 | -1): void {
    const { app } = this;
    if (app.state.tool === "segments") void app.segmentDesk.step(by === 1 ? -1 : 1);
    else if (app.state.tool === "brush" || app.state.tool === "eraser") app.setBrushPx(by === 1 ? app.state.brushPx * 1.25 + 1 : (app.state.brushPx - 1) / 1.25);
  }
}
