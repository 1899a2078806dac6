import { describe, expect, it } from "vitest";
import { pointChart, roundTop, scale } from "../../src/overview/chart";
import { doubtPoints, importedNote, modelPoints, type TrainedModel } from "../../src/overview/rounds";
import { tilePopup, type TileProperties, tileStyle } from "../../src/overview/tiles";
import { escapeText } from "../../src/overview/web-map";

function model(number: number, more: Partial<TrainedModel> = {}): TrainedModel {
  return {
    version: `m${number}`, number, state: "retired", training_tiles: 4 * number, origin: null, judged: true,
    miou: 0.1 * number, miou_low: 0.05, miou_high: 0.9, prediction: null, ...more,
  };
}

describe("the charts", () => {
  it("end on a round number above the data", () => {
    expect([0.44, 0.98, 1, 1.3, 2.4, 7, 0].map(roundTop)).toEqual([0.5, 1, 1, 2, 5, 10, 1]);
  });

  it("place values in proportion, and one lone value in the middle", () => {
    const place = scale(0, 10, 100, 200);
    expect([0, 5, 10, 12, -1].map(place)).toEqual([100, 150, 200, 200, 100]);
    expect(scale(4, 4, 0, 50)(4)).toBe(25);
  });

  it("draw one dot a point, hollow for a model that was not published, with its interval", () => {
    const points = modelPoints([model(2, { state: "rejected" }), model(1)], "en");
    const chart = pointChart(points, { description: "d", xTitle: "x", language: "en", width: 400, top: 1 });
    const dots = [...chart.querySelectorAll("circle")];
    expect(dots.map((dot) => dot.getAttribute("class"))).toEqual(["dot", "dot muted"]);
    expect(dots[1]?.textContent).toBe("m2: 0.20, between 0.05 and 0.90");
    expect(chart.querySelectorAll(".interval")).toHaveLength(2);
  });

  it("leave out rounds and models that have no figure", () => {
    expect(modelPoints([model(1, { miou: null })], "en")).toEqual([]);
    const round = { number: 1, labelled_tiles: 0, model_version: "", candidate: null, holdout_miou: null, mean_entropy_nats: null, promoted: null };
    expect(doubtPoints([round, { ...round, number: 2, mean_entropy_nats: 0.5 }], "en").map((point) => point.y)).toEqual([0.5]);
  });
});

describe("a model from elsewhere", () => {
  const origin = { title: { en: "FLAIR-INC (IGN)", fr: "FLAIR-INC" }, variant: "rgbi_15cl", attribution: "IGN", licence: "etalab-2.0" };
  const published: TrainedModel = { ...model(2), state: "promoted", origin };

  it("is said to be one, with its source and licence, and leads to its page", () => {
    const note = importedNote([published], "gers", "en");
    expect(note?.textContent).toBe("m2 was not trained here: it comes from FLAIR-INC (IGN) rgbi_15cl (IGN, etalab-2.0). All about this model");
    expect(note?.querySelector("a")?.getAttribute("href")).toBe("/campaigns/gers/models/m2/");
    expect(importedNote([published], "gers", "fr")?.textContent).toContain("FLAIR-INC rgbi_15cl");
  });

  it("is said not to be judged while it is not", () => {
    expect(importedNote([{ ...published, judged: false }], "gers", "en")?.querySelector("strong")?.textContent).toMatch(/^It is not judged yet/);
    expect(importedNote([published], "gers", "en")?.querySelector("strong")).toBeNull();
  });

  it("is not spoken of when what is published was trained here", () => {
    expect(importedNote([model(3), { ...published, state: "candidate" }], "gers", "en")).toBeNull();
  });
});

describe("the map", () => {
  it("are outlines alone where colours of another layer lie below", () => {
    const tile = { state: "accepted", role: "pool", priority: null } as const;
    expect(tileStyle(tile).fillOpacity).toBeGreaterThan(0.2);
    expect(tileStyle(tile, { filled: false })).toEqual({ ...tileStyle(tile), fillOpacity: 0 });
  });

  it("fills a tile to do the more the model doubts, and never beyond full doubt", () => {
    const fill = (priority: number | null): number =>
      tileStyle({ state: "open", role: "pool", priority }).fillOpacity ?? -1;
    expect(fill(null)).toBeCloseTo(0.06);
    expect(fill(0.5)).toBeCloseTo(0.33);
    expect(fill(7)).toBeCloseTo(0.6);
  });

  it("offers to label only pool tiles that wait, in an open campaign", () => {
    const tile: TileProperties = { id: 7, row: 1, col: 2, state: "open", priority: 0.25, role: "pool" };
    const links = { studio: "/campaigns/c/studio/", open: true, language: "en" };
    const link = (more: Partial<TileProperties>, open = true): string | null =>
      tilePopup({ ...tile, ...more }, { ...links, open }).querySelector("a")?.getAttribute("href") ?? null;
    expect(link({})).toBe("/campaigns/c/studio/?tile=7");
    expect(link({ state: "sent_back" })).toBe("/campaigns/c/studio/?tile=7");
    expect([link({ state: "accepted" }), link({ role: "control" }), link({}, false)]).toEqual([null, null, null]);
  });

  it("says of a tile to draw that it is given out in quarters", () => {
    const tile: TileProperties = { id: 7, row: 1, col: 2, state: "open", priority: null, role: "pool" };
    const words = (split: boolean): string => tilePopup({ ...tile, split }, { studio: "/s/", open: true, language: "en" }).textContent;
    expect([words(true), words(false)].map((said) => said.includes("Given out in quarters."))).toEqual([true, false]);
  });

  it("keeps an attribution as text", () => {
    expect(escapeText('<b onclick="x">&')).toBe("&#60;b onclick=&#34;x&#34;&#62;&#38;");
  });
});
