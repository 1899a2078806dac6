import { featureAt } from "../domain/hittest";
import { type Point, SUBPIXELS } from "../domain/geometry";
import { labelPoint } from "../domain/labelpoint";
import { segmentAt } from "../domain/raster";
import type { Suggestion } from "../domain/suggestion";
import { decimal, gettext, interpolate } from "../i18n";
import { type Device, isOnGlass, type Modifier, PointerInput } from "../map/input";
import { KeyboardCursor } from "../map/keyboard-cursor";
import { type Tools, toolsFor } from "../map/tools";
import type { ScreenKey, Tool, ToolName } from "../map/tools/tool";
import { watchHand } from "./hand";
import { segmentWords, suggestionWords } from "./announcer";
import type { StudioApp } from "./studio-app";
import { toolWords } from "./studio-tools";

const NONE: ReadonlySet<number> = new Set();

/** Tools that go on with what is selected. */
const KEEPS_SELECTION: ReadonlySet<ToolName> = new Set<ToolName>(["edit", "split", "merge", "cut"]);

/** The tools of the page, the one in hand, and what brings pointers and keys to it. */
export class ToolBelt {
  readonly tools: Tools;
  private readonly input: PointerInput;
  private readonly cursor: KeyboardCursor;
  /** Said before what is under the cursor, once. */
  private opening = "";
  /** The hint and the keys on the screen as they were painted last. */
  private told = "";

  constructor(private readonly app: StudioApp) {
    this.tools = toolsFor(app);
    this.input = new PointerInput(app.view, () => this.inHand());
    this.cursor = new KeyboardCursor(
      app.view, this.input, () => this.inHand(), (text) => { app.announce(text); }, (at) => this.openingAnd(this.wordsAt(at)),
    );
    watchHand((hand) => { this.usedBy(hand); });
    // Heard after the tool has had the gesture: what to do next may have changed with it.
    for (const name of ["pointerdown", "pointerup"]) window.addEventListener(name, () => { this.tellHint(); });
  }

  /** Words and buttons are for the hand in use. */
  usedBy(hand: Device): void {
    if (hand !== this.app.state.hand) this.app.update({ hand });
  }

  // Keys on the screen

  /** Those of the tool in hand, for fingers and pens; a keyboard has its own. */
  screenKeys(): readonly ScreenKey[] {
    return isOnGlass(this.app.state.hand) ? (this.inHand()?.screenKeys() ?? []) : [];
  }

  isHeld(key: string): boolean {
    return this.input.held.has(key as Modifier);
  }

  /** Holds a modifier down until it is touched again, or until another tool is in hand. */
  hold(key: Modifier): void {
    const { held } = this.input;
    if (!held.delete(key)) held.add(key);
    this.app.paint();
  }

  get current(): Tool {
    return this.tools[this.app.state.tool];
  }

  /** The tool that gestures go to: none where one may only look. */
  private inHand(): Tool | null {
    const { phase, isReadOnly } = this.app.state;
    return phase === "working" && !isReadOnly && this.app.flow.session ? this.current : null;
  }

  /** True when the key was for the cursor or for the tool in hand. */
  key(event: KeyboardEvent): boolean {
    if (!this.app.flow.session) return false;
    const isTaken = this.cursor.key(event) || (!event.ctrlKey && !event.metaKey && this.inHand()?.key(event) === true);
    if (isTaken) this.tellHint();
    return isTaken;
  }

  private tellHint(): void {
    const said = this.hint() + this.screenKeys().map(({ key, isOff }) => (isOff ? "" : key)).join(" ");
    if (said !== this.told) this.app.paint();
    this.told = said;
  }

  hint(): string {
    const { phase, isReadOnly } = this.app.state;
    if (phase !== "working" || !this.app.flow.session) return "";
    return isReadOnly ? gettext("Only to look at: the tile is open in another tab") : this.current.hint(this.app.state.hand);
  }

