// Plots drawn from the tables that say the same: whoever cannot see the one reads the other, and they cannot differ.
//
// <figure data-plot="bars" data-x-title="week of"> <figcaption/> <div class="plot"/> <table/> </figure>
//   bars: the head's cells with data-series are the bars, the first cell of each row their label.
//   points: each row has data-x and data-y, and may have data-low, data-high and data-muted.
//   curves: as for bars, each column a curve; a row or a cell has data-x. data-diagonal, data-from and data-to stand on
//   the figure.
// A value of a cell that is written for people stands in data-value.

import { barChart, type BarSeries, type ChartOptions, type ChartPoint, type Curve, curveChart, drawAtWidth, pointChart } from "./chart";
import { element } from "./web-map";

function textOf(node: Element | null | undefined): string {
  return (node?.textContent ?? "").replace(/\s+/g, " ").trim();
}

function rowsOf(table: HTMLTableElement): HTMLTableRowElement[] {
  return [...table.querySelectorAll<HTMLTableRowElement>("tbody tr")];
}

function cellsOf(row: Element): HTMLElement[] {
  return [...row.querySelectorAll<HTMLElement>("th, td")];
}

/** The head's cells that name a series, with their place in a row. */
function seriesOf(table: HTMLTableElement): { name: string; kind: string; column: number }[] {
  return [...table.querySelectorAll("thead tr")].flatMap(cellsOf).flatMap((cell, column) => {
    const kind = cell.dataset["series"];
    return kind === undefined ? [] : [{ name: textOf(cell), kind, column }];
  });
}

export function barsOf(table: HTMLTableElement): { labels: string[]; series: BarSeries[] } {
  const rows = rowsOf(table).map(cellsOf);
  const series = seriesOf(table).map(({ name, kind, column }) => ({
    name,
    kind,
    values: rows.map((cells) => Number(cells[column]?.dataset["value"] ?? 0)),
  }));
  return { labels: rows.map((cells) => textOf(cells[0])), series };
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

export function pointsOf(table: HTMLTableElement): ChartPoint[] {
  return rowsOf(table)
    .filter((row) => row.dataset["y"] !== undefined)
    .map((row) => ({
      x: Number(row.dataset["x"]),
      y: Number(row.dataset["y"]),
      low: numberOrNull(row.dataset["low"]),
      high: numberOrNull(row.dataset["high"]),
      muted: row.dataset["muted"] !== undefined,
      title: cellsOf(row).map(textOf).join(" · "),
    }));
}

/** A cell without a value has no point. */
export function curvesOf(table: HTMLTableElement): Curve[] {
  return seriesOf(table).map(({ name, kind, column }) => ({
    name,
    kind,
    points: rowsOf(table).flatMap((row) => {
      const cells = cellsOf(row);
      const cell = cells[column];
      const [x, y] = [cell?.dataset["x"] ?? row.dataset["x"], cell?.dataset["value"]];
      if (x === undefined || y === undefined) return [];
      return [{ x: Number(x), y: Number(y), title: `${textOf(cells[0])} · ${name}: ${textOf(cell)}` }];
    }),
  }));
}

function keysOf(series: readonly { name: string; kind: string }[]): HTMLElement {
  const list = element("ul", "", { class: "keys" });
  for (const one of series) {
    const item = element("li");
    item.append(element("span", "", { class: `series-key ${one.kind}` }), one.name);
    list.append(item);
  }
  return list;
}

/** Draw every plot of a page. */
export function drawPlots(page: ParentNode, language: string): void {
  for (const figure of page.querySelectorAll<HTMLElement>("figure[data-plot]")) {
    const place = figure.querySelector<HTMLElement>(".plot");
    const table = figure.querySelector("table");
    if (!place || !table) continue;
    const common = { description: textOf(figure.querySelector("figcaption")), xTitle: figure.dataset["xTitle"] ?? "", language };
    const top = figure.dataset["top"];
    const options = (width: number): ChartOptions => ({ ...common, width, ...(top === undefined ? {} : { top: Number(top) }) });
    if (figure.dataset["plot"] === "bars") {
      const { labels, series } = barsOf(table);
      drawAtWidth(place, (width) => barChart(labels, series, options(width)));
      if (series.length > 1) place.after(keysOf(series));
    } else if (figure.dataset["plot"] === "curves") {
      const curves = curvesOf(table);
      const { from, to } = figure.dataset;
      const axes = {
        diagonal: figure.dataset["diagonal"] !== undefined,
        ...(from === undefined || to === undefined ? {} : { domain: [Number(from), Number(to)] as const }),
      };
      drawAtWidth(place, (width) => curveChart(curves, { ...options(width), ...axes }));
      if (curves.length > 1) place.after(keysOf(curves));
    } else {
      const points = pointsOf(table);
      drawAtWidth(place, (width) => pointChart(points, options(width)));
    }
  }
}
