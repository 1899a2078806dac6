import { html, nothing, type TemplateResult } from "lit";
import type { ReportedWords } from "../api/types";
import { gettext, interpolate } from "../i18n";

/** The letter of a reported place, on the map and in the list. */
export function reportLetter(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

/** What readers of the map said of a tile: each place by its letter on the map. */
export function reportedPlaces(reports: readonly ReportedWords[], nameOf: (code: string) => string): TemplateResult | typeof nothing {
  if (reports.length === 0) return nothing;
  const row = ({ class_code, comment }: ReportedWords, i: number): TemplateResult => html`<li data-testid="reported">
    <span class="mark-pin is-reported" aria-hidden="true">${reportLetter(i)}</span>
    <div>
      ${class_code ? html`<p><strong>${interpolate(gettext("Should be: %(class)s"), { class: nameOf(class_code) })}</strong></p>` : nothing}
      ${comment ? html`<p>${interpolate(gettext("“%(comment)s”"), { comment })}</p>` : nothing}
      ${class_code || comment ? nothing : html`<p>${gettext("Something is wrong here; no more was said.")}</p>`}
    </div>
  </li>`;
  return html`<p class="quiet">${gettext("The letters are marked on the tile:")}</p><ul class="reported-places">${reports.map(row)}</ul>`;
}
