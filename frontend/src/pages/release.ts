// A release's page: the map it published over its imagery.

import type * as Leaflet from "leaflet";
import { type MapBoot, pageData, WebMap, wireOverlayControls } from "../overview/web-map";

interface ReleaseBoot extends MapBoot {
  prediction: number | null;
}

const boot = pageData<ReleaseBoot>("boot");

Object.assign(window, {
  releaseMapReady: (map: Leaflet.Map): void => {
    wireOverlayControls(new WebMap(map, boot, boot.prediction));
  },
});
