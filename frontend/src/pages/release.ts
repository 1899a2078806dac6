// A release's page: the map it published over its imagery.

import type * as Leaflet from "leaflet";
import type { ClassLook } from "../overview/vector-layer";
import { wirePanel } from "../overview/layer-panel";
import type { MapOffer } from "../overview/map-offer";
import { PublicMap } from "../overview/public-map";
import { type MapBoot, pageData } from "../overview/web-map";

interface ReleaseBoot extends MapBoot {
  map: MapOffer;
  looks: Readonly<Record<string, ClassLook>>;
}

const boot = pageData<ReleaseBoot>("boot");

Object.assign(window, {
  releaseMapReady: (map: Leaflet.Map): void => {
    const shown = new PublicMap(map, boot, { classes: boot.looks, language: boot.language });
    wirePanel(shown, boot.map, { showClasses: true });
  },
});
