import { html, type TemplateResult } from "lit";
import { csrfToken } from "../api/client";

/** The page in the other language: the same form as on every page; kept work comes back with it. */
export function languageSwitch(language: "fr" | "en"): TemplateResult {
  const other = language === "fr" ? { code: "en", name: "English" } : { code: "fr", name: "Français" };
  return html`<form class="language" action="/i18n/setlang/" method="post">
    <input type="hidden" name="csrfmiddlewaretoken" value=${csrfToken()}>
    <input type="hidden" name="next" value=${`${window.location.pathname}${window.location.search}`}>
    <button name="language" value=${other.code} lang=${other.code} title=${other.name} data-testid="language">${other.code.toUpperCase()}<span class="visually-hidden"> ${other.name}</span></button>
  </form>`;
}
