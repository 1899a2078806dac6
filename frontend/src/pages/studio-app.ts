import { render } from "lit";
import { api } from "../api/client";
import type { Boot, Campaign, ClassNews, SegmentLevel, Vintage } from "../api/types";
import type { AskedPart, AskedWindow } from "../domain/asked";
import { type Command, CommandRefused } from "../domain/command";
import { type Draft, newFeatureId } from "../domain/draft";
import { featureAt } from "../domain/hittest";
import { type PaletteClass, remember } from "../domain/palette";
import type { Segments } from "../domain/raster";
import { asFeature, type Suggestion } from "../domain/suggestion";
import { gettext, interpolate } from "../i18n";
import { MapView } from "../map/map-view";
import type { ScreenKey, ToolHost, ToolName } from "../map/tools/tool";
import type { Journal } from "../save/journal";
import { AskedDesk } from "./asked-desk";
import { commandWords, refusalOfCommand, shapeWords } from "./announcer";
import { coloursOf, paletteOf } from "./boot";
import type { LeftBehind } from "./courier";
import { prefer } from "./preferences";
import { SegmentDesk } from "./segment-desk";
import type { StudioCommand } from "./shortcuts";
import type { StudioApi } from "./studio-api";
import { StudioCommands } from "./studio-commands";
import { StudioFlow } from "./studio-flow";
import { StudioLook } from "./studio-look";
import type { Correction, Look, StudioActions, StudioModel } from "./studio-model";
import { firstState, type StudioState } from "./studio-state";
import { studioTemplate } from "./studio-template";
import { SuggestionDesk } from "./suggestion-desk";
import { ToolBelt } from "./tool-belt";

const NOTICE_MS = 7_000;
const MANY_SHAPES = 4_500;

export interface StudioOptions {
  /** The back end; the server's unless told. */
  readonly api?: StudioApi;
  /** A tile to practise on: nothing is offered that only the server has. */
  readonly isPractice?: boolean;
  /** Someone else's submission, corrected by its reviewer. */
  readonly correction?: Correction;
  /** Where work is kept until the back end has it; this browser's database unless told. */
  readonly journal?: Journal;
  /** What follows a submission; the next tile unless told. */
  readonly onSubmitted?: () => void;
  /** The page was drawn anew. */
  readonly onPaint?: () => void;
}

/** The studio: one tile at a time, from claim to submission. What each part does is in the part. */
export class StudioApp implements ToolHost, StudioActions {
  readonly view: MapView;
  classes: readonly PaletteClass[];
  readonly state: StudioState;
  readonly suggestionDesk: SuggestionDesk;
  readonly segmentDesk: SegmentDesk;
  readonly askedDesk = new AskedDesk(this);
  readonly belt: ToolBelt;
  readonly flow: StudioFlow;
  readonly look: StudioLook;
  readonly isPractice: boolean;
  readonly correction: Correction | null;
  /** Whose work this is: the first part of its keys in the browser. */
  readonly person: string;
  private readonly commands: StudioCommands;
  private noticeTimer: ReturnType<typeof setTimeout> | undefined;
  private running = 0;

  constructor(
    readonly root: HTMLElement,
    readonly boot: Boot,
    public campaign: Campaign,
    private readonly options: StudioOptions = {},
  ) {
    this.isPractice = options.isPractice ?? false;
    this.correction = options.correction ?? null;
    this.person = boot.user.public_id ?? boot.user.username ?? "";
    this.classes = paletteOf(campaign, boot.language);
    this.state = firstState(this.classes[0] ?? null, this.isPractice || this.correction !== null);
    this.suggestionDesk = new SuggestionDesk(() => { this.suggestionsChanged(); }, () => this.askedDesk.windows);
    this.segmentDesk = new SegmentDesk(() => { this.segmentsChanged(); });
    this.flow = new StudioFlow(this, options.api ?? api, options.journal, options.onSubmitted);
    this.paint();
    this.view = new MapView(root.querySelector(".map") as HTMLElement, campaign.layer, coloursOf(campaign));
    this.view.setAccent(getComputedStyle(root).getPropertyValue("--map-accent").trim() || "#0b6bcb");
    this.look = new StudioLook(this);
    this.look.applyAll();
    this.belt = new ToolBelt(this);
    this.commands = new StudioCommands(this);
    this.commands.listen();
    this.flow.listen();
    this.view.map.on("mousemove", (event) => {
      const frame = this.view.frame;
      const at = frame && this.flow.session ? featureAt(this.flow.session.draft, frame.toUnits(event.latlng)) : null;
      const code = at?.class_code ?? null;
      if (code !== this.state.hoveredClass) this.update({ hoveredClass: code });
    });
  }

