// The samples of a campaign: the plan follows what is typed, and a draw that is under way is followed to its end.

import { gettext } from "../i18n";
import { followJob, JobPanel, type JobWords } from "../overview/job-panel";
import { pageData } from "../overview/web-map";
import { accuracyText, hectaresText, planQuery, type SamplePlan, sourceWords } from "../overview/sample-plan";

interface SamplesBoot {
  language: string;
  job: string | null;
  plan: string;
  pair: string;
}

const TYPING_MS = 300;

function drawWords(): JobWords {
  return {
    waiting: gettext("The draw waits for a free worker. You may leave this page."),
    running: gettext("Going through the maps: %(share)s done. You may leave this page."),
    done: gettext("It is done: the page opens anew."),
    lost: gettext("This can no longer be followed. Reload the page."),
    stopped: gettext("It stopped: %(reason)s"),
  };
}

function write(selector: string, text: string, within: ParentNode = document): void {
  const place = within.querySelector(selector);
  if (place) place.textContent = text;
}

function show(plan: SamplePlan, language: string): void {
  write("#plan-places", plan.places.toLocaleString(language));
  write("#plan-overall", accuracyText(plan.overall_half, language));
  for (const stratum of plan.strata) {
    const row = document.querySelector(`#plan-table tr[data-stratum="${CSS.escape(stratum.code)}"]`);
    if (!row) continue;
    write('[data-cell="share_from"]', sourceWords(stratum.share_from), row);
    write('[data-cell="accuracy_from"]', sourceWords(stratum.accuracy_from), row);
    write('[data-cell="places"]', stratum.places.toLocaleString(language), row);
    write('[data-cell="accuracy_half"]', stratum.places ? accuracyText(stratum.accuracy_half, language) : "", row);
    write('[data-cell="area_half"]', hectaresText(stratum.area_half_ha, language), row);
  }
}

function refuse(isRefused: boolean): void {
  const told = document.getElementById("plan-refusal");
  if (!told) return;
  told.hidden = !isRefused;
  if (isRefused) told.textContent = gettext("These numbers make no plan: look at them, or ask for less. The button below says which.");
}

const boot = pageData<SamplesBoot>("boot");
const form = document.querySelector<HTMLFormElement>("#plan-form");
let timer: ReturnType<typeof setTimeout> | undefined;
let asked = 0;

async function follow(planForm: HTMLFormElement): Promise<void> {
  const turn = ++asked;
  const query = planQuery(new FormData(planForm), boot.pair);
  const answer = await fetch(`${boot.plan}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (turn !== asked || !answer || answer.status >= 500) return; // a later question is under way, or the button is there
  refuse(!answer.ok);
  if (answer.ok) show((await answer.json()) as SamplePlan, boot.language);
}

form?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => { void follow(form); }, TYPING_MS);
});

const box = document.getElementById("sample-job");
if (box && boot.job) {
  void followJob(boot.job, new JobPanel(box), drawWords(), boot.language).then((job) => {
    if (job) location.assign(location.pathname + location.search);
  });
}
