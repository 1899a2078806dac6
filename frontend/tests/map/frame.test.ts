import L from "leaflet";
import { expect, it } from "vitest";
import { pixelCrs, TileFrame } from "../../src/map/frame";
import { tileUrl, viewsOf } from "../../src/map/imagery";

it("puts one image pixel on one map pixel at the native zoom, y down", () => {
  const crs = pixelCrs(4);
  const at = crs.latLngToPoint(L.latLng(300, 700), 4);
  expect([at.x, at.y]).toEqual([700, 300]);
  const out = crs.latLngToPoint(L.latLng(300, 700), 2);
  expect([out.x, out.y]).toEqual([175, 75]);
  expect(crs.zoom(crs.scale(3))).toBe(3);
});

it("brings the tile's units to the image and back without loss", () => {
  const frame = new TileFrame(1024, 512, 512);
  expect(frame.side).toBe(4096);
  const at = frame.toLatLng([4, 4095]);
  expect([at.lng, at.lat]).toEqual([1024.5, 512 + 511.875]);
  expect(frame.toUnits(at)).toEqual([4, 4095]);
});

it("offers the views that the bands allow", () => {
  expect(viewsOf(["grey"])).toEqual(["rgb"]);
  expect(viewsOf(["R", "G", "B"])).toEqual(["rgb", "band-R", "band-G", "band-B"]);
  expect(viewsOf(["R", "G", "B", "NIR", "SWIR", "height"])).toEqual([
    "rgb", "irc", "ndvi", "band-height", "band-SWIR", "band-R", "band-G", "band-B", "band-NIR",
  ]);
  expect(tileUrl({ slug: "gers" }, "rgb")).toBe("/imagery/gers/native/{z}/{x}/{y}.jpg");
  expect(tileUrl({ slug: "gers", version: 1 }, "irc")).toBe("/imagery/gers/native/{z}/{x}/{y}.jpg?view=irc");
  expect(tileUrl({ slug: "gers", version: 3 }, "rgb")).toBe("/imagery/gers/native/{z}/{x}/{y}.jpg?v=3");
  expect(tileUrl({ slug: "gers", version: 3 }, "irc")).toBe("/imagery/gers/native/{z}/{x}/{y}.jpg?view=irc&v=3");
});
