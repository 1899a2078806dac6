// "Report a wrong place": the form beside the public map. It works without an account and with the keyboard alone.

import type * as Leaflet from "leaflet";
import { refusalWords } from "../api/refusals";
import { gettext, interpolate } from "../i18n";
import { type PlaceKind, PlaceSketch, type ReportedPlace } from "./report-sketch";
import type { ReportFeature, ReportLayer } from "./reports";
import { element } from "./web-map";

interface Alike {
  id: string;
  comment: string;
  created_at: string;
}

interface Answer {
  id?: string;
  page?: string;
  error?: { code?: string; message?: string; details?: Record<string, unknown> & { reports?: Alike[] } };
}

interface Body {
  place: ReportedPlace;
  class_code: string;
  comment: string;
  email: string;
  website: string;
  even_if_reported: boolean;
}

function csrfToken(): string {
  return /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1] ?? "";
}

function part<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no #${id} of the right kind`);
  return found;
}

export class ReportForm {
  private readonly form = part("report-form", HTMLFormElement);
  private readonly shell = this.form.closest<HTMLElement>(".map-shell");
  private readonly opener = part("report-start", HTMLButtonElement);
  private readonly placed = part("report-placed", HTMLElement);
  private readonly trouble = part("report-trouble", HTMLElement);
  private readonly done = part("report-done", HTMLElement);
  private readonly sender = part("report-send", HTMLButtonElement);
  private readonly undo = part("report-undo", HTMLButtonElement);
  private readonly sketch: PlaceSketch;

  constructor(
    map: Leaflet.Map,
    private readonly campaign: string,
    private readonly reports: ReportLayer,
  ) {
    this.sketch = new PlaceSketch(map, (corners) => {
      this.tellPlaced(corners);
    });
    this.opener.addEventListener("click", () => {
      this.open();
    });
    part("report-cancel", HTMLButtonElement).addEventListener("click", () => {
      this.close();
    });
    part("report-middle", HTMLButtonElement).addEventListener("click", () => {
      this.sketch.addAtMiddle();
    });
    this.undo.addEventListener("click", () => {
      this.sketch.removeLast();
    });
    for (const radio of this.form.querySelectorAll<HTMLInputElement>('input[name="kind"]')) {
      radio.addEventListener("change", () => {
        this.sketch.use(this.kind());
      });
    }
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.close();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send(false);
    });
  }

  open(): void {
    this.form.hidden = false;
    this.done.hidden = true;
    this.opener.setAttribute("aria-expanded", "true");
    this.shell?.classList.add("reporting");
    this.sketch.start();
    this.sketch.use(this.kind());
    this.form.querySelector<HTMLElement>("h2")?.focus();
  }

  private close(): void {
    this.sketch.stop();
    this.form.hidden = true;
    this.form.reset();
    this.trouble.replaceChildren();
    this.opener.setAttribute("aria-expanded", "false");
    this.shell?.classList.remove("reporting");
    this.opener.focus();
  }

  private kind(): PlaceKind {
    return this.value("kind") === "area" ? "area" : "point";
  }

  private value(name: string): string {
    const found = new FormData(this.form).get(name);
    return typeof found === "string" ? found : "";
  }

  private tellPlaced(corners: number): void {
    this.undo.disabled = corners === 0;
    if (this.kind() === "point") {
      this.placed.textContent = corners > 0 ? gettext("The point is set. Click elsewhere to move it.") : gettext("No point is set yet.");
    } else if (corners < 3) {
      this.placed.textContent = interpolate(gettext("Corners: %(n)s. An area needs three or more."), { n: corners });
    } else this.placed.textContent = interpolate(gettext("Corners: %(n)s. The area is closed by itself."), { n: corners });
  }

  private async send(evenIfReported: boolean): Promise<void> {
    const place = this.sketch.place();
    if (!place) {
      this.fail(gettext("Show the place first: click on the map, or move the map and press Enter on it."));
      return;
    }
    const body: Body = {
      place,
      class_code: this.value("class_code"),
      comment: this.value("comment"),
      email: this.value("email"),
      website: this.value("website"),
      even_if_reported: evenIfReported,
    };
    if (this.sender.disabled) return; // one is on its way
    this.sender.disabled = true;
    const answer = await this.post(body);
    this.sender.disabled = false;
    if (answer?.id && answer.page) this.thank(answer.id, answer.page, body);
    else if (answer?.error?.code === "same_place_reported") this.offer(answer.error.details?.reports ?? []);
    else this.fail(refusalWords(answer?.error?.code, answer?.error?.message, answer?.error?.details) ?? gettext("The report could not be sent. Try again in a moment."));
  }

  private async post(body: Body): Promise<Answer | null> {
    const answer = await fetch(`/api/v1/campaigns/${this.campaign}/reports/`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
      body: JSON.stringify(body),
    }).catch(() => null);
    return ((await answer?.json().catch(() => null)) ?? null) as Answer | null;
  }

  private fail(words: string): void {
    this.trouble.replaceChildren(element("p", words));
    this.trouble.focus();
  }

  /** Somebody reported this place before: their reports, and the choice to send this one all the same. */
  private offer(alike: readonly Alike[]): void {
    const list = element("ul");
    for (const report of alike) {
      const item = element("li");
      item.append(element("a", report.comment || gettext("A report without words"), { href: `/reports/${report.id}/` }));
      list.append(item);
    }
    const anyway = element("button", gettext("Send mine all the same"), { type: "button", class: "quiet", "data-testid": "report-anyway" });
    anyway.addEventListener("click", () => void this.send(true));
    this.trouble.replaceChildren(element("p", gettext("This place was reported already. You can follow that report:")), list, anyway);
    this.trouble.focus();
  }

  private thank(id: string, page: string, body: Body): void {
    const properties = { id, page, state: "new", answer: "", class_code: body.class_code, comment: body.comment } as const;
    const feature: ReportFeature = { type: "Feature", id, geometry: body.place, properties };
    this.reports.add(feature);
    this.close();
    this.done.replaceChildren(
      element("p", gettext("Thank you. Your report has a page of its own, where you see what becomes of it:")),
      element("a", page, { href: page, "data-testid": "report-page" }),
    );
    this.done.hidden = false;
    this.done.focus();
  }
}