  use(name: ToolName): void {
    const { app } = this;
    if (!app.flow.session) return;
    this.current.disable();
    this.input.held.clear();
    app.update({ tool: name, selected: KEEPS_SELECTION.has(name) ? app.state.selected : [] });
    this.current.enable();
    this.bring(name);
    app.paint();
    app.announce(interpolate(gettext("Tool: %(name)s."), { name: toolWords()[name][0] }));
    this.input.again();
  }

  /** Fetches what a tool works on. */
  private bring(name: ToolName): void {
    const { app } = this;
    app.view.showSegments(name === "segments" ? app.segmentDesk.segments : null, NONE, NONE);
    if (name === "segments") void app.segmentDesk.load();
    if (name === "draft" && app.suggestionDesk.source === "none") void app.suggestionDesk.showModel();
    else if (name === "draft") app.suggestionDesk.setShown(true);
  }

  /** A new tile is open: the tool in hand stays in hand where it has something to work on. */
  restart(hasDraft: boolean): void {
    const { tool } = this.app.state;
    this.use(tool === "draft" && !hasDraft ? "polygon" : tool);
  }

  putAway(): void {
    this.cursor.hide();
    this.current.disable();
    this.app.view.showSegments(null, NONE, NONE);
  }

  /** Puts the keyboard's cursor at a place; says these words, then what is there. */
  goTo(at: Point, words: string): void {
    this.opening = words;
    this.app.announce(words);
    this.cursor.goTo(at);
  }

  /** Whether the keyboard's cursor is in use. */
  get isByKeyboard(): boolean {
    return this.cursor.place !== null;
  }

  /** Says what is under the cursor, or on the whole tile. */
  describe(): void {
    const { place } = this.cursor;
    this.app.announce(place ? this.wordsAt(place) : this.hint());
  }

  /** Takes the suggestion under the pointer or the cursor as a class; false when there is none. */
  takeHovered(classCode?: string): boolean {
    return this.app.state.tool === "draft" && this.inHand() !== null && this.tools.draft.take(classCode);
  }

  /** Brings a suggestion into view and says what it is. */
  showSuggestion(suggestion: Suggestion): void {
    const { app } = this;
    const { at } = labelPoint(suggestion.rings);
    if (app.state.tool === "draft") this.cursor.goTo(at);
    else {
      app.view.lookAt(at);
      app.announce(this.suggestionWordsOf(suggestion));
    }
  }

  private suggestionWordsOf(suggestion: Suggestion): string {
    const open = this.app.suggestions();
    return suggestionWords(suggestion, open.indexOf(suggestion) + 1, open.length, this.app.className);
  }

  private openingAnd(words: string): string {
    const { opening } = this;
    this.opening = "";
    return `${opening} ${words}`.trim();
  }

  private wordsAt(at: Point): string {
    const { app } = this;
    const { session } = app.flow;
    if (!session) return "";
    const { segments, doubt } = app.segmentDesk;
    if (app.state.tool === "segments" && segments) {
      const id = segmentAt(segments, at);
      const suggestions = app.suggestionDesk.source === "model" ? app.suggestionDesk.open(session.draft) : [];
      if (id !== null) return segmentWords({ draft: session.draft, segments, suggestions, doubt, name: app.className }, id);
    }
    const offered = app.state.tool === "draft" ? this.tools.draft.suggestionAt() : null;
    if (offered) return this.suggestionWordsOf(offered);
    const feature = featureAt(session.draft, at);
    const metres = (units: number): string => decimal((units / SUBPIXELS) * app.campaign.layer.gsd_m, 1);
    const place = interpolate(gettext("%(x)s m from the left, %(y)s m from the top."), { x: metres(at[0]), y: metres(at[1]) });
    const asked = app.askedDesk.placeWords(at);
    return `${feature ? `${app.className(feature.class_code)}.` : gettext("Not labelled.")} ${asked}${asked ? " " : ""}${place}`;
  }
}
