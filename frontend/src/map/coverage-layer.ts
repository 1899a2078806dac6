import type { Feature } from "../domain/draft";
import { boxesMeet, cachedBox, type Point, type Rings } from "../domain/geometry";
import { labelPoint } from "../domain/labelpoint";
import { CanvasLayer, pathOf, type Viewport } from "./canvas-layer";

const labelPoints = new WeakMap<Rings, { at: Point; width: number }>();
const LABEL_FONT_PX = 11;
const MIN_LABEL_WIDTH_PX = 46;
const MIN_LABEL_HEIGHT_PX = 22;
const MANY = 1500;

/** The labelled shapes of a tile, and the dimmed ground around it. */
export class CoverageLayer extends CanvasLayer {
  private features: readonly Feature[] = [];
  private colours: ReadonlyMap<string, string> = new Map();
  private opacity = 0.45;
  private isShown = true;

  constructor() {
    super("coverage", 0.25);
  }

  setColours(colours: ReadonlyMap<string, string>): this {
    this.colours = colours;
    return this.redraw();
  }

  setFeatures(features: readonly Feature[]): this {
    if (features === this.features) return this;
    this.features = features;
    return this.redraw();
  }

  setOpacity(opacity: number): this {
    this.opacity = opacity;
    return this.redraw();
  }

  setShown(isShown: boolean): this {
    this.isShown = isShown;
    return this.redraw();
  }

  protected override draw(view: Viewport): void {
    this.drawSurroundings(view);
    if (!this.isShown) return;
    const visible = this.features.filter((f) => boxesMeet(cachedBox(f.rings), view.box));
    const byClass = new Map<string, Path2D>();
    for (const feature of visible) {
      let path = byClass.get(feature.class_code);
      if (!path) byClass.set(feature.class_code, (path = new Path2D()));
      path.addPath(pathOf(feature.rings));
    }
    const { context } = view;
    context.lineJoin = "round";
    for (const [code, path] of byClass) {
      context.globalAlpha = this.opacity;
      context.fillStyle = this.colours.get(code) ?? "#888888";
      context.fill(path, "evenodd");
    }
    context.globalAlpha = Math.min(1, 0.35 + this.opacity);
    this.drawOutlines(view, byClass, visible.length > MANY);
    context.globalAlpha = 1;
    this.drawCodes(view, visible);
  }

  /** A dark line under one of the class's colour; among very many shapes the dark one alone tells them apart. */
  private drawOutlines({ context, scale }: Viewport, byClass: ReadonlyMap<string, Path2D>, isCrowded: boolean): void {
    context.strokeStyle = "rgba(0,0,0,.55)";
    context.lineWidth = (isCrowded ? 1 : 2.5) / scale;
    for (const path of byClass.values()) context.stroke(path);
    if (isCrowded) return;
    context.lineWidth = 1.25 / scale;
    for (const [code, path] of byClass) {
      context.strokeStyle = this.colours.get(code) ?? "#888888";
      context.stroke(path);
    }
  }

  private drawSurroundings({ context, scale, box }: Viewport): void {
    const side = this.frame?.side ?? 0;
    const outside = new Path2D();
    outside.rect(box.minX, box.minY, box.maxX - box.minX, box.maxY - box.minY);
    outside.rect(0, 0, side, side);
    context.fillStyle = "rgba(10, 14, 18, 0.5)";
    context.fill(outside, "evenodd");
    context.strokeStyle = "rgba(0,0,0,.7)";
    context.lineWidth = 4 / scale;
    context.strokeRect(0, 0, side, side);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2 / scale;
    context.strokeRect(0, 0, side, side);
  }

  /** The class code in each shape that has room for it, so that colour is never the only sign. */
  private drawCodes({ context, scale }: Viewport, visible: readonly Feature[]): void {
    context.font = `600 ${LABEL_FONT_PX / scale}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineWidth = 3 / scale;
    context.strokeStyle = "rgba(0,0,0,.75)";
    context.fillStyle = "#ffffff";
    for (const feature of visible) {
      const box = cachedBox(feature.rings);
      if ((box.maxX - box.minX) * scale < MIN_LABEL_WIDTH_PX || (box.maxY - box.minY) * scale < MIN_LABEL_HEIGHT_PX) continue;
      let place = labelPoints.get(feature.rings);
      if (!place) labelPoints.set(feature.rings, (place = labelPoint(feature.rings)));
      if (place.width * scale < MIN_LABEL_WIDTH_PX) continue;
      context.strokeText(feature.class_code, place.at[0], place.at[1]);
      context.fillText(feature.class_code, place.at[0], place.at[1]);
    }
  }
}
