import type { Draft, Feature } from "../../domain/draft";
import { edgeNear, featureAt } from "../../domain/hittest";
import { type Point, type Rings, samePoint } from "../../domain/geometry";
import { bent, moved, passingThrough, sharingEdge } from "../../domain/shared";
import type { Command } from "../../domain/command";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { type EdgeHandle, type Handle, handleNear } from "./handles";
import type { Landing } from "./snapping";
import { type ScreenKey, Tool } from "./tool";

/** A handle in hand. */
interface Drag {
  readonly handle: Handle;
  readonly grabbed: Point;
  readonly draft: Draft;
  /** The shapes that follow. */
  readonly own: readonly Feature[];
  readonly ids: ReadonlySet<string>;
  /** Where it goes; for a whole edge, by how much. */
  to: Landing | null;
}

/** Selects shapes; drags their vertices, the middles of their edges and whole edges, together with their neighbours'. */
export class Edit extends Tool {
  override readonly name = "edit";
  override readonly cursor = "cursor-select";
  private hovered: Handle | null = null;
  /** Where the pointer or the keyboard's cursor was last; null once a finger or a pen has let go. */
  private rests: Gesture | null = null;
  /** What `hovered` was found in. */
  private known: { readonly draft: Draft | null; readonly chosen: string } = { draft: null, chosen: "" };
  private drag: Drag | null = null;
  /** What was selected before the last click: of a double click, the first one may have chosen something else. */
  private before: readonly string[] = [];
  /** Changes asked and not shown yet. */
  private underway = 0;

  override hint(device: Device): string {
    if (isOnGlass(device)) {
      return this.host.selection().length === 0
        ? gettext("Tap a shape to select it; a button lets you select several.")
        : gettext("Drag a corner, or the middle of an edge to bend it; a button lets you move a whole edge. Holding still removes a corner.");
    }
    return this.host.selection().length === 0
      ? gettext("Click a shape to select it; Shift+click adds another.")
      : gettext("Drag a corner, or the middle of an edge to bend it; Shift+drag moves a whole edge. A right click removes a corner.");
  }

  override screenKeys(): readonly ScreenKey[] {
    return [{ words: gettext("Several shapes, whole edges"), key: "Shift" }];
  }

  override get isBusy(): boolean {
    return this.drag !== null;
  }

  protected override drop(): void {
    this.drag = null;
    this.rests = null;
    this.setHovered(null);
  }

  override down(g: Gesture): boolean {
    const handle = this.handleAt(g);
    if (!handle) return false;
    const draft = this.host.draft();
    const concerned = followers(draft, handle);
    const own = [...concerned.filter((f) => f.id === handle.id), ...concerned.filter((f) => f.id !== handle.id)];
    this.drag = { handle, grabbed: g.at, draft, own, ids: new Set(own.map((f) => f.id)), to: null };
    this.setHovered(handle);
    this.refresh();
    return true;
  }

  override move(g: Gesture): void {
    this.rests = g;
    if (this.drag) this.drag.to = this.target(this.drag, g);
    else if (this.underway > 0) {
      // The draft is not yet what it will be: all there is to know is whether the corner let go is still meant.
      if (!this.hovered || Math.hypot(this.hovered.at[0] - g.at[0], this.hovered.at[1] - g.at[1]) <= this.grab(g)) return;
      this.setHovered(null);
    } else {
      const handle = this.handleAt(g);
      if (handle === this.hovered || (handle && this.hovered && samePoint(handle.at, this.hovered.at))) return;
      this.setHovered(handle);
    }
    this.refresh();
  }

  override up(g: Gesture): void {
    const { drag } = this;
    this.cancel();
    if (!drag) return;
    const to = this.target(drag, g);
    this.rests = isOnGlass(g.device) ? null : g;
    // The corner is there though it is not drawn there yet: Delete means it, and not the shape.
    if (drag.handle.kind === "edge" || !this.rests) this.setHovered(null);
    else this.setHovered({ kind: "vertex", id: drag.handle.id, at: to.at });
    void this.change(commandOf(drag, to.at), outlines(drag, to.at));
  }

  override click(g: Gesture): void {
    this.before = this.host.selection();
    const handle = this.handleAt({ ...g, shift: false });
    this.cancel();
    if (handle?.kind === "vertex" && g.alt) this.remove(handle);
    else if (!handle || g.shift) this.choose(g);
  }

  /** A corner where there was none. */
  override doubleClick(g: Gesture): void {
    this.cancel();
    const handle = this.edgeAt(g, this.before);
    if (handle) {
      this.host.select(this.before);
      void this.change({ kind: "insert_vertex", id: handle.id, a: handle.a, b: handle.b, at: handle.at }, []);
    } else this.click(g);
  }

  override menu(g: Gesture): boolean {
    const handle = this.handleAt({ ...g, shift: false });
    if (handle?.kind !== "vertex") return false;
    this.remove(handle);
    return true;
  }

  override leave(): void {
    this.rests = null;
    this.setHovered(null);
    this.refresh();
  }

  override cancel(): void {
    this.drag = null;
    this.refresh();
  }

