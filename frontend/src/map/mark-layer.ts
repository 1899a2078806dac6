import L from "leaflet";
import type { Point } from "../domain/geometry";
import { reportLetter } from "../ui/reported-places";
import type { TileFrame } from "./frame";
import "./marks.css";

/** Pins on places of the tile: numbers a reviewer speaks of, letters that readers of the map reported. What each says
 * stands in a list beside the map. */
export class MarkLayer extends L.LayerGroup {
  private frame: TileFrame | null = null;
  private readonly reported = new L.LayerGroup();
  private readonly marked = new L.LayerGroup();

  constructor() {
    super();
    this.addLayer(this.reported).addLayer(this.marked);
  }

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    return this.setMarks([]).setReported([]);
  }

  setMarks(places: readonly Point[]): this {
    return this.show(this.marked, places, (i) => pinFace("mark-pin", String(i + 1)));
  }

  setReported(places: readonly Point[]): this {
    return this.show(this.reported, places, (i) => pinFace("mark-pin is-reported", reportLetter(i)));
  }

  private show(group: L.LayerGroup, places: readonly Point[], faceOf: (index: number) => HTMLElement): this {
    group.clearLayers();
    const { frame } = this;
    if (frame) places.forEach((place, i) => { group.addLayer(pin(frame.toLatLng(place), faceOf(i))); });
    return this;
  }
}

function pinFace(className: string, text: string): HTMLElement {
  const face = document.createElement("span");
  face.className = className;
  face.textContent = text;
  face.setAttribute("aria-hidden", "true");
  return face;
}

function pin(at: L.LatLng, face: HTMLElement): L.Marker {
  const icon = L.divIcon({ html: face, className: "mark-icon", iconSize: [26, 26], iconAnchor: [13, 13] });
  // A pin must not stand in the way of a tool.
  return L.marker(at, { icon, interactive: false, keyboard: false });
}