  async start(): Promise<void> {
    await this.flow.start();
  }

  // What the page shows

  update(change: Partial<StudioState>): void {
    Object.assign(this.state, change);
    this.paint();
  }

  paint(): void {
    const { campaign, classes, state, boot } = this;
    const { session } = this.flow;
    render(studioTemplate({
      campaign, classes, language: boot.language, state, session, assignment: session?.assignment ?? null, suggestions: this.suggestionDesk,
      segments: this.segmentDesk, parts: this.askedDesk.parts(), hint: this.belt?.hint() ?? "", screenKeys: this.screenKeys(), isPractice: this.isPractice,
      correction: this.correction, area: boot.area ?? null, actions: this,
    }), this.root);
    this.root.dataset["hand"] = state.hand;
    if (!session) return;
    const { dataset } = this.root;
    dataset["tile"] = String(session.assignment.tile.id);
    dataset["version"] = String(session.saver.version);
    dataset["features"] = String(session.draft.features.size);
    dataset["tool"] = state.tool;
    dataset["selected"] = state.selected.join(" ");
    dataset["suggestions"] = String(this.suggestions().length);
    this.tellBusy();
    this.options.onPaint?.();
  }

  private screenKeys(): StudioModel["screenKeys"] {
    return (this.belt?.screenKeys() ?? []).map((one) => ({ ...one, isHeld: this.belt.isHeld(one.key) }));
  }

  private tellBusy(): void {
    this.root.dataset["busy"] = String(this.running > 0 || this.flow.session?.busy === true);
  }

  notify(notice: string): void {
    clearTimeout(this.noticeTimer);
    this.update({ notice });
    this.announce(notice);
    this.noticeTimer = setTimeout(() => { this.update({ notice: "" }); }, NOTICE_MS);
  }

  /** Says it to those who listen. The same words twice are said twice. */
  announce(text: string): void {
    const place = this.root.querySelector("#spoken");
    if (!place) return;
    const again = place.textContent === text;
    place.textContent = again ? `${text}\u00a0` : text;
  }

  /** A class by its code and name. */
  readonly className = (code: string): string => {
    const found = this.campaign.nomenclature.classes.find((c) => c.code === code);
    return found ? `${code} ${found.name[this.boot.language] || found.name.en}` : code;
  };

  // What the tools ask for

  draft(): Draft {
    if (!this.flow.session) throw new Error("No tile is open");
    return this.flow.session.draft;
  }

  askedWindows(): readonly AskedWindow[] {
    return this.askedDesk.windows;
  }

  selection(): readonly string[] {
    return this.state.selected;
  }

  select(ids: readonly string[]): void {
    this.update({ selected: ids });
    this.belt.current.refresh();
    if (this.state.tool === "edit" && this.belt.isByKeyboard) this.saySelected();
  }

  /** Says which shape is selected, when it is one. */
  private saySelected(): void {
    const { features } = this.draft();
    const [id, ...others] = this.state.selected;
    const feature = id === undefined || others.length > 0 ? undefined : features.get(id);
    if (!feature) return;
    const rank = [...features.keys()].indexOf(feature.id) + 1;
    this.announce(shapeWords(feature, rank, features.size, this.campaign.layer.gsd_m, this.className));
  }

  classCode(): string | null {
    return this.state.activeClass?.code ?? null;
  }

