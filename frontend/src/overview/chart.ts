// A small line chart as SVG: one figure a round. Exact values stand in the table beside it.

export interface Series {
  name: string;
  values: (number | null)[];
  kind: "first" | "second";
}

const WIDTH = 640;
const HEIGHT = 220;
const MARGIN = { top: 18, right: 84, bottom: 34, left: 44 };
const NS = "http://www.w3.org/2000/svg";

function svg(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  if (text) made.textContent = text;
  return made;
}

/** Points of a series in the chart's box; a null value is a gap. */
export function scaledPoints(values: (number | null)[], top: number): ({ x: number; y: number } | null)[] {
  const width = WIDTH - MARGIN.left - MARGIN.right;
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return values.map((value, index) =>
    value === null
      ? null
      : { x: MARGIN.left + index * step, y: MARGIN.top + height * (1 - Math.min(Math.max(value / top, 0), 1)) },
  );
}

export function lineChart(labels: string[], series: Series[], description: string): SVGElement {
  const numbers = series.flatMap((one) => one.values).filter((value): value is number => value !== null);
  const top = Math.max(1, Math.ceil(Math.max(...numbers, 0) * 5) / 5);
  const chart = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": description });
  for (const share of [0, 0.5, 1]) {
    const y = MARGIN.top + (HEIGHT - MARGIN.top - MARGIN.bottom) * (1 - share);
    chart.append(
      svg("line", { class: "grid", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y, y2: y }),
      svg("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, (top * share).toFixed(1)),
    );
  }
  scaledPoints(
    labels.map(() => 0),
    top,
  ).forEach((point, index) => {
    if (point) chart.append(svg("text", { x: point.x, y: HEIGHT - 10, "text-anchor": "middle" }, labels[index]));
  });
  for (const one of series) {
    const suffix = one.kind === "second" ? " second" : "";
    const points = scaledPoints(one.values, top);
    const drawn = points.filter((point) => point !== null);
    chart.append(
      svg("polyline", { class: `line${suffix}`, points: drawn.map(({ x, y }) => `${x},${y}`).join(" ") }),
    );
    for (const { x, y } of drawn) chart.append(svg("circle", { class: `dot${suffix}`, cx: x, cy: y, r: 4 }));
    const last = drawn.at(-1);
    if (last) chart.append(svg("text", { class: "label", x: last.x + 10, y: last.y + 4 }, one.name));
  }
  return chart;
}
