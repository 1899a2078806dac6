import { html, nothing, type TemplateResult } from "lit";
import { gettext, interpolate } from "../i18n";
import { NOTHING_SAVED, type SaveStatus } from "../save/saver";
import { LightElement } from "./element";

/** Why the last changes are not on the server; "" when nothing stands in their way. */
function problemWords({ problem, kept, message }: SaveStatus): string {
  switch (problem) {
    case "elsewhere": return gettext("Open in another tab: nothing is changed or sent from here");
    case "conflict": return gettext("Not saved: changed elsewhere, choose what stays");
    case "invalid": return gettext("Not saved: one shape needs a correction");
    case "refused": return interpolate(gettext("Not saved: %(reason)s"), { reason: message });
    case "sign_in":
      return kept
        ? gettext("Kept on this device. You are signed out: sign in again in another tab")
        : gettext("Signed out, and this browser cannot keep a copy: sign in again in another tab, leave this one open");
    case "other_person": return gettext("Not sent: another account is signed in. Sign in again as yourself in another tab");
    case "server": return kept ? gettext("Kept on this device. The server is busy, trying again") : "";
    case "offline": return kept ? gettext("Kept on this device. Offline: sent as soon as the network is back") : "";
    default: return "";
  }
}

/** Where the work is now, in plain words. */
export function saveWords(status: SaveStatus, language: string): string {
  const words = problemWords(status);
  if (words) return words;
  if (status.pending && !status.kept) return gettext("This browser cannot keep a copy: stay until the server has saved");
  if (status.state === "saving") return gettext("Kept on this device, being sent…");
  if (status.pending) return gettext("Kept on this device, not sent yet");
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
    this.status = NOTHING_SAVED;
    this.language = "en";
  }

  protected override render(): TemplateResult {
    const { state, pending, problem, kept } = this.status;
    return html`<p class="save-state" role="status" aria-live="polite" data-testid="save-state"
      data-state=${state} data-pending=${String(pending)} data-kept=${String(kept)} data-problem=${problem}>
      <span class="save-dot" aria-hidden="true"></span><span>${saveWords(this.status, this.language)}</span>
      ${problem === "sign_in" || problem === "other_person"
        ? html`<a href="/accounts/login/" target="_blank" rel="noopener">${gettext("Sign in")}</a>`
        : nothing}
    </p>`;
  }
}

customElements.define("sc-save-state", SaveStateView);
