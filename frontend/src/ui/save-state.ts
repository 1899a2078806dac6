import { html, type TemplateResult } from "lit";
import { gettext, interpolate } from "../i18n";
import type { SaveStatus } from "../save/saver";
import { LightElement } from "./element";

/** What became of the work, in plain words. */
export function saveWords(status: SaveStatus, language: string): string {
  if (status.problem === "sign_in") return gettext("Signed out: sign in again in another tab, your work is kept");
  if (status.problem === "conflict") return gettext("Not saved: changed elsewhere, kept in this browser");
  if (status.problem === "invalid") return gettext("Not saved: one shape needs a correction");
  if (status.problem === "server") return gettext("Not saved: the server is busy, kept in this browser, trying again");
  if (status.problem === "refused") return interpolate(gettext("Not saved, kept in this browser: %(reason)s"), { reason: status.message });
  if (status.problem === "browser") return gettext("This browser cannot keep a copy: stay until the server has saved");
  if (status.state === "offline") return gettext("Not saved: offline, kept in this browser");
  if (status.state === "saving") return gettext("Saving…");
  if (status.state === "dirty") return gettext("Kept in this browser, not sent yet");
  if (!status.savedAt) return gettext("Nothing to save yet");
  const time = new Date(status.savedAt).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return interpolate(gettext("Saved on server at %(time)s"), { time });
}

/** Always in view: where the work is now. */
export class SaveStateView extends LightElement {
  static override properties = { status: { attribute: false }, language: { attribute: false } };

  declare status: SaveStatus;
  declare language: string;

  constructor() {
    super();
    this.status = { state: "saved", savedAt: null, problem: "none", message: "" };
    this.language = "en";
  }

  protected override render(): TemplateResult {
    return html`<p class="save-state" role="status" aria-live="polite" data-testid="save-state" data-state=${this.status.state}>
      <span class="save-dot" aria-hidden="true"></span><span>${saveWords(this.status, this.language)}</span>
    </p>`;
  }
}

customElements.define("sc-save-state", SaveStateView);
