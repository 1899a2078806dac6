// A pair of vintages: both dates on one map with a border between, and how far the jobs are that measure and compare.

import type * as Leaflet from "leaflet";
import { gettext } from "../i18n";
import { followJob, JobPanel, type JobWords } from "../overview/job-panel";
import { wirePanel } from "../overview/layer-panel";
import type { MapOffer } from "../overview/map-offer";
import { PublicMap } from "../overview/public-map";
import type { ClassLook } from "../overview/vector-layer";
import { type MapBoot, pageData } from "../overview/web-map";

interface PairBoot extends MapBoot {
  looks: Readonly<Record<string, ClassLook>>;
  offer: MapOffer;
  /** Jobs under way that this reader may follow. */
  jobs: Partial<Record<"measure" | "compare", string>>;
}

function jobWords(): JobWords {
  return {
    waiting: gettext("This waits for a free worker. You may leave this page."),
    running: gettext("%(share)s done. You may leave this page."),
    done: gettext("Done: the page opens again with what was found."),
    lost: gettext("This can no longer be followed. Reload the page."),
    stopped: gettext("This stopped: %(reason)s"),
  };
}

const boot = pageData<PairBoot>("boot");

for (const [what, id] of Object.entries(boot.jobs)) {
  const box = document.getElementById(`${what}-job`);
  if (box && id) {
    void followJob(id, new JobPanel(box), jobWords(), boot.language).then((job) => {
      if (job) location.reload();
    });
  }
}

Object.assign(window, {
  pairMapReady: (map: Leaflet.Map): void => {
    const shown = new PublicMap(map, boot, { classes: boot.looks, language: boot.language });
    wirePanel(shown, boot.offer);
    const [left, right] = shown.layers.filter((layer) => layer.kind === "imagery").map((layer) => layer.key);
    // Both dates side by side, unless the address asks for something else.
    if (!location.hash && left && right && left !== right) shown.compare({ left, right });
  },
});
