// Work of the server that takes long, as a page shows it: a sentence and a bar. It may be left: the work goes on.

import { interpolate } from "../i18n";

export interface Job {
  id: string;
  state: "queued" | "running" | "succeeded" | "failed" | "cancelled";
  progress: number;
  message: string;
  error: string;
}

const POLL_MS = 2000;

export function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

export function isActive(state: string | null): boolean {
  return state === "queued" || state === "running";
}

export class JobPanel {
  private readonly text: HTMLElement;
  private readonly bar: HTMLProgressElement;

  constructor(private readonly box: HTMLElement) {
    const text = box.querySelector("p");
    const bar = box.querySelector("progress");
    if (!text || !bar) throw new Error("the page's job box lacks its text or its bar");
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

/** What a page says of one kind of job; the first four are whole sentences. */
export interface JobWords {
  waiting: string;
  /** With %(share)s. */
  running: string;
  done: string;
  lost: string;
  /** With %(reason)s. */
  stopped: string;
}

/** Say how far a job is until it ends; answers the job that succeeded. */
export async function followJob(id: string, panel: JobPanel, words: JobWords, language: string): Promise<Job | null> {
  for (;;) {
    const answer = await fetch(`/api/v1/jobs/${id}/`).catch(() => null);
    if (answer?.ok) {
      const job = (await answer.json()) as Job;
      if (job.state === "succeeded") {
        panel.say(words.done, 1);
        return job;
      }
      if (!isActive(job.state)) {
        panel.say(interpolate(words.stopped, { reason: job.error || job.state }));
        return null;
      }
      panel.say(runningText(job, words, language), job.progress);
    } else if (answer && answer.status < 500) {
      panel.say(words.lost);
      return null;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function runningText(job: Job, words: JobWords, language: string): string {
  if (job.state === "queued") return words.waiting;
  const share = job.progress.toLocaleString(language, { style: "percent" });
  const said = interpolate(words.running, { share });
  return job.message ? `${said} ${job.message}` : said;
}
