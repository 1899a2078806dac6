// A place that somebody points at on the public map: by mouse, finger or keyboard, a point or the corners of an area.

import type * as Leaflet from "leaflet";
import { element } from "./web-map";

export type PlaceKind = "point" | "area";
export type ReportedPlace = GeoJSON.Point | GeoJSON.Polygon;

interface Degrees {
  lat: number;
  lng: number;
}

/** Leaflet's own, which its types leave out: whether the last press became a drag. */
type DragHandler = Leaflet.Handler & { moved(): boolean };

const LINE: Leaflet.PathOptions = { color: "#ffd400", weight: 3, fillColor: "#ffd400", fillOpacity: 0.25, interactive: false };
const CORNER: Leaflet.CircleMarkerOptions = { ...LINE, radius: 6, color: "#16202a", weight: 2, fillOpacity: 1 };

/** 1e-7 degree, about a centimetre: what the server keeps. */
function rounded({ lng, lat }: Degrees): [number, number] {
  return [Math.round(lng * 1e7) / 1e7, Math.round(lat * 1e7) / 1e7];
}

/** What is sent: null until there is enough of it. */
export function placeOf(kind: PlaceKind, corners: readonly Degrees[]): ReportedPlace | null {
  const positions = corners.map(rounded);
  const [first, , third] = positions;
  if (!first) return null;
  if (kind === "point") return { type: "Point", coordinates: positions[positions.length - 1] ?? first };
  return third ? { type: "Polygon", coordinates: [[...positions, first]] } : null;
}

/** Takes every click and Enter on the map while it is open; what else lies on the map does not hear them. */
export class PlaceSketch {
  private corners: Leaflet.LatLng[] = [];
  private kind: PlaceKind = "point";
  private readonly drawn: Leaflet.LayerGroup;
  private readonly cross = element("div", "", { class: "map-cross", "aria-hidden": "true" });
  private open = false;

  constructor(
    private readonly map: Leaflet.Map,
    private readonly changed: (corners: number) => void,
  ) {
    this.drawn = window.L.layerGroup();
  }

  start(): void {
    if (this.open) return;
    this.open = true;
    const ground = this.map.getContainer();
    // Before Leaflet hears of it, or the tile under the pointer would open its own window.
    ground.addEventListener("click", this.onClick, true);
    ground.addEventListener("keydown", this.onKey);
    ground.append(this.cross);
    this.map.closePopup();
    this.map.doubleClickZoom.disable();
    this.drawn.addTo(this.map);
  }

  stop(): void {
    if (!this.open) return;
    this.open = false;
    const ground = this.map.getContainer();
    ground.removeEventListener("click", this.onClick, true);
    ground.removeEventListener("keydown", this.onKey);
    this.cross.remove();
    this.map.doubleClickZoom.enable();
    this.clear();
    this.drawn.remove();
  }

  use(kind: PlaceKind): void {
    this.kind = kind;
    if (kind === "point") this.corners = this.corners.slice(-1);
    this.draw();
  }

  addAtMiddle(): void {
    this.add(this.map.getCenter());
  }

  removeLast(): void {
    this.corners.pop();
    this.draw();
  }

  clear(): void {
    this.corners = [];
    this.draw();
  }

  place(): ReportedPlace | null {
    return placeOf(this.kind, this.corners);
  }

  private readonly onClick = (event: MouseEvent): void => {
    const isControl = event.target instanceof Element && event.target.closest(".leaflet-control") !== null;
    if (isControl) return;
    event.stopPropagation();
    // The end of a drag is no click.
    if ((this.map.dragging as DragHandler).moved()) return;
    this.add(this.map.mouseEventToLatLng(event));
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.target !== this.map.getContainer()) return;
    if (event.key === "Enter" || event.key === " ") this.addAtMiddle();
    else if (event.key === "Backspace" || event.key === "Delete") this.removeLast();
    else return;
    event.preventDefault();
  };

  private add(place: Leaflet.LatLng): void {
    this.corners = this.kind === "point" ? [place] : [...this.corners, place];
    this.draw();
  }

  private draw(): void {
    this.drawn.clearLayers();
    if (this.corners.length > 2) this.drawn.addLayer(window.L.polygon(this.corners, LINE));
    else if (this.corners.length > 1) this.drawn.addLayer(window.L.polyline(this.corners, LINE));
    for (const corner of this.corners) this.drawn.addLayer(window.L.circleMarker(corner, CORNER));
    this.changed(this.corners.length);
  }
}
