// A maintainer starts a training here, sees how far it is, and may leave: the work goes on.

import { refusalWords } from "../api/refusals";
import { gettext, interpolate } from "../i18n";

interface Job {
  id: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  progress: number;
  message: string;
  error: string;
}

interface Run {
  job: string | null;
  state: string | null;
}

const POLL_MS = 2000;

function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

function isActive(state: string | null): boolean {
  return state === "queued" || state === "running";
}

class JobPanel {
  private readonly text: HTMLElement;
  private readonly bar: HTMLProgressElement;

  constructor(private readonly box: HTMLElement) {
    const text = box.querySelector("p");
    const bar = box.querySelector("progress");
    if (!text || !bar) throw new Error("the page's #retrain-job lacks its text or its bar");
    this.text = text;
    this.bar = bar;
  }

  say(message: string, progress: number | null = null): void {
    this.box.hidden = false;
    this.text.textContent = message;
    this.bar.hidden = progress === null;
    if (progress !== null) this.bar.value = progress;
  }
}

function runningText(job: Job, language: string): string {
  if (job.state === "queued") return gettext("The training waits for a free worker. You may leave this page.");
  const share = job.progress.toLocaleString(language, { style: "percent" });
  const said = interpolate(gettext("Training: %(share)s done. You may leave this page."), { share });
  return job.message ? `${said} ${job.message}` : said;
}

async function follow(id: string, panel: JobPanel, language: string): Promise<void> {
  for (;;) {
    const answer = await fetch(`/api/v1/jobs/${id}/`).catch(() => null);
    if (answer?.ok) {
      const job = (await answer.json()) as Job;
      if (job.state === "succeeded") {
        panel.say(gettext("The model is trained. Reload the page to see the new round."), 1);
        return;
      }
      if (!isActive(job.state)) {
        panel.say(interpolate(gettext("The training stopped: %(reason)s"), { reason: job.error || job.state }));
        return;
      }
      panel.say(runningText(job, language), job.progress);
    } else if (answer && answer.status < 500) {
      panel.say(gettext("This training can no longer be followed. Reload the page."));
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function start(campaign: string, panel: JobPanel, language: string): Promise<void> {
  const answer = await fetch(`/api/v1/campaigns/${campaign}/training-runs/`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
    body: "{}",
  }).catch(() => null);
  const body = (await answer?.json().catch(() => null)) as { job?: Job; error?: { code?: string; message: string } } | null | undefined;
  if (body?.job) await follow(body.job.id, panel, language);
  else panel.say(refusalWords(body?.error?.code, body?.error?.message) ?? gettext("The training could not be started. Try again in a moment."));
}

/** Wire the button, and follow a training that already runs. */
export function wireRetraining(campaign: string, language: string): void {
  const button = document.getElementById("retrain");
  const box = document.getElementById("retrain-job");
  if (!(button instanceof HTMLButtonElement) || !box) return;
  const panel = new JobPanel(box);
  const busy = async (work: Promise<void>): Promise<void> => {
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
    if (active?.job) await busy(follow(active.job, panel, language));
  })();
}
