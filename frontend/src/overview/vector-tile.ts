// Reading Mapbox Vector Tiles 2.1: layers, properties and polygons, nothing else.

export interface VectorFeature {
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** Rings as x, y, x, y, … in units of the tile, x to the right and y down. */
  readonly rings: readonly number[][];
}

export interface VectorLayer {
  readonly name: string;
  /** Units along a side of the tile. */
  readonly extent: number;
  readonly features: readonly VectorFeature[];
}

const POLYGON = 3;

/** Fields of a protocol buffer message: number and value, a number or bytes. */
class Fields {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  *all(): Generator<[number, number | Uint8Array]> {
    while (this.at < this.bytes.length) {
      const key = this.varint();
      yield [key >>> 3, this.value(key & 7)];
    }
  }

  *varints(): Generator<number> {
    while (this.at < this.bytes.length) yield this.varint();
  }

  private value(kind: number): number | Uint8Array {
    if (kind === 0) return this.varint();
    if (kind === 1) return this.view.getFloat64(this.skip(8), true);
    if (kind === 5) return this.view.getFloat32(this.skip(4), true);
    if (kind !== 2) throw new RangeError(`a vector tile has no fields of kind ${kind}`);
    const size = this.varint();
    const start = this.skip(size);
    return this.bytes.subarray(start, start + size);
  }

  private skip(size: number): number {
    const start = this.at;
    this.at += size;
    if (this.at > this.bytes.length) throw new RangeError("the vector tile ends too early");
    return start;
  }

  private varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.skip(1)] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
}

function fieldsOf(value: number | Uint8Array): Fields {
  if (typeof value === "number") throw new RangeError("a number where the vector tile must have bytes");
  return new Fields(value);
}

function text(value: number | Uint8Array): string {
  return typeof value === "number" ? String(value) : new TextDecoder().decode(value);
}

function signed(value: number): number {
  return value % 2 ? -(value + 1) / 2 : value / 2;
}

function property(message: number | Uint8Array): string | number | boolean {
  for (const [number, value] of fieldsOf(message).all()) {
    if (number === 1) return text(value);
    if (typeof value === "number") return number === 6 ? signed(value) : number === 7 ? value !== 0 : value;
  }
  return "";
}

function rings(commands: Iterable<number>): number[][] {
  const found: number[][] = [];
  let [x, y, command, left] = [0, 0, 0, 0];
  let dx: number | null = null;
  for (const word of commands) {
    if (left === 0) {
      [command, left] = [word & 7, word >>> 3];
      if (command === 7) left = 0;
      continue;
    }
    if (dx === null) {
      dx = signed(word);
      continue;
    }
    [x, y] = [x + dx, y + signed(word)];
    dx = null;
    left--;
    if (command === 1) found.push([]);
    found.at(-1)?.push(x, y);
  }
  return found;
}

function layer(message: number | Uint8Array): VectorLayer {
  let [name, extent] = ["", 4096];
  const keys: string[] = [];
  const values: (string | number | boolean)[] = [];
  const messages: (number | Uint8Array)[] = [];
  for (const [number, value] of fieldsOf(message).all()) {
    if (number === 1) name = text(value);
    else if (number === 2) messages.push(value);
    else if (number === 3) keys.push(text(value));
    else if (number === 4) values.push(property(value));
    else if (number === 5) extent = Number(value);
  }
  const features: VectorFeature[] = [];
  for (const one of messages) {
    const properties: Record<string, string | number | boolean> = {};
    let kind = 0;
    let outline: number[][] = [];
    for (const [number, value] of fieldsOf(one).all()) {
      if (number === 2) {
        const tags = [...fieldsOf(value).varints()];
        for (let at = 0; at + 1 < tags.length; at += 2) {
          const [key, found] = [keys[tags[at] ?? -1], values[tags[at + 1] ?? -1]];
          if (key !== undefined && found !== undefined) properties[key] = found;
        }
      } else if (number === 3) kind = Number(value);
      else if (number === 4) outline = rings(fieldsOf(value).varints());
    }
    if (kind === POLYGON) features.push({ properties, rings: outline });
  }
  return { name, extent, features };
}

/** The polygons of a tile by layer; throws RangeError for what is no vector tile. */
export function readVectorTile(bytes: Uint8Array): VectorLayer[] {
  const layers: VectorLayer[] = [];
  for (const [number, value] of new Fields(bytes).all()) if (number === 3) layers.push(layer(value));
  return layers;
}

/** Whether a place in the tile is inside of a polygon: within an odd number of its rings. */
export function contains(feature: VectorFeature, x: number, y: number): boolean {
  let inside = false;
  for (const ring of feature.rings) {
    for (let at = 0, before = ring.length - 2; at < ring.length; before = at, at += 2) {
      const [x1 = 0, y1 = 0, x0 = 0, y0 = 0] = [ring[at], ring[at + 1], ring[before], ring[before + 1]];
      if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) inside = !inside;
    }
  }
  return inside;
}