  colour(): string {
    return this.state.activeClass?.colour ?? "#888888";
  }

  brushPx(): number {
    return this.state.brushPx;
  }

  setBrushPx(px: number): void {
    const brushPx = Math.max(2, Math.min(128, Math.round(px)));
    prefer("brush", brushPx);
    this.update({ brushPx });
    this.belt.current.refresh();
  }

  segments(): Segments | null {
    return this.segmentDesk.segments;
  }

  suggestions(): readonly Suggestion[] {
    const { session } = this.flow;
    return session ? this.suggestionDesk.shown(session.draft) : [];
  }

  async run(command: Command): Promise<boolean> {
    const { session } = this.flow;
    if (!session || this.state.phase !== "working" || this.state.isReadOnly) return false;
    const before = session.draft;
    try {
      if ((await this.busyWith(session.run(command))) === "nothing") return false;
      if ("class_code" in command) this.update({ recent: remember(this.state.recent, command.class_code) });
      this.announce(`${commandWords(command, before, this.className)} ${this.askedDesk.changeWords(before, session.draft)}`.trim());
      this.warnOfMany(before.features.size, session.draft.features.size);
      if (command.kind === "take" && command.features.length === 1) this.goToNextSuggestion();
      return true;
    } catch (error) {
      if (!(error instanceof CommandRefused)) throw error;
      this.notify(refusalOfCommand(error.code));
      return false;
    }
  }

  /** Says on the page that a change is in hand, until it is done. */
  async busyWith<T>(change: Promise<T>): Promise<T> {
    this.running += 1;
    this.tellBusy();
    try {
      return await change;
    } finally {
      this.running -= 1;
      this.tellBusy();
    }
  }

  /** Whoever goes through suggestions by the keyboard finds the next one under the cursor. */
  private goToNextSuggestion(): void {
    const next = this.state.tool === "draft" && this.belt.isByKeyboard ? this.suggestionDesk.current(this.draft()) : null;
    if (next) this.belt.showSuggestion(next);
  }

  private warnOfMany(before: number, now: number): void {
    if (before >= MANY_SHAPES || now < MANY_SHAPES) return;
    this.notify(interpolate(gettext("%(n)s shapes: a tile holds 5,000 at most. Merge neighbours of one class to make room."), { n: now }));
  }

  /** The draft is another one: shows it, and forgets a selection that is gone. */
  draftChanged(): void {
    const { session } = this.flow;
    if (!session) return;
    this.view.showFeatures(session.features, this.askedDesk.notAsked);
    this.view.showAsked(this.askedDesk.parts());
    this.showSuggestionsOnMap();
    this.update({ selected: this.state.selected.filter((id) => session.draft.features.has(id)) });
    this.belt.current.refresh();
  }

  // Suggestions and segments

  private showSuggestionsOnMap(): void {
    this.view.showSuggestions(this.suggestions(), this.suggestionDesk.source === "model" ? this.suggestionDesk.threshold : 0);
  }

  private suggestionsChanged(): void {
    const { modelVersion, source, isShown } = this.suggestionDesk;
    // Said with the next save: which model's drawing this work was led by, be it only by looking at it.
    if (isShown && source === "model" && modelVersion !== null) this.flow.session?.noteDraftModel(modelVersion);
    if (this.flow.session) this.showSuggestionsOnMap();
    this.paint();
    this.belt.current.refresh();
  }

  private segmentsChanged(): void {
    if (this.state.tool === "segments") this.view.showSegments(this.segmentDesk.segments, new Set(), new Set());
    this.paint();
    this.belt.current.refresh();
    this.look.applyDoubt();
  }

  setThreshold(share: number): void {
    this.suggestionDesk.setThreshold(share);
  }

  showSuggestions(isShown: boolean): void {
    this.suggestionDesk.setShown(isShown);
  }

  stepSuggestion(by: 1 | -1): void {
    if (!this.flow.session) return;
    const found = this.suggestionDesk.step(this.draft(), by);
    if (found) this.belt.showSuggestion(found);
  }

