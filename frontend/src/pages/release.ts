// A release's page: the map it published, and the model's figures by class.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";
import { element, formatNumber, type MapBoot, pageData, WebMap, wireOverlayControls } from "../overview/web-map";

interface ReleaseBoot extends MapBoot {
  prediction: number | null;
}

interface ClassFigures {
  iou: number | null;
  f1: number | null;
  support: number;
}

const boot = pageData<ReleaseBoot>("boot");

function drawClassFigures(): void {
  const place = document.getElementById("per-class");
  if (!place || !document.getElementById("per-class-data")) return;
  const figures = pageData<Record<string, ClassFigures>>("per-class-data");
  const table = element("table");
  const head = element("tr");
  for (const title of [gettext("class"), gettext("IoU"), gettext("F1")]) head.append(element("th", title, { scope: "col" }));
  const headGroup = element("thead");
  headGroup.append(head);
  const body = element("tbody");
  for (const [code, one] of Object.entries(figures).filter(([, figure]) => figure.support > 0)) {
    const row = element("tr");
    row.append(
      element("td", code),
      element("td", formatNumber(one.iou, 3, boot.language), { class: "number" }),
      element("td", formatNumber(one.f1, 3, boot.language), { class: "number" }),
    );
    body.append(row);
  }
  table.append(headGroup, body);
  place.append(table);
}

Object.assign(window, {
  releaseMapReady: (map: Leaflet.Map): void => {
    wireOverlayControls(new WebMap(map, boot, boot.prediction));
  },
});
drawClassFigures();
