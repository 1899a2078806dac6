// A campaign's releases: how far the one that is being made is; once it is published, its page.

import { gettext } from "../i18n";
import { followJob, JobPanel, type JobWords } from "../overview/job-panel";
import { pageData } from "../overview/web-map";

interface DeskBoot {
  language: string;
  job: string | null;
  /** Where the release that is being made will be. */
  page: string | null;
}

function releaseWords(): JobWords {
  return {
    waiting: gettext("The release waits for a free worker. You may leave this page."),
    running: gettext("The release: %(share)s done. You may leave this page."),
    done: gettext("The release is published: its page opens now."),
    lost: gettext("This release can no longer be followed. Reload the page."),
    stopped: gettext("The release stopped, and its version is free again: %(reason)s"),
  };
}

const boot = pageData<DeskBoot>("boot");
const box = document.getElementById("release-job");
if (box && boot.job) {
  const page = boot.page;
  void followJob(boot.job, new JobPanel(box), releaseWords(), boot.language).then((job) => {
    if (job && page) location.assign(page);
  });
}
