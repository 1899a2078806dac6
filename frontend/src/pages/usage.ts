// Usage and artificialised ground: how far the count is; once it is done, the page with its figures.

import { gettext } from "../i18n";
import { followJob, JobPanel, type JobWords } from "../overview/job-panel";
import { pageData } from "../overview/web-map";

interface UsageBoot {
  language: string;
  job: string | null;
}

function countWords(): JobWords {
  return {
    waiting: gettext("The count waits for a free worker. You may leave this page."),
    running: gettext("The count: %(share)s done. You may leave this page."),
    done: gettext("The count is done: its figures open now."),
    lost: gettext("This count can no longer be followed. Reload the page."),
    stopped: gettext("The count stopped: %(reason)s"),
  };
}

const boot = pageData<UsageBoot>("boot");
const box = document.getElementById("usage-job");
if (box && boot.job) {
  void followJob(boot.job, new JobPanel(box), countWords(), boot.language).then((job) => {
    if (job) location.reload();
  });
}
