import L from "leaflet";
import type { Layer } from "../api/types";
import type { AskedPart } from "../domain/asked";
import type { Feature } from "../domain/draft";
import { boxOf, type Point, type Rings, SUBPIXELS } from "../domain/geometry";
import type { Segments } from "../domain/raster";
import type { Suggestion } from "../domain/suggestion";
import { AskedLayer } from "./asked-layer";
import { CodeLayer } from "./code-layer";
import { CoverageLayer } from "./coverage-layer";
import { CursorLayer } from "./cursor-layer";
import { DoubtLayer } from "./doubt-layer";
import { pixelCrs, TileFrame } from "./frame";
import { GapLayer } from "./gap-layer";
import { imageryLayer } from "./imagery";
import type { SheetLayer } from "./sheet-layer";
import { ScaleBar } from "./scale-bar";
import { SegmentLayer } from "./segment-layer";
import { MarkLayer } from "./mark-layer";
import { LocalPainter, openPainter, type Painter } from "./sheet/painter";
import { SketchLayer } from "./sketch-layer";
import { SuggestionLayer } from "./suggestion-layer";
import { SurroundingsLayer } from "./surroundings-layer";
import "./layers.css";

/** How far one may pan beyond the tile, in tile sides. */
const MARGIN = 0.75;
const PAN_PX = 80;
const ZOOMS_BEYOND_NATIVE = 5;
/** A shape brought into view is enlarged at most this much beyond the image's own pixels. */
const FEATURE_ZOOMS_BEYOND_NATIVE = 3;
const MOVE_SECONDS = 0.3;
const DRAWN_MS = 500;

/** From the lowest to the highest. */
const PANES = ["surroundings", "coverage", "gaps", "doubt", "segments", "codes", "asked", "suggestions", "sketch", "cursor"] as const;
const FIRST_PANE_ORDER = 405;

/** What Leaflet's map has beyond its types: ends the motion from zoom to zoom at once, where there is one. */
interface ZoomGlide {
  _onZoomTransitionEnd(): void;
}

const prefers = (feature: string): boolean => window.matchMedia(feature).matches;

/** The map of one imagery layer on its own pixel grid, with one tile on it. */
export class MapView {
  readonly map: L.Map;
  readonly coverage: CoverageLayer;
  readonly sketch = new SketchLayer();
  readonly marks = new MarkLayer();
  frame: TileFrame | null = null;
  private isLimited = true;
  private painter: Painter;
  private readonly gaps: GapLayer;
  private readonly codes: CodeLayer;
  private readonly suggestions: SuggestionLayer;
  private readonly surroundings = new SurroundingsLayer();
  private readonly asked = new AskedLayer();
  private readonly doubt = new DoubtLayer();
  private readonly segments = new SegmentLayer();
  private readonly cursor = new CursorLayer();
  private imagery: L.TileLayer | null = null;
  private imageryView = "";
  private brightness = 1;
  private contrast = 1;
  private readonly observer: ResizeObserver;
  private isFitted = true;

  constructor(
    element: HTMLElement,
    private readonly layer: Layer,
    colours: ReadonlyMap<string, string>,
  ) {
    this.map = newMap(element, layer.native_max_zoom);
    PANES.forEach((name, i) => {
      const pane = this.map.createPane(name);
      pane.style.zIndex = String(FIRST_PANE_ORDER + i);
      pane.style.pointerEvents = "none";
    });
    this.painter = openPainter(() => { this.paintHere(); });
    this.coverage = new CoverageLayer(this.painter);
    this.gaps = new GapLayer(this.painter);
    this.codes = new CodeLayer(this.painter);
    this.suggestions = new SuggestionLayer(this.painter);
    this.setUpSheets(colours);
    for (const below of [this.surroundings, this.asked, this.coverage, this.gaps, this.doubt]) below.addTo(this.map);
    for (const above of [this.segments.boundaries, this.segments.chosen, this.codes, this.suggestions, this.sketch, this.cursor, this.marks]) above.addTo(this.map);
    new ScaleBar(layer.gsd_m).addTo(this.map);
    this.map.on("zoomend", () => {
      element.classList.toggle("is-enlarged", this.map.getZoom() > layer.native_max_zoom + 0.5);
    });
    this.map.on("dragstart zoomstart", () => {
      this.isFitted = false;
    });
    this.observer = new ResizeObserver(() => {
      this.map.invalidateSize({ animate: false });
      if (this.isFitted) this.fitTile();
    });
    this.observer.observe(element);
  }

  /** The zoom at which a pixel of the image is one of the screen's. */
  get nativeZoom(): number {
    return this.layer.native_max_zoom;
  }

  /** Classes have other colours, or are others. */
  setColours(colours: ReadonlyMap<string, string>): void {
    for (const sheet of this.sheets()) sheet.setStyle({ colours: [...colours] });
  }