  override key(event: KeyboardEvent): boolean {
    const isDelete = event.key === "Delete" || event.key === "Backspace";
    if (isDelete && this.hovered?.kind === "vertex" && this.host.selection().includes(this.hovered.id)) this.remove(this.hovered);
    else if (event.key === "Escape" && !this.drag && this.host.selection().length > 0) this.host.select([]);
    else return super.key(event);
    return true;
  }

  override refresh(): void {
    // Undone meanwhile: what is in hand is not there any more.
    if (this.drag && this.drag.draft !== this.host.draft()) this.drag = null;
    this.lookAgain();
    const { drag } = this;
    const selected = this.underway > 0 ? [] : this.selectedRings();
    if (selected.length === 0 && !drag && this.underway === 0) this.setHovered(null);
    const to = drag?.to ?? null;
    this.show({
      selected,
      handles: !to,
      previews: drag && to ? outlines(drag, to.at) : [],
      activeHandle: to ? (to.on || drag?.handle.kind === "edge" ? null : to.at) : (this.hovered?.at ?? null),
      cursor: to?.on ? to.at : null,
      snap: to?.on ?? null,
    });
  }

  /** What was under the pointer may have gone, or come, with the draft; another selection is not pointed at yet. */
  private lookAgain(): void {
    if (this.drag || this.underway > 0) return;
    const { known } = this;
    this.known = { draft: this.host.draft(), chosen: this.host.selection().join(" ") };
    if (this.known.chosen !== known.chosen) this.setHovered(null);
    else if (this.known.draft !== known.draft) this.setHovered(this.rests && this.handleAt(this.rests));
  }

  private setHovered(handle: Handle | null): void {
    this.hovered = handle;
    this.host.view.map.getContainer().classList.toggle("is-over-handle", handle !== null);
  }

  /** With Shift, whole edges; else vertices and the middles of edges. */
  private handleAt(g: Gesture): Handle | null {
    if (g.shift) return this.edgeAt(g, this.host.selection());
    return handleNear(this.shapes(this.host.selection()), g.at, this.grab(g), (px) => this.host.view.reach(px));
  }

  private edgeAt(g: Gesture, ids: readonly string[]): EdgeHandle | null {
    for (const { id, rings } of this.shapes(ids)) {
      const edge = edgeNear([rings], g.at, this.grab(g));
      if (edge) return { kind: "edge", id, at: edge.at, a: edge.a, b: edge.b };
    }
    return null;
  }

  private shapes(ids: readonly string[]): Feature[] {
    const { features } = this.host.draft();
    return ids.flatMap((id) => features.get(id) ?? []);
  }

  private target({ handle, grabbed, ids }: Drag, g: Gesture): Landing {
    if (handle.kind !== "edge") return this.landing(g, ids);
    return { at: [Math.round(g.at[0] - grabbed[0]), Math.round(g.at[1] - grabbed[1])], on: null };
  }

  private choose(g: Gesture): void {
    const id = featureAt(this.host.draft(), g.at)?.id;
    const chosen = this.host.selection();
    if (!g.shift) this.host.select(id === undefined ? [] : [id]);
    else if (id !== undefined) this.host.select(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  }

  private remove({ id, at }: Handle): void {
    this.drag = null;
    this.setHovered(null);
    void this.change({ kind: "remove_vertex", id, at }, []);
  }

  private async change(command: Command, previews: readonly Rings[]): Promise<void> {
    this.underway += previews.length > 0 ? 1 : 0;
    this.refresh();
    try {
      await this.run(command, { outlines: previews, colour: null });
    } finally {
      this.underway -= previews.length > 0 ? 1 : 0;
      if (this.isEnabled) this.refresh();
    }
  }
}

function followers(draft: Draft, handle: Handle): Feature[] {
  if (handle.kind === "vertex") return passingThrough(draft, handle.at);
  if (handle.kind === "middle") return sharingEdge(draft, handle.a, handle.b);
  return [...new Set([...passingThrough(draft, handle.a), ...passingThrough(draft, handle.b)])];
}

/** One on a side of the tile stays on that side, and none leaves the tile. */
function shifted([x, y]: Point, [dx, dy]: Point, side: number): Point {
  const along = (v: number, d: number): number => (v === 0 || v === side ? v : Math.min(Math.max(v + d, 0), side));
  return [along(x, dx), along(y, dy)];
}

/** The shapes that follow, as they would become; for a whole edge `to` says by how much. */
function outlines({ handle, own, draft }: Drag, to: Point): Rings[] {
  return own.map((f) => {
    if (handle.kind === "vertex") return moved(f, handle.at, to).rings;
    if (handle.kind === "middle") return bent(f, handle.a, handle.b, to).rings;
    const once = moved(f, handle.a, shifted(handle.a, to, draft.side));
    return moved(once, handle.b, shifted(handle.b, to, draft.side)).rings;
  });
}

function commandOf({ handle }: Drag, to: Point): Command {
  const { id } = handle;
  if (handle.kind === "vertex") return { kind: "move_vertex", id, from: handle.at, to };
  if (handle.kind === "middle") return { kind: "insert_vertex", id, a: handle.a, b: handle.b, at: to };
  return { kind: "move_edge", id, a: handle.a, b: handle.b, by: to };
}
