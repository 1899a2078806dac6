// Small charts of one figure over the rounds, as SVG drawn at the width they are shown. Exact values stand in the
// table beside them.

export interface ChartPoint {
  /** Where it stands: what people had labelled by then. */
  x: number;
  y: number;
  low?: number | null;
  high?: number | null;
  /** Drawn hollow: a model that was not published. */
  muted?: boolean;
  /** What the pointer reads. */
  title: string;
}

export interface ChartOptions {
  description: string;
  xTitle: string;
  language: string;
  width: number;
  /** Top of the vertical axis; by default the first round number above the data. */
  top?: number;
}

const HEIGHT = 190;
const MARGIN = { top: 12, right: 14, bottom: 42, left: 34 };
const NS = "http://www.w3.org/2000/svg";

function svg(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text) made.textContent = text;
  return made;
}

/** The first of 1, 2, 5 × 10ⁿ steps that covers a value: 0.44 → 0.5, 1.3 → 2, 0 → 1. */
export function roundTop(value: number): number {
  if (!(value > 0)) return 1;
  const decade = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5, 10].find((factor) => factor * decade >= value) ?? 10;
  return Number((step * decade).toPrecision(12));
}

/** Places of values on an axis from `from` to `to`, for a domain [low, high]; a domain of one value is centred. */
export function scale(low: number, high: number, from: number, to: number): (value: number) => number {
  if (high === low) return () => (from + to) / 2;
  return (value) => from + ((Math.min(Math.max(value, low), high) - low) / (high - low)) * (to - from);
}

export function pointChart(points: readonly ChartPoint[], options: ChartOptions): SVGElement {
  const { width, language } = options;
  const top = options.top ?? roundTop(Math.max(...points.map((point) => point.high ?? point.y)));
  const bottomY = HEIGHT - MARGIN.bottom;
  const xs = points.map((point) => point.x);
  const atX = scale(Math.min(...xs), Math.max(...xs), MARGIN.left + 10, width - MARGIN.right - 6);
  const atY = scale(0, top, bottomY, MARGIN.top);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", role: "img", "aria-label": options.description });
  for (const share of [0, 0.5, 1]) {
    const y = atY(top * share);
    chart.append(
      svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
      svg("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, (top * share).toLocaleString(language)),
    );
  }
  let free = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    const x = atX(point.x);
    if (x < free) continue;
    chart.append(svg("text", { x, y: bottomY + 18, "text-anchor": "middle" }, point.x.toLocaleString(language)));
    free = x + 34;
  }
  const middle = (MARGIN.left + width - MARGIN.right) / 2;
  chart.append(svg("text", { x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, options.xTitle));
  const line = points.map((point) => `${atX(point.x)},${atY(point.y)}`).join(" ");
  chart.append(svg("polyline", { class: "line", points: line }));
  for (const point of points) {
    const x = atX(point.x);
    if (typeof point.low === "number" && typeof point.high === "number") {
      chart.append(svg("line", { class: "interval", x1: x, x2: x, y1: atY(point.low), y2: atY(point.high) }));
    }
    const dot = svg("circle", { class: point.muted ? "dot muted" : "dot", cx: x, cy: atY(point.y), r: 5 });
    dot.append(svg("title", {}, point.title));
    chart.append(dot);
  }
  return chart;
}

/** Keeps a drawing at the width of its place. */
export function drawAtWidth(place: HTMLElement, draw: (width: number) => SVGElement): void {
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.round(place.clientWidth);
    if (width < 120 || width === drawn) return;
    drawn = width;
    place.replaceChildren(draw(width));
  }).observe(place);
}
