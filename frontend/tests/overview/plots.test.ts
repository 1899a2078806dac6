import { describe, expect, it } from "vitest";
import { barChart, countTop, curveChart } from "../../src/overview/chart";
import { barsOf, curvesOf, drawPlots, pointsOf } from "../../src/overview/plots";

function pageOf(html: string): Document {
  return new DOMParser().parseFromString(html, "text/html");
}

function tableOf(html: string): HTMLTableElement {
  const table = pageOf(`<table>${html}</table>`).querySelector("table");
  if (!table) throw new Error("no table");
  return table;
}

const WEEKS = `
  <thead><tr><th>week of</th><th data-series="handed-in">handed in</th><th data-series="good">accepted</th><th>note</th></tr></thead>
  <tbody>
    <tr><th>2 March</th><td data-value="1200">1 200</td><td data-value="0">0</td><td>x</td></tr>
    <tr><th> 9
      March</th><td data-value="3">3</td><td data-value="4">4</td><td>y</td></tr>
  </tbody>`;

describe("bars", () => {
  it("are the marked columns of a table, with the numbers behind what people read", () => {
    expect(barsOf(tableOf(WEEKS))).toEqual({
      labels: ["2 March", "9 March"],
      series: [
        { name: "handed in", kind: "handed-in", values: [1200, 3] },
        { name: "accepted", kind: "good", values: [0, 4] },
      ],
    });
  });

  it("stand beside each other on the same ground, as high as their values, and none for nothing", () => {
    const series = [
      { name: "handed in", kind: "a", values: [2, 4] },
      { name: "accepted", kind: "b", values: [0, 1] },
    ];
    const chart = barChart(["one", "two"], series, { description: "d", xTitle: "x", language: "en", width: 400 });
    const bars = [...chart.querySelectorAll("rect.bar")];
    const number = (bar: Element | undefined, name: string): number => Number(bar?.getAttribute(name));
    expect(bars.map((bar) => bar.textContent)).toEqual(["one: 2 handed in", "two: 4 handed in", "two: 1 accepted"]);
    const [two, four, one] = bars;
    expect(number(four, "height")).toBeCloseTo(2 * number(two, "height"));
    expect(number(four, "height")).toBeCloseTo(4 * number(one, "height"));
    const feet = bars.map((bar) => number(bar, "y") + number(bar, "height"));
    expect(new Set(feet.map(Math.round)).size).toBe(1);
    expect(number(one, "x")).toBeGreaterThanOrEqual(number(four, "x") + number(four, "width"));
  });

  it("have as many labels as fit, always the last", () => {
    const weeks = Array.from({ length: 12 }, (_value, number) => `week ${number + 1}`);
    const series = [{ name: "n", kind: "a", values: weeks.map(() => 1) }];
    const labelled = (width: number): string[] => {
      const chart = barChart(weeks, series, { description: "d", xTitle: "x", language: "en", width });
      return [...chart.querySelectorAll("text")].map((text) => text.textContent).filter((text) => text.startsWith("week"));
    };
    expect(labelled(900)).toHaveLength(12);
    expect(labelled(300)).toEqual(["week 3", "week 6", "week 9", "week 12"]);
  });

  it("reach an even round number, so that the middle of the axis is a whole one", () => {
    expect([0, 1, 2, 3, 5, 10, 11, 40, 41, 100, 1200].map(countTop)).toEqual([2, 2, 2, 4, 10, 10, 20, 40, 100, 100, 2000]);
  });
});

describe("points", () => {
  it("are the rows of a table that carry a value, hollow where they say so", () => {
    const table = tableOf(`<tbody>
      <tr data-x="6" data-y="0.5" data-low="0.4" data-high="0.6" data-muted><th>m1</th><td>0.50</td></tr>
      <tr><th>m2</th><td>not judged</td></tr>
      <tr data-x="22" data-y="0.6"><th>m3</th><td>0.60</td></tr></tbody>`);
    expect(pointsOf(table)).toEqual([
      { x: 6, y: 0.5, low: 0.4, high: 0.6, muted: true, title: "m1 · 0.50" },
      { x: 22, y: 0.6, low: null, high: null, muted: false, title: "m3 · 0.60" },
    ]);
  });
});

describe("a page of plots", () => {
  it("has a key for each bar where there is more than one, and leaves figures without a table alone", () => {
    const page = pageOf(`
      <figure data-plot="bars"><figcaption>Weeks</figcaption><div class="plot"></div><table>${WEEKS}</table></figure>
      <figure data-plot="bars"><figcaption>Nothing</figcaption><div class="plot"></div></figure>`);
    drawPlots(page, "en");
    expect([...page.querySelectorAll(".keys li")].map((key) => key.textContent)).toEqual(["handed in", "accepted"]);
    expect(page.querySelectorAll(".series-key.good")).toHaveLength(1);
  });
});

const BINS = `
  <thead><tr><th>confidence</th><th>pixels</th><th data-series="calm">as trained</th><th data-series="">tempered</th></tr></thead>
  <tbody>
    <tr><th>40–50%</th><td>9</td><td data-x="0.45" data-value="0.6">0,60</td><td>–</td></tr>
    <tr><th>90–100%</th><td>9</td><td data-x="0.95" data-value="0.9">0,90</td><td data-x="0.92" data-value="0.9">0,90</td></tr>
  </tbody>`;

describe("curves", () => {
  it("are the marked columns, a cell without a value being no point of its curve", () => {
    expect(curvesOf(tableOf(BINS))).toEqual([
      {
        name: "as trained",
        kind: "calm",
        points: [
          { x: 0.45, y: 0.6, title: "40–50% · as trained: 0,60" },
          { x: 0.95, y: 0.9, title: "90–100% · as trained: 0,90" },
        ],
      },
      { name: "tempered", kind: "", points: [{ x: 0.92, y: 0.9, title: "90–100% · tempered: 0,90" }] },
    ]);
  });

  it("take the place of a row along the axis where their cells have none", () => {
    const table = tableOf(`<thead><tr><th>step</th><th data-series="">loss</th></tr></thead>
      <tbody><tr data-x="20"><th>20</th><td data-value="1.5">1.5</td></tr></tbody>`);
    expect(curvesOf(table)[0]?.points).toEqual([{ x: 20, y: 1.5, title: "20 · loss: 1.5" }]);
  });

  const points = (count: number): { x: number; y: number; title: string }[] =>
    Array.from({ length: count }, (_value, x) => ({ x, y: x / count, title: `${x}` }));
  const options = { description: "d", xTitle: "x", language: "en", width: 400 };

  it("show their points while there are few, and the line on which both axes agree when asked", () => {
    const few = curveChart([{ name: "a", kind: "", points: points(3) }], { ...options, top: 1, domain: [0, 1], diagonal: true });
    expect(few.querySelectorAll("circle.dot")).toHaveLength(3);
    const ideal = few.querySelector("line.ideal");
    const [x1, x2, y1, y2] = ["x1", "x2", "y1", "y2"].map((name) => Number(ideal?.getAttribute(name)));
    expect(x1).toBeLessThan(x2 ?? 0);
    expect(y1).toBeGreaterThan(y2 ?? 0);
    const many = curveChart([{ name: "a", kind: "", points: points(200) }], options);
    expect(many.querySelectorAll("circle.dot")).toHaveLength(0);
    expect(many.querySelectorAll("polyline.line")).toHaveLength(1);
    expect(many.querySelector("line.ideal")).toBeNull();
  });
});
