// What readers of the map found wrong, on the map.

import type * as Leaflet from "leaflet";
import { gettext, interpolate } from "../i18n";
import type { ReportedPlace } from "./report-sketch";
import { element } from "./web-map";

export type ReportState = "new" | "assigned" | "drawing" | "answered" | "released";
export type ReportAnswer = "" | "fixed" | "not_a_fault" | "duplicate" | "cannot_tell";

export interface ReportProperties {
  id: string;
  page: string;
  state: ReportState;
  answer: ReportAnswer;
  class_code: string;
  comment: string;
}

export type ReportFeature = GeoJSON.Feature<ReportedPlace, ReportProperties>;

const WAITS = "#ffd400";
const DONE = "#3fbf7f";
const CLOSED = "#c9d1d9";

export function reportStateName({ state, answer }: Pick<ReportProperties, "state" | "answer">): string {
  if (state === "answered") {
    const answers: Record<ReportAnswer, string> = {
      fixed: gettext("corrected"),
      not_a_fault: gettext("answered: the map is right here"),
      duplicate: gettext("reported before"),
      cannot_tell: gettext("answered: the imagery does not tell"),
      "": "",
    };
    return answers[answer];
  }
  return {
    new: gettext("new"),
    assigned: gettext("given to somebody to draw"),
    drawing: gettext("being drawn anew"),
    released: gettext("corrected, in a release"),
  }[state];
}

export function reportStyle({ state, answer }: Pick<ReportProperties, "state" | "answer">): Leaflet.PathOptions {
  const isDone = state === "released" || answer === "fixed";
  const fillColor = isDone ? DONE : state === "answered" ? CLOSED : WAITS;
  return { color: "#16202a", weight: 2, fillColor, fillOpacity: 0.85 };
}

export function reportPopup(report: ReportProperties, className: (code: string) => string): HTMLElement {
  const box = element("div");
  const said = report.class_code ? interpolate(gettext("Should be: %(class)s"), { class: className(report.class_code) }) : gettext("A wrong place");
  box.append(element("strong", said), element("p", reportStateName(report)));
  if (report.comment) box.append(element("p", interpolate(gettext("“%(comment)s”"), { comment: report.comment })));
  box.append(element("a", gettext("Follow this report"), { href: report.page, class: "button" }));
  return box;
}

/** The campaign's reports; they are few, and the newest when they are not. */
export class ReportLayer {
  readonly layer: Leaflet.GeoJSON;

  constructor(
    private readonly map: Leaflet.Map,
    className: (code: string) => string,
  ) {
    this.layer = window.L.geoJSON<ReportProperties>(undefined, {
      style: (feature) => (feature ? reportStyle(feature.properties) : {}),
      pointToLayer: (feature, at) => window.L.circleMarker(at, { radius: 8, ...reportStyle(feature.properties as ReportProperties) }),
      onEachFeature: (feature, path) => {
        path.bindPopup(() => reportPopup(feature.properties, className));
      },
    });
  }

  async load(campaign: string): Promise<void> {
    const answer = await fetch(`/api/v1/campaigns/${campaign}/reports.geojson`).catch(() => null);
    if (!answer?.ok) return;
    const all = (await answer.json().catch(() => null)) as GeoJSON.FeatureCollection<ReportedPlace, ReportProperties> | null;
    if (!all) return;
    // One that was sent meanwhile is here already.
    this.layer.addData({ ...all, features: all.features.filter(({ properties }) => !this.drawn(properties.id)) } as GeoJSON.FeatureCollection);
  }

  private drawn(id: string): Leaflet.Polygon | Leaflet.CircleMarker | undefined {
    const all = this.layer.getLayers() as ((Leaflet.Polygon | Leaflet.CircleMarker) & { feature?: ReportFeature })[];
    return all.find(({ feature }) => feature?.properties.id === id);
  }

  add(feature: ReportFeature): void {
    this.layer.addData(feature);
  }

  /** Bring one report into view and open it; whether it is there. */
  show(id: string): boolean {
    const place = this.drawn(id);
    if (!place) return false;
    if ("getBounds" in place) this.map.fitBounds(place.getBounds(), { maxZoom: 19 });
    else this.map.setView(place.getLatLng(), 19);
    place.openPopup();
    return true;
  }
}
