import { PictureLayer } from "./picture-layer";

/**
 * One hue from pale and thin to dark and dense. Lightness falls and opacity rises evenly, so that the order reads
 * without telling colours apart and the image stays visible where the model is sure.
 */
const SURE = [196, 140, 226, 0.1] as const;
const DOUBTFUL = [58, 0, 92, 0.88] as const;
const LEGEND_STEPS = 5;

/** The colour of a doubt from 0 (sure) to 1 (no idea): red, green, blue 0…255 and opacity 0…1. */
export function doubtColour(share: number): [red: number, green: number, blue: number, alpha: number] {
  const at = Math.max(0, Math.min(1, share));
  const between = (i: 0 | 1 | 2 | 3): number => SURE[i] + (DOUBTFUL[i] - SURE[i]) * at;
  return [Math.round(between(0)), Math.round(between(1)), Math.round(between(2)), between(3)];
}

/** What the panel shows beside the overlay: shares of the greatest doubt possible, and their CSS colours. */
export const DOUBT_LEGEND: readonly { readonly share: number; readonly colour: string }[] = Array.from(
  { length: LEGEND_STEPS },
  (_, i) => {
    const share = i / (LEGEND_STEPS - 1);
    const [r, g, b, a] = doubtColour(share);
    return { share, colour: `rgb(${r} ${g} ${b} / ${a.toFixed(2)})` };
  },
);

/** The overlay's pixels from doubt as the server sends it: 0 is no imagery, else 1 to 255. */
export function doubtPixels(doubt: Uint8Array, side: number): ImageData {
  const image = new ImageData(side, side);
  const ramp = Array.from({ length: 256 }, (_, value) => {
    const [r, g, b, a] = doubtColour((value - 1) / 254);
    return value === 0 ? [0, 0, 0, 0] : [r, g, b, Math.round(a * 255)];
  });
  for (let i = 0; i < side * side; i++) image.data.set(ramp[doubt[i] ?? 0] as number[], 4 * i);
  return image;
}

/** How unsure the model is, over the tile. */
export class DoubtLayer extends PictureLayer {
  constructor() {
    super("doubt", "doubt-overlay");
  }

  /** Shows a square raster of doubt, or takes it away. */
  setDoubt(doubt: Uint8Array | null): this {
    return this.setPicture(doubt ? doubtPixels(doubt, Math.round(Math.sqrt(doubt.length))) : null);
  }
}
