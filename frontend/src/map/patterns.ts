/** A pattern for each class, so that colour is never the only sign: hatches, dots, crosses, bricks… */

/** Every pattern repeats after so many pixels, both ways. */
export const PATTERN_PX = 12;

type Ink = (x: number, y: number) => boolean;

const fold = (v: number, n: number): number => ((v % n) + n) % n;
const from = (v: number, centre: number): number => Math.abs(v - centre);

/** Whether the pixel x, y (0…11) has ink. Neighbours in the list are unlike each other. */
const PATTERNS: readonly Ink[] = [
  // Hatches and dots
  (x, y) => fold(x + y, 6) < 1,
  (x, y) => fold(x, 6) < 2 && fold(y, 6) < 2,
  (_x, y) => fold(y, 6) < 1,
  (x, y) => from(x, 5.5) + from(y, 5.5) < 4,
  (x, y) => fold(x - y, 6) < 1,
  (x, y) => (from(x, 5) < 4 && from(y, 5) < 1) || (from(y, 5) < 4 && from(x, 5) < 1),
  (x) => fold(x, 6) < 1,
  (x, y) => (x < 6) === (y < 6),
  (x, y) => fold(x + y, 6) < 1 || fold(x - y, 6) < 1,
  (x, y) => Math.hypot(x - 5.5, y - 5.5) < 5 && Math.hypot(x - 5.5, y - 5.5) > 3,
  (x, y) => fold(x, 6) < 1 || fold(y, 6) < 1,
  // Broader and rarer ones
  (x, y) => fold(x + y, 12) < 5,
  (x, y) => from(fold(x, 12), 5.5) === from(fold(y, 12), 5.5) && from(x, 5.5) < 4,
  (_x, y) => fold(y, 12) < 5,
  (x, y) => fold(x, 3) < 1 && fold(y, 3) < 1,
  (x, y) => fold(x - y, 12) < 5,
  (x, y) => (y < 2 && x < 7) || (from(y, 6.5) < 1 && fold(x - 6, 12) < 7),
  (x) => fold(x, 12) < 5,
  (x, y) => fold(y, 6) < 1 || (x < 1 && y < 6) || (x === 6 && y > 6),
  (x, y) => fold(y - (x < 6 ? x : 12 - x), 12) < 2,
  (x, y) => x >= 2 && x < 10 && y >= 2 && y < 10 && !(x >= 4 && x < 8 && y >= 4 && y < 8),
  (x, y) => fold(x - (y < 6 ? y : 12 - y), 12) < 2,
  (x, y) => (x < 2 && y < 7) || (from(x, 6.5) < 1 && fold(y - 6, 12) < 7),
  (_x, y) => fold(y, 12) < 1 || fold(y - 3, 12) < 1,
  (x, y) => (x < 2 || y < 2) && x < 9 && y < 9,
];

export const PATTERN_COUNT = PATTERNS.length;

/** The pattern's pixels, row by row, 1 where there is ink: PATTERN_PX × PATTERN_PX. */
export function patternInk(index: number): Uint8Array {
  const ink = PATTERNS[fold(index, PATTERN_COUNT)] as Ink;
  return Uint8Array.from({ length: PATTERN_PX ** 2 }, (_, i) => (ink(i % PATTERN_PX, Math.floor(i / PATTERN_PX)) ? 1 : 0));
}

type Colour = readonly [red: number, green: number, blue: number];

/** The channels of "#rrggbb"; a mid grey for anything else. */
export function channels(colour: string): Colour {
  const found = /^#([0-9a-f]{6})$/i.exec(colour)?.[1];
  if (!found) return [136, 136, 136];
  const value = parseInt(found, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Black ink on a light colour, white ink on a dark one. */
export function inkOn(colour: string): Colour {
  const [r, g, b] = channels(colour);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 105 ? [0, 0, 0] : [255, 255, 255];
}

/** The pattern as RGBA, `enlarged` times; transparent where there is no ink. */
export function patternPixels(index: number, ink: Colour, alpha: number, enlarged: number): ImageData {
  const bits = patternInk(index);
  const side = PATTERN_PX * enlarged;
  const image = new ImageData(side, side);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (!bits[Math.floor(y / enlarged) * PATTERN_PX + Math.floor(x / enlarged)]) continue;
      image.data.set([...ink, Math.round(255 * alpha)], 4 * (y * side + x));
    }
  }
  return image;
}