  private setUpSheets(colours: ReadonlyMap<string, string>): void {
    const style = {
      colours: [...colours],
      strong: prefers("(prefers-contrast: more)") || prefers("(forced-colors: active)"),
      language: document.documentElement.lang || "en",
    };
    for (const sheet of this.sheets()) sheet.setStyle(style);
  }

  /** The worker failed: the page paints from now on. */
  private paintHere(): void {
    this.painter = new LocalPainter();
    for (const sheet of this.sheets()) sheet.setPainter(this.painter);
  }

  private sheets(): SheetLayer[] {
    return [this.coverage, this.gaps, this.codes, this.suggestions];
  }

  // The image

  /** Shows a view of the imagery; resolves when its map tiles are on screen, or could not be had. */
  showImagery(view: string): Promise<void> {
    const previous = this.imagery;
    if (previous && view === this.imageryView) {
      return (previous as unknown as { _loading?: boolean })._loading ? loaded(previous) : Promise.resolve();
    }
    const next = imageryLayer(this.layer, view);
    this.imagery = next;
    this.imageryView = view;
    const shown = loaded(next).then(() => { previous?.remove(); });
    next.addTo(this.map);
    return shown;
  }

  /** How bright the image is; 1 as it came. Labels keep their colours. */
  setBrightness(factor: number): void {
    this.brightness = factor;
    this.filterImagery();
  }

  /** How strong the image's contrast is; 1 as it came. */
  setContrast(factor: number): void {
    this.contrast = factor;
    this.filterImagery();
  }

  private filterImagery(): void {
    const pane = this.map.getPane("tilePane");
    const isPlain = this.brightness === 1 && this.contrast === 1;
    if (pane) pane.style.filter = isPlain ? "" : `brightness(${this.brightness}) contrast(${this.contrast})`;
  }

  /** How much the imagery around the tile is dimmed: 0 not at all, 1 hidden. */
  setSurroundings(share: number): void {
    this.surroundings.setDimming(share);
  }

  // What lies on it

  showTile(originX: number, originY: number, tilePx: number): TileFrame {
    const frame = new TileFrame(originX, originY, tilePx);
    this.frame = frame;
    const { surroundings, asked, sketch, doubt, segments, cursor } = this;
    for (const sheet of this.sheets()) sheet.setFrame(frame);
    for (const placed of [surroundings, asked, sketch, doubt, segments.boundaries, segments.chosen, cursor]) placed.setFrame(frame);
    this.marks.setFrame(frame);
    this.showSegments(null, new Set(), new Set());
    // Under the previous tile's limits the map would slide back while it is being placed.
    this.map.setMaxBounds();
    this.fitTile();
    this.limit();
    return frame;
  }

  /** Whether the map goes no farther than a little way around its tile. A map that follows another is not held back. */
  setLimited(isLimited: boolean): void {
    if (isLimited === this.isLimited) return;
    this.isLimited = isLimited;
    this.limit();
  }

  private limit(): void {
    if (this.frame && this.isLimited) this.map.setMaxBounds(this.frame.bounds.pad(MARGIN));
    else this.map.setMaxBounds();
  }

  /** Shows labels; ground that is `notAsked` for is no gap. */
  showFeatures(features: readonly Feature[], notAsked: readonly Feature[] = []): void {
    this.coverage.setFeatures(features);
    this.gaps.setFeatures([...features, ...notAsked]);
    this.codes.setFeatures(features);
  }

  /** Shows the labels, or the image alone. */
  setLabels(isShown: boolean): void {
    this.coverage.setVisible(isShown);
    this.codes.setVisible(isShown);
  }

  /** Resolves once the labels in view are drawn as they are; at the latest after half a second. */
  async drawn(): Promise<void> {
    const end = performance.now() + DRAWN_MS;
    do await new Promise(requestAnimationFrame);
    while (!this.coverage.isFresh && performance.now() < end);
  }

  /** Shapes on offer: dashed and hatched, those less confident than the threshold faint. */
  showSuggestions(list: readonly Suggestion[], threshold: number): void {
    this.suggestions.setSuggestions(list, threshold);
  }

  /** The boundaries of segments, or nothing; the ones pointed at and the ones marked stand out. */
  showSegments(segments: Segments | null, hovered: ReadonlySet<number>, marked: ReadonlySet<number>): void {
    this.segments.show(segments, hovered, marked);
    this.codes.setOn(segments !== null);
  }

  /** The model's doubt as the server sends it, one byte a pixel of the tile; null for nothing. */
  showDoubt(doubt: Uint8Array | null): void {
    this.doubt.setDoubt(doubt);
  }

  /** The parts of the tile that are asked for, as far as they are done; none: the whole tile is. */
  showAsked(parts: readonly AskedPart[]): void {
    this.asked.setParts(parts);
  }

