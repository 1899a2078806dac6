import L from "leaflet";
import type { Point } from "../domain/geometry";
import type { TileFrame } from "./frame";
import "./marks.css";

/** Numbered pins on places of the tile. What each says stands in a list beside the map. */
export class MarkLayer extends L.LayerGroup {
  private frame: TileFrame | null = null;

  setFrame(frame: TileFrame): this {
    this.frame = frame;
    return this.setMarks([]);
  }

  setMarks(places: readonly Point[]): this {
    this.clearLayers();
    const { frame } = this;
    if (frame) places.forEach((place, i) => { this.addLayer(pin(frame.toLatLng(place), i + 1)); });
    return this;
  }
}

function pin(at: L.LatLng, number: number): L.Marker {
  const face = document.createElement("span");
  face.className = "mark-pin";
  face.textContent = String(number);
  face.setAttribute("aria-hidden", "true");
  const icon = L.divIcon({ html: face, className: "mark-icon", iconSize: [26, 26], iconAnchor: [13, 13] });
  // A pin must not stand in the way of a tool.
  return L.marker(at, { icon, interactive: false, keyboard: false });
}
