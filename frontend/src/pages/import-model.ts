// A maintainer sends published weights: the file goes as it is, with the form as parameters of the address.

import { refusalWords } from "../api/refusals";
import { gettext, interpolate } from "../i18n";
import { csrfToken, followJob, type Job, JobPanel, type JobWords } from "../overview/job-panel";
import { pageData } from "../overview/web-map";

interface Boot {
  campaign: string;
  language: string;
  job: string | null;
  limit: number;
}

interface Answer {
  job?: Job;
  error?: { code: string; message: string };
}

function importWords(): JobWords {
  return {
    waiting: gettext("The import waits for a free worker. You may leave this page."),
    running: gettext("Import: %(share)s done. You may leave this page."),
    done: gettext("The model is there: reload the page to see what became of it."),
    lost: gettext("This import can no longer be followed. Reload the page."),
    stopped: gettext("The import stopped: %(reason)s"),
  };
}

/** Where the file goes, with what the form says of it. */
export function importAddress(campaign: string, form: FormData, fileName: string): string {
  const [source = "", variant = ""] = textOf(form, "variant").split("/");
  const values = new URLSearchParams({ source, variant, file_name: fileName, bands: textOf(form, "bands") });
  const seen = textOf(form, "seen_here");
  if (seen) values.set("seen_here", seen);
  if (form.get("publish_unjudged")) values.set("publish_unjudged", "true");
  const reason = textOf(form, "reason");
  if (reason) values.set("reason", reason);
  return `/api/v1/campaigns/${campaign}/models/import/?${values.toString()}`;
}

function textOf(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** Send a file and say how much of it has gone; fetch tells nothing on the way. */
function send(url: string, file: File, onShare: (share: number) => void): Promise<Answer | null> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) onShare(event.loaded / event.total); });
    request.addEventListener("load", () => {
      try {
        resolve(JSON.parse(request.responseText) as Answer);
      } catch {
        resolve(null);
      }
    });
    request.addEventListener("error", () => { resolve(null); });
    request.send(file);
  });
}

async function start(form: HTMLFormElement, panel: JobPanel, boot: Boot): Promise<void> {
  const input = form.querySelector<HTMLInputElement>('input[type="file"]');
  const file = input?.files?.[0];
  if (!file) {
    panel.say(gettext("Choose the file to import first."));
    input?.focus();
    return;
  }
  if (file.size > boot.limit) {
    panel.say(gettext("This file is larger than is taken here: import it on the machine."));
    return;
  }
  const format = (share: number): string => share.toLocaleString(boot.language, { style: "percent" });
  panel.say(interpolate(gettext("Sending: %(share)s. Stay on this page until it is sent."), { share: format(0) }), 0);
  const answer = await send(importAddress(boot.campaign, new FormData(form), file.name), file, (share) => {
    panel.say(interpolate(gettext("Sending: %(share)s. Stay on this page until it is sent."), { share: format(share) }), share);
  });
  if (answer?.job) await followJob(answer.job.id, panel, importWords(), boot.language);
  else if (answer?.error) panel.say(interpolate(gettext("The import stopped: %(reason)s"), { reason: refusalWords(answer.error.code, answer.error.message) ?? answer.error.message }));
  else panel.say(gettext("The file could not be sent. Try again in a moment."));
}

export function wireImport(boot: Boot): void {
  const form = document.getElementById("import-form");
  const box = document.getElementById("import-job");
  if (!(form instanceof HTMLFormElement) || !box) return;
  const panel = new JobPanel(box);
  const button = form.querySelector<HTMLButtonElement>('button[type="submit"]');
  const busy = async (work: Promise<unknown>): Promise<void> => {
    if (button) button.disabled = true;
    await work;
    if (button) button.disabled = false;
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(start(form, panel, boot));
  });
  if (boot.job) void busy(followJob(boot.job, panel, importWords(), boot.language));
}

if (document.getElementById("import-form")) wireImport(pageData<Boot>("boot"));
