// Small charts of figures over rounds or weeks, as SVG drawn at the width they are shown. Exact values stand in the
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
/** Room that a label under a bar takes. */
const LABEL_PX = 52;
/** A curve of more points is drawn without them. */
const MOST_DOTS = 30;
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

interface Frame {
  chart: SVGElement;
  atY: (value: number) => number;
  bottomY: number;
}

/** A drawing with its vertical axis from 0 to `top` and the title of its horizontal one. */
function frame(options: ChartOptions, top: number): Frame {
  const { width, language } = options;
  const bottomY = HEIGHT - MARGIN.bottom;
  const atY = scale(0, top, bottomY, MARGIN.top);
  const chart = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, class: "chart", role: "img", "aria-label": options.description });
  for (const share of [0, 0.5, 1]) {
    const y = atY(top * share);
    chart.append(
      svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y, y2: y }),
      svg("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, (top * share).toLocaleString(language, { notation: "compact" })),
    );
  }
  const middle = (MARGIN.left + width - MARGIN.right) / 2;
  chart.append(svg("text", { x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, options.xTitle));
  return { chart, atY, bottomY };
}

export function pointChart(points: readonly ChartPoint[], options: ChartOptions): SVGElement {
  const { width, language } = options;
  const { chart, atY, bottomY } = frame(options, options.top ?? roundTop(Math.max(...points.map((point) => point.high ?? point.y))));
  const xs = points.map((point) => point.x);
  const atX = scale(Math.min(...xs), Math.max(...xs), MARGIN.left + 10, width - MARGIN.right - 6);
  let free = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    const x = atX(point.x);
    if (x < free) continue;
    chart.append(svg("text", { x, y: bottomY + 18, "text-anchor": "middle" }, point.x.toLocaleString(language)));
    free = x + 34;
  }
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

export interface Curve {
  name: string;
  /** Which of the colours of parts.css; "" is the accent. */
  kind: string;
  points: readonly { x: number; y: number; title: string }[];
}

export interface CurveOptions extends ChartOptions {
  /** Ends of the horizontal axis; by default those of the data. */
  domain?: readonly [number, number];
  /** Draws the line on which both axes say the same. */
  diagonal?: boolean;
}

/** Lines through points; points of short curves are seen, and say their figure to the pointer. */
export function curveChart(curves: readonly Curve[], options: CurveOptions): SVGElement {
  const { width, language } = options;
  const points = curves.flatMap((curve) => curve.points);
  const { chart, atY, bottomY } = frame(options, options.top ?? roundTop(Math.max(0, ...points.map(({ y }) => y))));
  const xs = points.map(({ x }) => x);
  const [low, high] = options.domain ?? [Math.min(...xs), Math.max(...xs)];
  const atX = scale(low, high, MARGIN.left + 4, width - MARGIN.right - 4);
  for (const x of high > low ? [low, (low + high) / 2, high] : [low]) {
    const label = x.toLocaleString(language, { maximumFractionDigits: high - low > 4 ? 0 : 2 });
    chart.append(svg("text", { x: atX(x), y: bottomY + 18, "text-anchor": "middle" }, label));
  }
  if (options.diagonal) {
    chart.append(svg("line", { class: "ideal", x1: atX(low), y1: atY(low), x2: atX(high), y2: atY(high) }));
  }
  for (const { kind, points: own } of curves) {
    chart.append(svg("polyline", { class: `line ${kind}`, points: own.map(({ x, y }) => `${atX(x)},${atY(y)}`).join(" ") }));
    if (own.length > MOST_DOTS) continue;
    for (const { x, y, title } of own) {
      const dot = svg("circle", { class: `dot ${kind}`, cx: atX(x), cy: atY(y), r: 4 });
      dot.append(svg("title", {}, title));
      chart.append(dot);
    }
  }
  return chart;
}

export interface BarSeries {
  name: string;
  /** Which of the colours of parts.css. */
  kind: string;
  /** One a label. */
  values: readonly number[];
}

/** The first even round number that covers a count, so that the middle of the axis is a whole number: 3 → 4, 70 → 100. */
export function countTop(value: number): number {
  const decade = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(value, 1))));
  return [1, 2, 4, 10].map((step) => step * decade).find((top) => top >= value && top % 2 === 0) ?? value;
}

/** Bars side by side for each label, in the order of the series. */
export function barChart(labels: readonly string[], series: readonly BarSeries[], options: ChartOptions): SVGElement {
  const { width, language } = options;
  const { chart, atY, bottomY } = frame(options, options.top ?? countTop(Math.max(0, ...series.flatMap((one) => one.values))));
  const left = MARGIN.left + 4;
  const step = (width - MARGIN.right - left) / labels.length;
  const bar = Math.min(22, (step * 0.8) / series.length);
  const every = Math.ceil(LABEL_PX / step);
  labels.forEach((label, place) => {
    const middle = left + step * (place + 0.5);
    // Counted from the last, which is the present: it always has its label.
    if ((labels.length - 1 - place) % every === 0) {
      chart.append(svg("text", { x: middle, y: bottomY + 18, "text-anchor": "middle" }, label));
    }
    series.forEach((one, nth) => {
      const value = one.values[place] ?? 0;
      if (value <= 0) return;
      const x = middle + (nth - series.length / 2) * bar;
      const y = atY(value);
      const drawn = svg("rect", { class: `bar ${one.kind}`, x, y, width: bar - 1, height: bottomY - y, rx: 1 });
      drawn.append(svg("title", {}, `${label}: ${value.toLocaleString(language)} ${one.name}`));
      chart.append(drawn);
    });
  });
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
