// A view of the map in the address, after the #: place, zoom, layers with their opacity, and what is compared.

export interface MapView {
  readonly zoom: number;
  readonly lat: number;
  readonly lng: number;
  /** Opacity, 0 to 1, by the name of each layer that is on. */
  readonly show: Readonly<Record<string, number>>;
  /** Names of the layers left and right of the border, and where it is, 0 to 1. */
  readonly compare: { readonly left: string; readonly right: string; readonly at: number } | null;
}

const MOST_LAYERS = 20;

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^-?\d{1,3}(\.\d{1,20})?$/.test(text);
}

/** The view that an address names; null when it names none, or none that makes sense. */
export function parseView(hash: string): MapView | null {
  const found = new URLSearchParams(hash.replace(/^#/, ""));
  const [zoom, lat, lng, ...more] = (found.get("map") ?? "").split("/");
  if (!isNumber(zoom) || !isNumber(lat) || !isNumber(lng) || more.length) return null;
  const [z, y, x] = [Number(zoom), Number(lat), Number(lng)];
  if (z < 0 || z > 24 || Math.abs(y) > 90 || Math.abs(x) > 180) return null;
  return { zoom: z, lat: y, lng: x, show: parseLayers(found.get("show") ?? ""), compare: parseCompared(found) };
}

function parseLayers(text: string): Record<string, number> {
  const show: Record<string, number> = {};
  for (const part of text.split(",").slice(0, MOST_LAYERS)) {
    const [name, percent = "100"] = part.split(":");
    if (name && /^[a-z]+(-\d{4})?$/.test(name) && /^\d{1,3}$/.test(percent)) show[name] = Math.min(Number(percent), 100) / 100;
  }
  return show;
}

function parseCompared(found: URLSearchParams): MapView["compare"] {
  const [left, right, ...more] = (found.get("compare") ?? "").split("|");
  if (!left || !right || more.length) return null;
  const at = Number(found.get("at") ?? "50");
  return { left, right, at: Number.isFinite(at) ? Math.min(Math.max(at, 0), 100) / 100 : 0.5 };
}

/** The address of a view, from the # on: about 1 m of place at most zooms, whole percent. */
export function formatView(view: MapView): string {
  const digits = Math.min(Math.max(Math.ceil(view.zoom / 3), 2), 6);
  const zoom = Number(view.zoom.toFixed(2));
  const place = `#map=${zoom}/${view.lat.toFixed(digits)}/${view.lng.toFixed(digits)}`;
  const shown = Object.entries(view.show).map(([name, opacity]) => {
    const percent = Math.round(opacity * 100);
    return percent === 100 ? name : `${name}:${percent}`;
  });
  const { compare } = view;
  return (
    place + `&show=${shown.join(",")}` +
    (compare ? `&compare=${compare.left}|${compare.right}&at=${Math.round(compare.at * 100)}` : "")
  );
}
