import L from "leaflet";
import { gettext, interpolate } from "../i18n";

const LONGEST_PX = 130;

export interface Bar {
  readonly metres: number;
  readonly px: number;
}

/** The longest bar of 1, 2 or 5 times a power of ten metres that fits. */
export function barFor(metresPerPx: number, longestPx: number): Bar {
  const most = metresPerPx * longestPx;
  const power = 10 ** Math.floor(Math.log10(most) + 1e-9);
  const times = [5, 2, 1].find((n) => n * power <= most * (1 + 1e-9)) ?? 1;
  const metres = times * power;
  return { metres, px: metres / metresPerPx };
}

/** A length in words: "50 cm", "20 m", "2 km". */
export function lengthWords(metres: number, language: string): string {
  const [value, unit] = metres >= 1000 ? [metres / 1000, "kilometer"] : metres < 1 ? [metres * 100, "centimeter"] : [metres, "meter"];
  return new Intl.NumberFormat(language, { style: "unit", unit, maximumFractionDigits: 1 }).format(value);
}

/** A bar of a round length in metres, and an arrow to the north: the layer's grid has north up. */
export class ScaleBar extends L.Control {
  private readonly box = L.DomUtil.create("div", "scale-bar");
  private readonly words = L.DomUtil.create("span", "scale-words");
  private readonly line = L.DomUtil.create("span", "scale-line");
  private metres = 0;

  constructor(private readonly metresPerPixel: number) {
    super({ position: "bottomleft" });
    this.box.setAttribute("role", "img");
    const north = L.DomUtil.create("span", "scale-north");
    north.textContent = "N";
    this.box.append(north, this.line, this.words);
  }

  override onAdd(map: L.Map): HTMLElement {
    map.on("zoomend viewreset", this.update, this);
    this.update();
    return this.box;
  }

  override onRemove(map: L.Map): void {
    map.off("zoomend viewreset", this.update, this);
  }

  private update(): void {
    const map = (this as unknown as { _map: L.Map })._map;
    const bar = barFor(this.metresPerPixel / (map.options.crs as L.CRS).scale(map.getZoom()), LONGEST_PX);
    this.line.style.width = `${bar.px.toFixed(1)}px`;
    if (bar.metres === this.metres) return;
    this.metres = bar.metres;
    const length = lengthWords(bar.metres, document.documentElement.lang || "en");
    this.words.textContent = length;
    this.box.setAttribute("aria-label", interpolate(gettext("Scale: the bar is %(length)s long. North is up."), { length }));
  }
}
