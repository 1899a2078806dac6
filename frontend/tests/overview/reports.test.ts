import { describe, expect, it } from "vitest";
import { placeOf } from "../../src/overview/report-sketch";
import { reportPopup, reportStateName, reportStyle } from "../../src/overview/reports";

const at = (lng: number, lat: number): { lng: number; lat: number } => ({ lng, lat });

describe("a reported place", () => {
  it("is the last point set, to a centimetre", () => {
    expect(placeOf("point", [])).toBeNull();
    expect(placeOf("point", [at(0.1, 43), at(0.123456789, 43.6)])).toEqual({ type: "Point", coordinates: [0.1234568, 43.6] });
  });

  it("is an area from three corners on, closed by itself", () => {
    const corners = [at(0, 43), at(0.001, 43), at(0.001, 43.001)];
    expect(placeOf("area", corners.slice(0, 2))).toBeNull();
    expect(placeOf("area", corners)).toEqual({ type: "Polygon", coordinates: [[[0, 43], [0.001, 43], [0.001, 43.001], [0, 43]]] });
  });
});

describe("a report on the map", () => {
  it("is coloured by whether it waits, is corrected, or was answered otherwise", () => {
    const colours = [
      reportStyle({ state: "new", answer: "" }), reportStyle({ state: "answered", answer: "fixed" }),
      reportStyle({ state: "released", answer: "fixed" }), reportStyle({ state: "answered", answer: "not_a_fault" }),
    ].map((style) => style.fillColor);
    expect(colours[1]).toBe(colours[2]);
    expect(new Set(colours).size).toBe(3);
    expect(reportStateName({ state: "answered", answer: "cannot_tell" })).toBe("answered: the imagery does not tell");
  });

  it("shows the reporter's words as text, whatever they hold", () => {
    const hostile = "<img src=x onerror=alert(1)>";
    const report = { id: "r-1", page: "/reports/r-1/", state: "new", answer: "", class_code: "B", comment: hostile } as const;
    const box = reportPopup(report, () => "Building");
    expect(box.querySelector("img")).toBeNull();
    expect(box.textContent).toContain(hostile);
    expect(box.querySelector("strong")?.textContent).toBe("Should be: Building");
    expect(box.querySelector("a")?.getAttribute("href")).toBe("/reports/r-1/");
  });
});
