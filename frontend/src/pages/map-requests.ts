// Maps that a maintainer asked a model for: how far the one that is being made is, and one of those that are there.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";
import { followJob, JobPanel, type JobWords } from "../overview/job-panel";
import type { ClassLook } from "../overview/vector-layer";
import { wirePanel } from "../overview/layer-panel";
import type { MapOffer } from "../overview/map-offer";
import { PublicMap } from "../overview/public-map";
import { type MapBoot, pageData } from "../overview/web-map";

interface RequestsBoot extends MapBoot {
  job: string | null;
  map: MapOffer | null;
  looks: Readonly<Record<string, ClassLook>>;
}

function mapWords(): JobWords {
  return {
    waiting: gettext("The map waits for a free worker. You may leave this page."),
    running: gettext("The map: %(share)s done. You may leave this page."),
    done: gettext("The map is there: reload the page to see it."),
    lost: gettext("This map can no longer be followed. Reload the page."),
    stopped: gettext("The map stopped: %(reason)s"),
  };
}

const boot = pageData<RequestsBoot>("boot");
const box = document.getElementById("map-job");
if (box && boot.job) void followJob(boot.job, new JobPanel(box), mapWords(), boot.language);

const offer = boot.map;
if (offer) {
  Object.assign(window, {
    requestedMapReady: (map: Leaflet.Map): void => {
      wirePanel(new PublicMap(map, boot, { classes: boot.looks, language: boot.language }), offer, { showClasses: true });
    },
  });
}
