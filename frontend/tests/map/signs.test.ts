import { expect, it } from "vitest";
import { DOUBT_LEGEND, doubtColour } from "../../src/map/doubt-layer";
import { viewKind, viewsOf } from "../../src/map/imagery";
import { channels, inkOn, PATTERN_COUNT, PATTERN_PX, patternInk } from "../../src/map/patterns";
import { barFor, lengthWords } from "../../src/map/scale-bar";

/** Share of pixels that differ between two patterns laid in the way that makes them most alike. */
function difference(a: Uint8Array, b: Uint8Array): number {
  let least = PATTERN_PX ** 2;
  for (let dy = 0; dy < PATTERN_PX; dy++) {
    for (let dx = 0; dx < PATTERN_PX; dx++) {
      let differing = 0;
      for (let i = 0; i < a.length; i++) {
        const x = ((i % PATTERN_PX) + dx) % PATTERN_PX;
        const y = (Math.floor(i / PATTERN_PX) + dy) % PATTERN_PX;
        if (a[i] !== b[y * PATTERN_PX + x]) differing++;
      }
      least = Math.min(least, differing);
    }
  }
  return least / PATTERN_PX ** 2;
}

it("has more than twenty patterns, no two alike however they are shifted", () => {
  expect(PATTERN_COUNT).toBeGreaterThanOrEqual(20);
  const patterns = Array.from({ length: PATTERN_COUNT }, (_, i) => patternInk(i));
  for (let i = 0; i < PATTERN_COUNT; i++) {
    for (let k = i + 1; k < PATTERN_COUNT; k++) {
      const found = difference(patterns[i] as Uint8Array, patterns[k] as Uint8Array);
      expect(found, `patterns ${i} and ${k}`).toBeGreaterThan(0.06);
    }
  }
});

it("leaves most of the class's colour to be seen under every pattern, and some ink", () => {
  for (let i = 0; i < PATTERN_COUNT; i++) {
    const share = patternInk(i).reduce((sum, bit) => sum + bit, 0) / PATTERN_PX ** 2;
    expect(share, `pattern ${i}`).toBeGreaterThan(0.03);
    expect(share, `pattern ${i}`).toBeLessThanOrEqual(0.5);
  }
});

it("inks light colours black and dark ones white", () => {
  expect(inkOn("#ffff99")).toEqual([0, 0, 0]);
  expect(inkOn("#103010")).toEqual([255, 255, 255]);
  expect(channels("#ff8000")).toEqual([255, 128, 0]);
});

it("takes the longest scale bar of 1, 2 or 5 times a power of ten that fits", () => {
  expect(barFor(0.2, 130)).toEqual({ metres: 20, px: 100 });
  expect(barFor(0.5, 130)).toEqual({ metres: 50, px: 100 });
  expect(barFor(1, 100)).toEqual({ metres: 100, px: 100 });
  expect(barFor(0.001, 130).metres).toBeCloseTo(0.1);
  for (let perPx = 0.003; perPx < 500; perPx *= 1.07) {
    const { metres, px } = barFor(perPx, 130);
    expect(px).toBeLessThanOrEqual(130.001);
    expect(px).toBeGreaterThan(51.9);
    const lead = metres / 10 ** Math.floor(Math.log10(metres) + 1e-9);
    expect([1, 2, 5].some((n) => Math.abs(n - lead) < 1e-6)).toBe(true);
  }
});

it("writes lengths in the page's language", () => {
  expect(lengthWords(20, "en")).toBe("20 m");
  expect(lengthWords(0.5, "en")).toBe("50 cm");
  expect(lengthWords(2000, "fr").replace(/\s/g, " ")).toBe("2 km");
});

/** Relative luminance over a mid grey ground. */
function lightness(share: number): number {
  const [r, g, b, alpha] = doubtColour(share);
  const linear = [r, g, b].map((v) => ((v * alpha + 128 * (1 - alpha)) / 255) ** 2.2);
  return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
}

it("grows darker and denser with doubt at every step, so that the order needs no hue", () => {
  for (let value = 1; value <= 254; value++) {
    const [before, after] = [doubtColour((value - 1) / 254), doubtColour(value / 254)];
    expect(after[3]).toBeGreaterThan(before[3]);
    expect(after[1]).toBeLessThanOrEqual(before[1]);
  }
  for (let i = 0; i < 4; i++) expect(lightness(i / 4)).toBeGreaterThan(lightness((i + 1) / 4));
  expect(DOUBT_LEGEND[0]).toEqual({ share: 0, colour: "rgb(196 140 226 / 0.10)" });
  expect(DOUBT_LEGEND.at(-1)?.share).toBe(1);
});

it("offers heights by the names that they have in files, before other single bands", () => {
  for (const name of ["HEIGHT", "H", "dsm", "DTM", "nDSM", "MNH", "MNS", "mnt", "Elevation"]) {
    expect(viewKind(`band-${name}`)).toBe("height");
  }
  expect(viewKind("band-SWIR")).toBe("band");
  expect(["rgb", "irc", "ndvi"].map(viewKind)).toEqual(["colour", "infrared", "vegetation"]);
  expect(viewsOf(["R", "G", "B", "SWIR", "MNH"]).slice(0, 3)).toEqual(["rgb", "band-MNH", "band-SWIR"]);
});
