// Plots drawn from the tables that say the same: whoever cannot see the one reads the other, and they cannot differ.
//
// <figure data-plot="bars" data-x-title="week of"> <figcaption/> <div class="plot"/> <table/> </figure>
//   bars: the head's cells with data-series are the bars, the first cell of each row their label.
//   points: each row has data-x and data-y, and may have data-low, data-high and data-muted.
// A value of a cell that is written for people stands in data-value.

import { barChart, type BarSeries, type ChartOptions, type ChartPoint, drawAtWidth, pointChart } from "./chart";
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

export function barsOf(table: HTMLTableElement): { labels: string[]; series: BarSeries[] } {
  const rows = rowsOf(table).map(cellsOf);
  const series = [...table.querySelectorAll("thead tr")].flatMap(cellsOf).flatMap((cell, column) => {
    const kind = cell.dataset["series"];
    if (kind === undefined) return [];
    return [{ name: textOf(cell), kind, values: rows.map((cells) => Number(cells[column]?.dataset["value"] ?? 0)) }];
  });
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

function keysOf(series: readonly BarSeries[]): HTMLElement {
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
    } else {
      const points = pointsOf(table);
      drawAtWidth(place, (width) => pointChart(points, options(width)));
    }
  }
}
