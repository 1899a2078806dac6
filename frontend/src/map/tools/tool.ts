import L from "leaflet";
import type { Draft } from "../../domain/draft";
import type { Point, Rings } from "../../domain/geometry";
import { snap } from "../../domain/hittest";
import type { MapView } from "../map-view";

export type ToolName = "edit" | "polygon" | "rectangle" | "lasso";

/** What a tool asks of the page that holds it. */
export interface ToolHost {
  readonly view: MapView;
  draft(): Draft;
  selectedId(): string | null;
  /** Colour of the class being drawn. */
  colour(): string;
  select(id: string | null): void;
  draw(rings: Rings): void;
  moveVertex(id: string, from: Point, to: Point): void;
  insertVertex(id: string, a: Point, b: Point, at: Point): void;
  removeVertex(id: string, at: Point): void;
}

export const SNAP_PX = 9;

/** One way of using the pointer on the map. Exactly one is enabled at a time. */
export abstract class Tool extends L.Handler {
  constructor(protected readonly host: ToolHost) {
    super(host.view.map);
  }

  protected get map(): L.Map {
    return this.host.view.map;
  }

  /** The place of a pointer event in units, not rounded. */
  protected raw(event: L.LeafletMouseEvent): Point {
    return this.host.view.frame?.toUnits(event.latlng) ?? [0, 0];
  }

  /** The place meant by a pointer event: on a vertex, an edge or the tile's side when near; Alt turns that off. */
  protected snapped(event: L.LeafletMouseEvent, exclude: ReadonlySet<string> = new Set()): Point {
    const point = this.raw(event);
    if (event.originalEvent.altKey) return [Math.round(point[0]), Math.round(point[1])];
    const draft = this.host.draft();
    const shapes: Rings[] = [];
    for (const feature of draft.features.values()) if (!exclude.has(feature.id)) shapes.push(feature.rings);
    return snap(shapes, point, this.host.view.reach(SNAP_PX), draft.side);
  }

  /** The draft or the selection changed. */
  refresh(): void {}

  /** A key for the tool in hand; true when it was for it. */
  abstract key(event: KeyboardEvent): boolean;

  /** Whether something is half drawn. */
  abstract get isBusy(): boolean;
}
