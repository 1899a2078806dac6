import L from "leaflet";
import { featureAt } from "../../domain/hittest";
import type { Point, Rings } from "../../domain/geometry";
import { bent, moved, passingThrough, sharingEdge } from "../../domain/shared";
import { MIN_MIDDLE_PX } from "../sketch-layer";
import { Tool } from "./tool";

const GRAB_PX = 10;

type Handle =
  | { readonly kind: "vertex"; readonly at: Point }
  | { readonly kind: "middle"; readonly at: Point; readonly a: Point; readonly b: Point };

/** Selects shapes; drags their vertices, and the middles of their edges, together with their neighbours'. */
export class EditVertices extends Tool {
  private hovered: Handle | null = null;
  private dragged: Handle | null = null;
  private target: Point | null = null;

  override addHooks(): void {
    this.map.on("click", this.onClick, this);
    this.map.on("mousedown", this.onDown, this);
    this.map.on("mousemove", this.onMove, this);
    this.map.on("contextmenu", this.onContextMenu, this);
    L.DomEvent.on(document.documentElement, "mouseup", this.onUp, this);
    this.refresh();
  }

  override removeHooks(): void {
    this.map.off("click", this.onClick, this);
    this.map.off("mousedown", this.onDown, this);
    this.map.off("mousemove", this.onMove, this);
    this.map.off("contextmenu", this.onContextMenu, this);
    L.DomEvent.off(document.documentElement, "mouseup", this.onUp, this);
    this.release();
    this.hovered = null;
    this.host.view.sketch.setSketch({});
  }

  override get isBusy(): boolean {
    return this.dragged !== null;
  }

  private selectedRings(): Rings | undefined {
    const id = this.host.selectedId();
    return id === null ? undefined : this.host.draft().features.get(id)?.rings;
  }

  override refresh(): void {
    const selected = this.selectedRings();
    if (!selected) this.hovered = null;
    const previews = this.previews();
    this.host.view.sketch.setSketch({
      ...(selected ? { selected } : {}),
      handles: previews.length === 0,
      previews,
      activeHandle: this.target ?? this.hovered?.at ?? null,
    });
  }

  private previews(): Rings[] {
    const { dragged, target } = this;
    if (!dragged || !target) return [];
    const draft = this.host.draft();
    if (dragged.kind === "vertex") return passingThrough(draft, dragged.at).map((f) => moved(f, dragged.at, target).rings);
    return sharingEdge(draft, dragged.a, dragged.b).map((f) => bent(f, dragged.a, dragged.b, target).rings);
  }

  /** The handle under the pointer: a vertex before the middle of an edge. */
  private handleAt(event: L.LeafletMouseEvent): Handle | null {
    const [x, y] = this.raw(event);
    const reach = this.host.view.reach(GRAB_PX);
    const shortest = this.host.view.reach(MIN_MIDDLE_PX);
    let best: Handle | null = null;
    let bestDistance = reach;
    for (const ring of this.selectedRings() ?? []) {
      ring.forEach((a, i) => {
        const b = ring[(i + 1) % ring.length] as Point;
        const distance = Math.hypot(a[0] - x, a[1] - y);
        if (distance < bestDistance || (best?.kind === "middle" && distance < reach)) {
          best = { kind: "vertex", at: a };
          bestDistance = distance;
        }
        const middle: Point = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
        const away = Math.hypot(middle[0] - x, middle[1] - y);
        if (best?.kind !== "vertex" && away < bestDistance && Math.hypot(b[0] - a[0], b[1] - a[1]) > shortest) {
          best = { kind: "middle", at: middle, a, b };
          bestDistance = away;
        }
      });
    }
    return best;
  }

  private onDown(event: L.LeafletMouseEvent): void {
    if (event.originalEvent.button !== 0) return;
    const handle = this.handleAt(event);
    if (!handle) return;
    this.dragged = handle;
    this.map.dragging.disable();
    L.DomEvent.preventDefault(event.originalEvent);
  }

  private onMove(event: L.LeafletMouseEvent): void {
    if (this.dragged) {
      const { dragged } = this;
      const draft = this.host.draft();
      const own = dragged.kind === "vertex" ? passingThrough(draft, dragged.at) : sharingEdge(draft, dragged.a, dragged.b);
      this.target = this.snapped(event, new Set(own.map((f) => f.id)));
    } else {
      const handle = this.handleAt(event);
      if (handle?.at[0] === this.hovered?.at[0] && handle?.at[1] === this.hovered?.at[1]) return;
      this.hovered = handle;
    }
    this.refresh();
  }

  private onUp(): void {
    const { dragged, target } = this;
    const id = this.host.selectedId();
    this.release();
    if (!dragged || !target || id === null) return;
    this.hovered = null;
    if (dragged.kind === "vertex") this.host.moveVertex(id, dragged.at, target);
    else this.host.insertVertex(id, dragged.a, dragged.b, target);
  }

  private release(): void {
    if (this.dragged) this.map.dragging.enable();
    this.dragged = null;
    this.target = null;
  }

  private onClick(event: L.LeafletMouseEvent): void {
    const handle = this.handleAt(event);
    if (handle) {
      if (handle.kind === "vertex" && event.originalEvent.altKey) this.removeAt(handle.at);
      return;
    }
    this.host.select(featureAt(this.host.draft(), this.raw(event))?.id ?? null);
  }

  private onContextMenu(event: L.LeafletMouseEvent): void {
    L.DomEvent.preventDefault(event.originalEvent);
    const handle = this.handleAt(event);
    if (handle?.kind === "vertex") this.removeAt(handle.at);
  }

  private removeAt(at: Point): void {
    const id = this.host.selectedId();
    this.hovered = null;
    if (id !== null) this.host.removeVertex(id, at);
  }

  override key(event: KeyboardEvent): boolean {
    if (event.key === "Escape" && this.dragged) {
      this.release();
      this.refresh();
      return true;
    }
    if ((event.key === "Delete" || event.key === "Backspace") && this.hovered?.kind === "vertex") {
      this.removeAt(this.hovered.at);
      return true;
    }
    if (event.key === "Escape" && this.host.selectedId() !== null) {
      this.host.select(null);
      return true;
    }
    return false;
  }
}
