import { type AskedPart, askedGaps, askedParts, type AskedWindow, middleOf, nextPart, notAsked, partAt, ringOf } from "../domain/asked";
import type { Draft, Feature } from "../domain/draft";
import { doubleArea, type Point } from "../domain/geometry";
import { gapsOf } from "../domain/gaps";
import { gettext, interpolate, percent } from "../i18n";
import { emptyPartsDialog } from "../ui/dialogs";
import type { StudioApp } from "./studio-app";
import { isNarrow } from "./studio-state";

/** A part and how far it is, as the panel has it and as it is said aloud. */
export function partWords({ number, share, state }: AskedPart): string {
  switch (state) {
    case "done": return interpolate(gettext("Part %(n)s: done"), { n: number });
    case "empty": return interpolate(gettext("Part %(n)s: hardly anything labelled"), { n: number });
    // Rounded down: a part that is not done is never said to be at the share from which it is.
    case "begun": return interpolate(gettext("Part %(n)s: %(share)s labelled"), { n: number, share: percent(Math.floor(share * 100) / 100) });
  }
}

/** How many of the parts are done. */
export function partsWords(parts: readonly AskedPart[]): string {
  const done = parts.filter(({ state }) => state === "done").length;
  return interpolate(gettext("Parts to label: %(done)s of %(count)s done"), { done, count: parts.length });
}

const NONE: readonly AskedWindow[] = [];

/** The parts of the tile in hand that are asked for: shown, gone to, and looked at before the tile is handed in. */
export class AskedDesk {
  /** The part gone to last. */
  private last = 0;
  private unasked: readonly Feature[] = [];

  constructor(private readonly app: StudioApp) {}

  /** Another tile is open, or the same one asked for otherwise. */
  reset(): void {
    this.last = 0;
    const { session } = this.app.flow;
    // Hidden for one tile, they are not hidden for those that follow, whose card says that they are seen.
    if (!this.app.state.asked) this.app.setLook({ asked: true });
    const boxes = session ? notAsked(this.parts(), session.draft.side) : [];
    this.unasked = boxes.map((box, i): Feature => ({ id: `unasked-${i}`, class_code: "", rings: [ringOf(box)], provenance: "drawn" }));
  }

  get windows(): readonly AskedWindow[] {
    return this.app.flow.session?.assignment.asked ?? NONE;
  }

  /** None where the whole tile is asked for. */
  parts(draft: Draft | undefined = this.app.flow.session?.draft): readonly AskedPart[] {
    return draft ? askedParts(draft, this.windows) : [];
  }

  /** Ground that is not asked for, as shapes: where no gap is to be shown. */
  get notAsked(): readonly Feature[] {
    return this.unasked;
  }

  /** Unlabelled ground that is asked for, each piece with twice its area. */
  gaps(draft: Draft): ReturnType<typeof askedGaps> {
    return this.windows.length > 0 ? askedGaps(draft, this.windows) : gapsOf(draft).map((rings) => ({ rings, doubled: doubleArea(rings) }));
  }

  /** What is said of the parts when the tile is opened. */
  openingWords(): string {
    const count = this.windows.length;
    if (count === 0) return "";
    return count === 1
      ? gettext("One part of it is to be labelled. W goes there.")
      : interpolate(gettext("%(n)s parts of it are to be labelled. W goes to the next one."), { n: count });
  }

  /** What a change did to the parts: said when one of them is done, or no longer. */
  changeWords(before: Draft, now: Draft): string {
    const earlier = this.parts(before);
    const parts = this.parts(now);
    const changed = parts.filter(({ state }, i) => (state === "done") !== (earlier[i]?.state === "done"));
    if (changed.length === 0) return "";
    return [...changed.map((part) => `${partWords(part)}.`), `${partsWords(parts)}.`].join(" ");
  }

  /** Whether a place is asked for. */
  placeWords(at: Point): string {
    const parts = this.parts();
    if (parts.length === 0) return "";
    const part = partAt(parts, at);
    return part ? interpolate(gettext("In part %(n)s."), { n: part.number }) : gettext("Not asked for here.");
  }

  /** Brings the most wanted part that is left into view; asked again, the one after it. */
  goToNext(): void {
    if (!this.app.flow.session) return;
    const parts = this.parts();
    if (parts.length === 0) {
      this.app.notify(gettext("The whole tile is to be labelled."));
      return;
    }
    const next = nextPart(parts, this.last);
    if (next) this.goTo(next);
    else this.app.notify(gettext("All parts are done: submit the tile."));
  }

  goTo(part: AskedPart): void {
    const { app } = this;
    this.last = part.number;
    const words = `${partWords(part)}.`;
    if (app.state.hand === "keyboard" || app.belt.isByKeyboard) app.belt.goTo(middleOf(part.box), words);
    else app.announce(words);
    // There the panel lies over the image, and over the part with it.
    if (app.state.panel && isNarrow()) app.command("panel");
    app.view.fitFeature([ringOf(part.box)]);
  }

  /** Whether the tile may be handed in: asks where parts of it have hardly a label. */
  async mayBeHandedIn(): Promise<boolean> {
    const parts = this.parts();
    const empty = parts.filter(({ state }) => state === "empty");
    const [first] = empty;
    if (!first || (await emptyPartsDialog(empty.map(({ number }) => number), parts.length))) return true;
    this.goTo(first);
    return false;
  }
}
