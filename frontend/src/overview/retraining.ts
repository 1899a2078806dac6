// A maintainer starts a training here, sees how far it is, and may leave: the work goes on.

import { refusalWords } from "../api/refusals";
import { gettext } from "../i18n";
import { csrfToken, followJob, isActive, type Job, JobPanel, type JobWords } from "./job-panel";

interface Run {
  job: string | null;
  state: string | null;
}

function trainingWords(): JobWords {
  return {
    waiting: gettext("The training waits for a free worker. You may leave this page."),
    running: gettext("Training: %(share)s done. You may leave this page."),
    done: gettext("The model is trained. Reload the page to see the new round."),
    lost: gettext("This training can no longer be followed. Reload the page."),
    stopped: gettext("The training stopped: %(reason)s"),
  };
}

async function start(campaign: string, panel: JobPanel, language: string): Promise<void> {
  const answer = await fetch(`/api/v1/campaigns/${campaign}/training-runs/`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    body: "{}",
  }).catch(() => null);
  const body = (await answer?.json().catch(() => null)) as { job?: Job; error?: { code?: string; message: string } } | null | undefined;
  if (body?.job) await followJob(body.job.id, panel, trainingWords(), language);
  else panel.say(refusalWords(body?.error?.code, body?.error?.message) ?? gettext("The training could not be started. Try again in a moment."));
}

/** Wire the button, and follow a training that already runs. */
export function wireRetraining(campaign: string, language: string): void {
  const button = document.getElementById("retrain");
  const box = document.getElementById("retrain-job");
  if (!(button instanceof HTMLButtonElement) || !box) return;
  const panel = new JobPanel(box);
  const busy = async (work: Promise<unknown>): Promise<void> => {
    button.disabled = true;
    await work;
    button.disabled = false;
  };
  button.addEventListener("click", () => {
    panel.say(gettext("Starting…"), 0);
    void busy(start(campaign, panel, language));
  });
  void (async () => {
    const answer = await fetch(`/api/v1/campaigns/${campaign}/training-runs/`);
    if (!answer.ok) return;
    const active = ((await answer.json()) as Run[]).find((run) => isActive(run.state));
    if (active?.job) await busy(followJob(active.job, panel, trainingWords(), language));
  })();
}
