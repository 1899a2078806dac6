import { html, render } from "lit";
import { gettext } from "../i18n";

/** What a page shows when it cannot even start: the reason, and two ways on. */
export function failurePage(root: HTMLElement, error: unknown): void {
  render(
    html`<div class="cover" role="alert"><div class="cover-card">
      <h2>${gettext("This page could not start")}</h2>
      <p>${error instanceof Error ? error.message : String(error)}</p>
      <button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button>
      <a class="button" href="/campaigns/">${gettext("All campaigns")}</a>
    </div></div>`,
    root,
  );
}