  /** Shows the parts asked for, or the tile without them. */
  setAsked(isShown: boolean): void {
    this.asked.setOn(isShown);
  }

  /** Stripes on the tile's ground that has no label. */
  showGaps(on: boolean): void {
    this.gaps.setOn(on);
  }

  /** A pattern for each class, over its colour. */
  setPatterns(on: boolean): void {
    this.coverage.setPatterns(on);
  }

  /** The keyboard's cursor. */
  showCursor(point: Point | null): void {
    this.cursor.setPoint(point);
  }

  /** The colour of what is marked or pointed at. */
  setAccent(colour: string): void {
    this.sketch.setAccent(colour);
    this.segments.chosen.colour = colour;
  }

  // Where the map looks

  fitTile(): void {
    if (!this.frame) return;
    this.endZoom();
    this.map.fitBounds(this.frame.bounds, { padding: [24, 24], animate: false });
    this.isFitted = true;
  }

  /** Moves the view by a step to a side. */
  pan(side: string): void {
    const steps: Readonly<Record<string, [number, number]>> = {
      left: [-PAN_PX, 0],
      right: [PAN_PX, 0],
      up: [0, -PAN_PX],
      down: [0, PAN_PX],
    };
    this.endZoom();
    this.map.panBy(steps[side] ?? [0, 0], { animate: false });
    this.isFitted = false;
  }

  /** Brings a place of the tile into view; to the middle of the window, at that zoom, when one is given. */
  lookAt(point: Point, { zoom }: { readonly zoom?: number } = {}): void {
    if (!this.frame) return;
    const at = this.frame.toLatLng(point);
    this.endZoom();
    if (zoom === undefined) this.map.panInside(at, { padding: [48, 48], ...moves() });
    else this.map.setView(at, zoom, moves());
    this.isFitted = false;
  }

  /** Brings a shape into view, as large as there is room for with some of its surroundings. */
  fitFeature(rings: Rings): void {
    if (!this.frame) return;
    const box = boxOf(rings);
    const bounds = L.latLngBounds(this.frame.toLatLng([box.minX, box.minY]), this.frame.toLatLng([box.maxX, box.maxY]));
    this.endZoom();
    this.map.fitBounds(bounds.pad(0.35), {
      padding: [32, 32], maxZoom: this.layer.native_max_zoom + FEATURE_ZOOMS_BEYOND_NATIVE, ...moves(),
    });
    this.isFitted = false;
  }

  /** Leaflet passes over a move that is asked for while it glides from zoom to zoom, or takes it back at the end. */
  private endZoom(): void {
    (this.map as unknown as ZoomGlide)._onZoomTransitionEnd();
  }

  /** Screen pixels expressed in units at the present zoom. */
  reach(pixels: number): number {
    return (pixels * SUBPIXELS) / (this.map.options.crs as L.CRS).scale(this.map.getZoom());
  }

  /** Window coordinates of a place given in image pixels from the tile's corner. */
  toScreen(xPx: number, yPx: number): { x: number; y: number } {
    const frame = this.frame;
    if (!frame) return { x: 0, y: 0 };
    const at = this.map.latLngToContainerPoint(frame.toLatLng([xPx * SUBPIXELS, yPx * SUBPIXELS]));
    const corner = this.map.getContainer().getBoundingClientRect();
    return { x: corner.left + at.x, y: corner.top + at.y };
  }

  remove(): void {
    this.observer.disconnect();
    this.map.remove();
    this.painter.close();
  }
}

function newMap(element: HTMLElement, nativeMaxZoom: number): L.Map {
  const isStill = prefers("(prefers-reduced-motion: reduce)");
  return L.map(element, {
    crs: pixelCrs(nativeMaxZoom),
    zoomControl: false,
    attributionControl: false,
    doubleClickZoom: false,
    boxZoom: false,
    // Its keys are the studio's: among others it takes 6 for a minus.
    keyboard: false,
    zoomAnimation: !isStill,
    // Each fading picture is a layer of its own to blend at every frame.
    fadeAnimation: false,
    inertia: !isStill,
    zoomSnap: 0.25,
    zoomDelta: 0.5,
    wheelPxPerZoomLevel: 90,
    maxZoom: nativeMaxZoom + ZOOMS_BEYOND_NATIVE,
    minZoom: nativeMaxZoom - 3,
    maxBoundsViscosity: 1,
    center: [0, 0],
    zoom: nativeMaxZoom,
  });
}

/** How the map moves to a place: at once for people who ask for less motion. */
function moves(): L.ZoomPanOptions {
  return prefers("(prefers-reduced-motion: reduce)") ? { animate: false } : { animate: true, duration: MOVE_SECONDS };
}

function loaded(imagery: L.TileLayer): Promise<void> {
  return new Promise((resolve) => { imagery.once("load", () => { resolve(); }); });
}
