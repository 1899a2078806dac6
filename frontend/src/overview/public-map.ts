// A public map in Web Mercator: imagery, what models and people say of it, and two of these side by side.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";
import { layersOf, type MapLayer, type MapOffer, type OfferedImagery } from "./map-offer";
import type { MapView } from "./permalink";
import { LEFT_PANE, RIGHT_PANE, Swipe } from "./swipe";
import { describe, type LabelLooks, vectorLayer, type VectorKind } from "./vector-layer";
import { escapeText, type MapBoot } from "./web-map";

export interface Shown {
  on: boolean;
  opacity: number;
}

export interface Compared {
  readonly left: string;
  readonly right: string;
}

type Drawn = Leaflet.GridLayer & { featureAt?: ReturnType<typeof vectorLayer>["featureAt"] };

const MAX_ZOOM = 22;
/** Layers of polygons and classes keep hard edges when enlarged. */
const HARD_EDGED = new Set(["class", "entropy", "change", "disagreement"]);

/** The stack of layers; `changed` is called whenever what is shown is another. */
export class PublicMap {
  layers: readonly MapLayer[] = [];
  readonly shown = new Map<string, Shown>();
  compared: Compared | null = null;
  changed: () => void = () => undefined;
  private readonly drawn = new Map<string, Drawn>();
  private readonly sides: Drawn[] = [];
  private swipe: Swipe | null = null;
  private attributions = new Map<number, string>();

  constructor(
    readonly map: Leaflet.Map,
    private readonly boot: MapBoot,
    private readonly looks: LabelLooks,
  ) {
    map.attributionControl.setPrefix("Leaflet");
    map.zoomControl.remove();
    window.L.control.zoom({ zoomInTitle: gettext("Zoom in"), zoomOutTitle: gettext("Zoom out") }).addTo(map);
    hideOutside(map, boot.outline);
    map.fitBounds(boot.bounds);
    map.setMinZoom(Math.max(0, map.getZoom() - 2));
    map.on("click", ({ latlng }: Leaflet.LeafletMouseEvent) => {
      this.tell(latlng);
    });
  }

  /** Takes what the server offers; what was shown before stays, new layers are as the offer has them. */
  take(offer: MapOffer, options: { showClasses?: boolean } = {}): void {
    this.layers = layersOf(offer, options);
    this.attributions = new Map(offer.imagery.map((one) => [one.vintage, one.attribution]));
    for (const layer of this.layers) {
      if (!this.shown.has(layer.key)) this.shown.set(layer.key, { on: layer.on, opacity: layer.opacity });
    }
    this.draw();
  }

  /** Turns a layer on or off, or changes how clear it is. */
  set(key: string, change: Partial<Shown>): void {
    const shown = this.shown.get(key);
    if (!shown) return;
    Object.assign(shown, change);
    if (change.on === undefined) this.drawn.get(key)?.setOpacity(shown.opacity);
    else this.draw();
    if (this.compared) this.drawSides();
    this.changed();
  }

  /** Shows two layers side by side, or the stack again. */
  compare(compared: Compared | null, at = this.swipe?.at ?? 0.5): void {
    const known = (key: string): boolean => this.layers.some((layer) => layer.key === key && layer.tiles);
    this.compared = compared && known(compared.left) && known(compared.right) ? compared : null;
    if (!this.compared) {
      this.swipe?.remove();
      this.swipe = null;
    } else if (this.swipe) this.swipe.at = at;
    else this.swipe = new Swipe(this.map, at, () => {
      this.nameSides();
      this.changed();
    });
    this.drawSides();
    this.draw();
    this.changed();
  }

  /** Whether colours are seen that mean something: of any layer but imagery. */
  get showsColours(): boolean {
    const { compared } = this;
    return this.layers.some((layer) => {
      if (!layer.tiles || layer.kind === "imagery") return false;
      if (compared) return layer.key === compared.left || layer.key === compared.right;
      const shown = this.shown.get(layer.key);
      return shown?.on === true && shown.opacity > 0;
    });
  }

  /** What an address must say to show the same again. */
  view(): MapView {
    const { lat, lng } = this.map.getCenter().wrap();
    const on = this.layers.filter((layer) => layer.tiles && this.shown.get(layer.key)?.on);
    const { compared, swipe } = this;
    return {
      zoom: this.map.getZoom(), lat, lng,
      show: Object.fromEntries(on.map((layer) => [layer.key, this.shown.get(layer.key)?.opacity ?? 1])),
      compare: compared && swipe ? { ...compared, at: swipe.at } : null,
    };
  }

  /** Shows what an address says; layers that this map does not have are passed over. */
  apply(view: MapView): void {
    this.map.setView([view.lat, view.lng], view.zoom, { animate: false });
    for (const [key, shown] of this.shown) {
      const opacity = view.show[key];
      shown.on = opacity !== undefined;
      if (opacity !== undefined) shown.opacity = opacity;
    }
    this.compare(view.compare, view.compare?.at);
  }

