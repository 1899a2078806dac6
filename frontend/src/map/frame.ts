import L from "leaflet";
import { type Point, SUBPIXELS } from "../domain/geometry";

/**
 * The map's own CRS: one image pixel is one map pixel at the layer's native zoom, x right, y down, as the map tiles
 * are cut. A latitude is a row and a longitude a column of the image; nothing here is geographic.
 */
export function pixelCrs(nativeMaxZoom: number): L.CRS {
  return L.Util.extend({}, L.CRS.Simple, {
    transformation: new L.Transformation(1, 0, 1, 0),
    scale: (zoom: number) => 2 ** (zoom - nativeMaxZoom),
    zoom: (scale: number) => Math.log2(scale) + nativeMaxZoom,
  }) as L.CRS;
}

/** Where a tile lies on its layer, and how its subpixel grid maps to the map's coordinates. */
export class TileFrame {
  readonly side: number;
  readonly bounds: L.LatLngBounds;

  constructor(
    readonly originX: number,
    readonly originY: number,
    readonly tilePx: number,
  ) {
    this.side = tilePx * SUBPIXELS;
    this.bounds = L.latLngBounds([originY, originX], [originY + tilePx, originX + tilePx]);
  }

  toLatLng([x, y]: Point): L.LatLng {
    return L.latLng(this.originY + y / SUBPIXELS, this.originX + x / SUBPIXELS);
  }

  /** The place in units, not rounded. */
  toUnits(at: L.LatLng): Point {
    return [(at.lng - this.originX) * SUBPIXELS, (at.lat - this.originY) * SUBPIXELS];
  }
}
