import { SUBPIXELS } from "../domain/geometry";
import type { Segments } from "../domain/raster";
import { CanvasLayer, type Viewport } from "./canvas-layer";
import { PictureLayer } from "./picture-layer";

/** The picture of the boundaries has up to this many pixels a side, so that lines stay thin on screen. */
const PICTURE_PX = 2048;
const FINEST = 4;
const LIGHT = [255, 255, 255, 225] as const;
const DARK = [0, 0, 0, 170] as const;

/** Boundaries as a light line beside a dark one, seen on any ground. */
export function boundaryPixels({ ids, side_px: side }: Segments): ImageData {
  const fine = Math.max(2, Math.min(FINEST, Math.floor(PICTURE_PX / side)));
  const width = side * fine;
  const image = new ImageData(width, width);
  const pixels = new Uint32Array(image.data.buffer);
  const [light, dark] = new Uint32Array(new Uint8Array([...LIGHT, ...DARK]).buffer) as unknown as [number, number];
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const id = ids[y * side + x];
      const corner = y * fine * width + x * fine;
      if (x + 1 < side && ids[y * side + x + 1] !== id) {
        for (let k = 0; k < fine; k++) {
          pixels[corner + k * width + fine - 1] = light;
          pixels[corner + k * width + fine] = dark;
        }
      }
      if (y + 1 < side && ids[(y + 1) * side + x] !== id) {
        pixels.fill(light, corner + (fine - 1) * width, corner + (fine - 1) * width + fine);
        pixels.fill(dark, corner + fine * width, corner + fine * width + fine);
      }
    }
  }
  return image;
}

interface PixelBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const boxes = new WeakMap<Segments, PixelBox[]>();

/** The box of each segment in pixels, both ends included. */
export function segmentBoxes(segments: Segments): readonly PixelBox[] {
  let found = boxes.get(segments);
  if (found) return found;
  const { ids, side_px: side, count } = segments;
  found = Array.from({ length: count }, () => ({ left: side, top: side, right: -1, bottom: -1 }));
  for (let i = 0; i < ids.length; i++) {
    const box = found[ids[i] as number];
    if (!box) continue;
    const x = i % side;
    const y = (i - x) / side;
    if (x < box.left) box.left = x;
    if (x > box.right) box.right = x;
    if (y < box.top) box.top = y;
    box.bottom = y;
  }
  boxes.set(segments, found);
  return found;
}

/** The outline of segments taken together and the ground inside, as paths in units. */
function pathsOf(segments: Segments, wanted: ReadonlySet<number>): { outline: Path2D; ground: Path2D } {
  const { ids, side_px: side } = segments;
  const outline = new Path2D();
  const ground = new Path2D();
  const isIn = (x: number, y: number): boolean => x >= 0 && y >= 0 && x < side && y < side && wanted.has(ids[y * side + x] as number);
  const line = (x1: number, y1: number, x2: number, y2: number): void => {
    outline.moveTo(x1 * SUBPIXELS, y1 * SUBPIXELS);
    outline.lineTo(x2 * SUBPIXELS, y2 * SUBPIXELS);
  };
  for (const id of wanted) {
    const box = segmentBoxes(segments)[id];
    if (!box) continue;
    for (let y = box.top; y <= box.bottom; y++) {
      let start = -1;
      for (let x = box.left; x <= box.right + 1; x++) {
        const isOwn = x <= box.right && ids[y * side + x] === id;
        if (isOwn && start < 0) start = x;
        if (!isOwn && start >= 0) {
          ground.rect(start * SUBPIXELS, y * SUBPIXELS, (x - start) * SUBPIXELS, SUBPIXELS);
          start = -1;
        }
        if (!isOwn) continue;
        if (!isIn(x - 1, y)) line(x, y, x, y + 1);
        if (!isIn(x + 1, y)) line(x + 1, y, x + 1, y + 1);
        if (!isIn(x, y - 1)) line(x, y, x + 1, y);
        if (!isIn(x, y + 1)) line(x, y + 1, x + 1, y + 1);
      }
    }
  }
  return { outline, ground };
}

/** The segments pointed at and those marked. */
class ChosenSegments extends CanvasLayer {
  private hovered: { outline: Path2D; ground: Path2D } | null = null;
  private marked: { outline: Path2D; ground: Path2D } | null = null;
  colour = "#0b6bcb";

  constructor() {
    super("segments", 0.1);
  }

  choose(segments: Segments | null, hovered: ReadonlySet<number>, marked: ReadonlySet<number>): void {
    this.hovered = segments && hovered.size > 0 ? pathsOf(segments, hovered) : null;
    this.marked = segments && marked.size > 0 ? pathsOf(segments, marked) : null;
    this.redraw();
  }

  protected override get isBlank(): boolean {
    return !this.hovered && !this.marked;
  }

  protected override draw({ context, scale }: Viewport): void {
    context.lineCap = "square";
    if (this.marked) {
      context.globalAlpha = 0.5;
      context.fillStyle = this.colour;
      context.fill(this.marked.ground);
      context.globalAlpha = 1;
    }
    for (const [paths, colour, width] of [[this.marked, this.colour, 2], [this.hovered, "#ffe14d", 3]] as const) {
      if (!paths) continue;
      context.strokeStyle = "rgba(0,0,0,.85)";
      context.lineWidth = (width + 3) / scale;
      context.stroke(paths.outline);
      context.strokeStyle = colour;
      context.lineWidth = width / scale;
      context.stroke(paths.outline);
    }
  }
}

/** Segments of the image: their boundaries, and the ones chosen. */
export class SegmentLayer {
  readonly boundaries = new PictureLayer("segments", "segment-overlay");
  readonly chosen = new ChosenSegments();
  private segments: Segments | null = null;

  show(segments: Segments | null, hovered: ReadonlySet<number>, marked: ReadonlySet<number>): void {
    if (segments !== this.segments) {
      this.segments = segments;
      this.boundaries.setPicture(segments ? boundaryPixels(segments) : null);
    }
    this.chosen.choose(segments, hovered, marked);
  }
}