  layerOf(key: string): MapLayer | undefined {
    return this.layers.find((layer) => layer.key === key);
  }

  private draw(): void {
    this.layers.forEach((layer, height) => {
      const shown = this.shown.get(layer.key);
      const wanted = shown?.on && layer.tiles && !this.compared;
      const drawn = this.drawn.get(layer.key);
      if (!wanted) {
        drawn?.remove();
        this.drawn.delete(layer.key);
      } else if (drawn) drawn.setOpacity(shown.opacity);
      else this.drawn.set(layer.key, this.make(layer, { opacity: shown.opacity, zIndex: height + 1 }).addTo(this.map));
    });
  }

  private drawSides(): void {
    for (const side of this.sides.splice(0)) side.remove();
    if (!this.compared) return;
    for (const [pane, key] of [[LEFT_PANE, this.compared.left], [RIGHT_PANE, this.compared.right]] as const) {
      const layer = this.layerOf(key);
      if (!layer) continue;
      const ground = this.layers.find((one) => one.kind === "imagery" && one.vintage === layer.vintage);
      if (ground && ground !== layer) this.sides.push(this.make(ground, { pane, zIndex: 1 }).addTo(this.map));
      const opacity = layer.kind === "imagery" ? 1 : (this.shown.get(key)?.opacity ?? 1);
      this.sides.push(this.make(layer, { pane, zIndex: 2, opacity }).addTo(this.map));
    }
    this.nameSides();
  }

  private nameSides(): void {
    if (!this.compared) return;
    this.swipe?.name(this.layerOf(this.compared.left)?.name ?? "", this.layerOf(this.compared.right)?.name ?? "");
  }

  private make(layer: MapLayer, options: Leaflet.GridLayerOptions): Drawn {
    const { url = "", max_zoom = 0 } = layer.tiles ?? {};
    const attribution = this.attributionOf(layer);
    const common = { ...options, attribution, maxNativeZoom: max_zoom, maxZoom: MAX_ZOOM, bounds: boundsOf(layer, this.boot) };
    if (isVector(layer.kind)) return vectorLayer(url, layer.kind, this.looks, common);
    return window.L.tileLayer(url, HARD_EDGED.has(layer.kind) ? { ...common, className: "pixelated" } : common);
  }

  /** Whose work is on the map: of the imagery, and of people's labels. */
  private attributionOf(layer: MapLayer): string {
    if (layer.kind === "labels" || layer.kind === "agreement") return escapeText(gettext("Labels: contributors of this campaign, Licence Ouverte 2.0"));
    return escapeText(this.attributions.get(layer.vintage) ?? this.boot.attribution);
  }

  /** Says what people or a model see at a place, where that is shown and nothing above answers. */
  private tell(place: Leaflet.LatLng): void {
    for (const drawn of [...this.drawn.values(), ...this.sides].reverse()) {
      const feature = drawn.featureAt?.(place, this.map);
      if (feature) {
        window.L.popup().setLatLng(place).setContent(describe(feature, this.looks)).openOn(this.map);
        return;
      }
    }
  }
}

function isVector(kind: string): kind is VectorKind {
  return kind === "labels" || kind === "agreement" || kind === "polygons";
}

function boundsOf(layer: MapLayer, boot: MapBoot): [[number, number], [number, number]] {
  return layer.kind === "imagery" ? (layer.tiles as OfferedImagery).bounds : boot.bounds;
}

/** What can be shown of a page whose server offers nothing more: its imagery. */
export function imageryAlone(boot: MapBoot): MapOffer {
  const url = `/imagery/${boot.layer}/web/{z}/{x}/{y}.jpg?v=${boot.version}`;
  const imagery = { layer: boot.layer, title: "", vintage: 0, attribution: boot.attribution, bounds: boot.bounds, outline: boot.outline, url, max_zoom: 20 };
  return { imagery: [imagery], maps: [], change: null, polygons: null, labels: null };
}

/** Map tiles are square JPEGs, white beyond the imagery: cover that with the map's own ground. */
function hideOutside(map: Leaflet.Map, outline: [number, number][]): void {
  const pane = map.createPane("outside");
  pane.style.zIndex = "250";
  pane.style.pointerEvents = "none";
  const world: [number, number][] = [[-85, -360], [-85, 360], [85, 360], [85, -360]];
  const ground = getComputedStyle(map.getContainer()).backgroundColor;
  window.L.polygon([world, outline], {
    pane: "outside",
    // Its own renderer, or Leaflet would draw it above the tiles people click.
    renderer: window.L.svg({ pane: "outside", padding: 1 }),
    interactive: false,
    stroke: false,
    fillColor: ground,
    fillOpacity: 1,
  }).addTo(map);
}