  lookAtSuggestion(id: string): void {
    const found = this.suggestionDesk.find(id);
    if (!found || !this.flow.session) return;
    this.suggestionDesk.choose(this.draft(), id);
    this.belt.showSuggestion(found);
  }

  takeSuggestion(id: string): void {
    const found = this.suggestionDesk.find(id);
    if (found) void this.take([found]);
  }

  take(suggestions: readonly Suggestion[]): Promise<boolean> {
    return this.run({ kind: "take", features: suggestions.map((s) => asFeature(s)) });
  }

  openVintages(): void {
    void this.suggestionDesk.loadVintages();
  }

  chooseVintage(vintage: Vintage): void {
    this.suggestionDesk.chooseVintage(vintage);
  }

  setLevel(level: SegmentLevel): void {
    if (this.state.tool !== "segments") this.belt.use("segments");
    void this.segmentDesk.setLevel(level);
  }

  retrySegments(): void {
    void this.segmentDesk.load();
  }

  retryDoubt(): void {
    void this.segmentDesk.loadDoubt();
  }

  fillGaps(): void {
    const code = this.classCode();
    if (code !== null) void this.run({ kind: "fill_all", class_code: code, id: newFeatureId() });
  }

  goToPart(part: AskedPart): void {
    this.askedDesk.goTo(part);
  }

  // What the panels ask for

  command(command: StudioCommand): void {
    this.commands.run(command);
  }

  pressScreenKey(key: ScreenKey["key"]): void {
    if (key === "Alt" || key === "Shift") this.belt.hold(key);
    else this.commands.press(new KeyboardEvent("keydown", { key, shiftKey: key === "A" }));
  }

  useTool(name: ToolName): void {
    this.belt.use(name);
  }

  chooseClass(code: string): void {
    const chosen = this.classes.find((c) => c.code === code);
    if (!chosen) return;
    this.update({ activeClass: chosen, recent: remember(this.state.recent, code) });
    const { selected } = this.state;
    this.announce(interpolate(gettext("Class in hand: %(class)s."), { class: this.className(code) }));
    if (selected.length > 0) void this.run({ kind: "relabel", ids: selected, class_code: code });
    else this.belt.takeHovered(code);
    this.belt.current.refresh();
  }

  setLook(change: Partial<Look>): void {
    this.look.set(change);
  }

  goOnHere(): void {
    void this.flow.goOnHere();
  }

  showSplitWork(left: LeftBehind): void {
    void this.flow.showSplitWork(left);
  }

  /** The classes are others now: the palette, the map's colours and the class in hand follow. */
  classesChanged(news: ClassNews, lost: number): void {
    const { code, version, classes } = news;
    const before = new Map(this.classes.map((c) => [c.code, c]));
    this.campaign = { ...this.campaign, nomenclature: { code, version, classes } };
    this.classes = paletteOf(this.campaign, this.boot.language);
    this.view.setColours(coloursOf(this.campaign));
    const inHand = this.state.activeClass?.code;
    const now = inHand !== undefined && inHand in news.gone ? news.gone[inHand] : inHand;
    const latest = news.changes[0];
    const gone = Object.entries(news.gone).filter(([one]) => before.has(one));
    this.update({
      activeClass: this.classes.find((c) => c.code === now) ?? this.classes[0] ?? null,
      recent: this.state.recent.filter((one) => this.classes.some((c) => c.code === one)),
      classNews: {
        reason: latest?.reversed_at === null ? latest.reason : "",
        gone: gone.map(([one, to]) => [`${one} ${before.get(one)?.name ?? ""}`.trim(), to === null ? null : this.className(to)]),
        lost,
      },
    });
    if (lost > 0) this.setLook({ gaps: true });
    this.suggestionDesk.changeClasses(news.gone);
    this.announce(gettext("The classes of this campaign have changed."));
  }

  dismissClassNews(): void {
    this.update({ classNews: null });
  }

  dismissPractice(): void {
    prefer("practice", false);
    this.update({ offersPractice: false });
  }
}
