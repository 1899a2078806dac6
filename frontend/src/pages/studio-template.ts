import { html, nothing, type TemplateResult } from "lit";
import { askedShare } from "../domain/asked";
import { decimal, gettext, interpolate, percent } from "../i18n";
import { icon, swatch } from "../ui/icons";
import { languageSwitch } from "../ui/language";
import { figuresOf } from "./figures";
import type { StudioCommand } from "./shortcuts";
import type { StudioModel } from "./studio-model";
import { panel, screenKeys } from "./studio-panels";
import { toolGroups, viewGroups } from "./studio-tools";
import { tileWords } from "./tile-words";

const campaignUrl = (slug: string): string => `/campaigns/${encodeURIComponent(slug)}/`;

function back({ campaign, isPractice, correction }: StudioModel): TemplateResult {
  const [href, label] = isPractice
    ? ["/campaigns/", gettext("All campaigns")]
    : correction ? [correction.desk, gettext("Back to the review desk")] : [campaignUrl(campaign.slug), gettext("Back to the campaign")];
  return html`<a class="bar-back" href=${href} aria-label=${label}>${icon("back")}</a>`;
}

function header(model: StudioModel): TemplateResult {
  const { campaign, state, session, actions, isPractice, correction } = model;
  const tile = session?.assignment.tile;
  const off = state.phase !== "working" || state.isReadOnly;
  return html`<header class="studio-bar">
    ${back(model)}
    <div class="bar-title">
      <h1>${correction ? interpolate(gettext("Correct · %(campaign)s"), { campaign: campaign.title }) : campaign.title}</h1>
      ${tile && correction ? html`<p>${interpolate(gettext("%(tile)s, drawn by %(author)s"), { tile: tileWords(tile), author: correction.author() })}</p>` : nothing}
      ${tile && !isPractice && !correction ? html`<p data-testid="tile-name">${tileWords(tile)}</p>` : nothing}
    </div>
    ${isPractice
      ? html`<p class="save-state" data-testid="practice-state">${gettext("Practice: nothing is sent or kept")}</p>`
      : html`<sc-save-state .status=${state.status} .language=${model.language}></sc-save-state>`}
    ${languageSwitch(model.language)}
    <div class="bar-actions">
      ${isPractice || correction ? nothing : html`<button type="button" data-testid="skip" ?disabled=${off} @click=${() => { actions.command("skip"); }}>${gettext("Skip")}</button>`}
      <button type="button" class="primary" data-testid="submit" ?disabled=${off} aria-keyshortcuts="Control+Enter" @click=${() => { actions.command("submit"); }}>
        ${state.phase === "sending" ? gettext("Sending…") : correction ? gettext("Accept as corrected") : gettext("Submit")} <kbd>Ctrl ↵</kbd>
      </button>
      <button type="button" class="bar-icon" data-testid="panel" aria-label=${gettext("Side panel")} aria-expanded=${state.panel ? "true" : "false"}
        aria-controls="studio-panel" @click=${() => { actions.command("panel"); }}>${icon("panel")}</button>
    </div>
  </header>`;
}

/** The class in hand, where the panel that shows it is closed. */
function classInHand({ state, actions }: StudioModel): TemplateResult | typeof nothing {
  const { activeClass } = state;
  if (state.panel || !activeClass || state.phase !== "working" || state.isReadOnly) return nothing;
  const label = interpolate(gettext("Class in hand: %(class)s."), { class: `${activeClass.code} ${activeClass.name}` });
  const open = (): void => {
    actions.command("panel");
    document.querySelector("[data-testid='section-class']")?.scrollIntoView();
  };
  return html`<button type="button" class="in-hand" data-testid="in-hand" aria-label=${label} @click=${open}>
    ${swatch(activeClass.colour)} <span class="class-code">${activeClass.code}</span> <span class="class-name">${activeClass.name}</span>
  </button>`;
}

/** How much is labelled of what is asked for: of the tile, or of parts of it. */
function labelledWords({ session, parts }: StudioModel): string {
  const labelled = parts.length > 0 ? askedShare(parts) : session ? figuresOf(session.draft).labelled : 0;
  const share = percent(Math.floor(labelled * 1000) / 1000, 1);
  return interpolate(parts.length > 0 ? gettext("%(share)s of the parts labelled") : gettext("%(share)s labelled"), { share });
}

function footer(model: StudioModel): TemplateResult {
  const { state, session, campaign, classes, hint } = model;
  const shown = classes.find((c) => c.code === state.hoveredClass);
  const { layer } = campaign;
  return html`<footer class="studio-status">
    ${classInHand(model)}
    <span class="status-hint" data-testid="hint">${hint}</span>
    ${state.panel ? nothing : screenKeys(model)}
    ${shown ? html`<span class="status-class">${swatch(shown.colour)} <b>${shown.code}</b> ${shown.name}</span>` : nothing}
    ${session
      ? html`<span class="status-figure">${interpolate(gettext("Shapes: %(n)s"), { n: session.draft.features.size })}</span>
          <span class="status-figure">${labelledWords(model)}</span>`
      : nothing}
    <span class="status-source">${layer.title} · ${interpolate(gettext("%(gsd)s m per pixel"), { gsd: decimal(layer.gsd_m, 3) })} · ${layer.attribution}</span>
  </footer>`;
}

function cover({ state, campaign, isPractice, correction, area }: StudioModel): TemplateResult | typeof nothing {
  // What comes after practice is the guide's to say.
  if ((isPractice || correction) && state.phase === "empty") return nothing;
  const home = html`<a class="button" href=${campaignUrl(campaign.slug)}>${gettext("Back to the campaign")}</a>`;
  if (state.phase === "empty") {
    return html`<div class="cover" data-testid="empty"><div class="cover-card">
      <h2>${area ? gettext("Nothing left to label here") : gettext("Nothing left to label for now")}</h2>
      <p>${area
        ? gettext("Every tile of this round in the territory you chose is done or in someone's hands.")
        : gettext("Every tile of this round is done or in someone's hands. New tiles come with the next round.")}</p>
      <div class="button-row">
        ${area ? html`<a class="button primary" href=${`${campaignUrl(campaign.slug)}studio/`}>${gettext("Label anywhere")}</a>` : nothing}
        <a class="button primary" href=${`${campaignUrl(campaign.slug)}validate/`}>${gettext("Check what the model drew")}</a>
        ${home} <a class="button" href="/me/">${gettext("See my contributions")}</a>
      </div>
    </div></div>`;
  }
  if (state.phase === "failed") {
    return html`<div class="cover" role="alert"><div class="cover-card">
      <h2>${gettext("This tile could not be opened")}</h2>
      <p>${state.failure}</p>
      <div class="button-row"><button type="button" class="primary" @click=${() => { window.location.reload(); }}>${gettext("Try again")}</button>
        ${correction ? html`<a class="button" href=${correction.desk}>${gettext("Back to the review desk")}</a>` : nothing}
        ${isPractice || correction ? nothing : html`<a class="button" href=${`${campaignUrl(campaign.slug)}studio/`}>${gettext("Label a tile")}</a>`} ${home}</div>
    </div></div>`;
  }
  if (state.phase === "loading") return html`<div class="cover cover-quiet"><p class="loading">${gettext("Opening the next tile…")}</p></div>`;
  return nothing;
}

/** Work on other tiles that only its person can bring to an end: one at a time. */
function leftBehind({ state: { leftBehind: [first, ...more] }, actions }: StudioModel): TemplateResult | typeof nothing {
  if (!first) return nothing;
  const { place, campaign, tile, problem, split } = first;
  const where = place
    ? interpolate(gettext("%(tile)s: work on it is kept in this browser only."), { tile: tileWords(place) })
    : gettext("Work on another tile is kept in this browser only.");
  const known: Partial<Record<typeof problem, string>> = {
    conflict: gettext("The server has another version: open the tile and choose what stays."),
    invalid: gettext("A shape needs a correction: open the tile and it is shown."),
  };
  const why = split
    ? gettext("The tile was split in four before it reached the server: look at what you drew, and draw what is missing in the quarters.")
    : (known[problem] ?? gettext("The server did not take it: open the tile and read why."));
  return html`<div class="notice notice-strong" data-testid="left-behind" role="status">
    <p>${where} ${why} ${more.length > 0 ? interpolate(gettext("%(n)s more tiles wait."), { n: more.length }) : nothing}</p>
    ${split
      ? html`<button type="button" class="primary" data-testid="split-work" @click=${() => { actions.showSplitWork(first); }}>${gettext("Look at what you drew")}</button>`
      : nothing}
    <a class="button" href=${`${campaignUrl(campaign)}studio/?tile=${encodeURIComponent(tile)}`}>${split ? gettext("Open a quarter") : gettext("Open the tile")}</a></div>`;
}

/** Classes changed while the tile was open: what they are now, and what that asks of this person. */
function classNews({ state: { classNews: news }, actions }: StudioModel): TemplateResult | typeof nothing {
  if (!news) return nothing;
  return html`<div class="notice notice-strong" data-testid="class-news" role="status">
    <p><b>${gettext("The classes of this campaign have changed.")}</b> ${news.reason ? interpolate(gettext("Why: “%(reason)s”."), { reason: news.reason }) : nothing} ${gettext("What you drew is kept, in the new classes.")}
      ${news.lost > 0 ? interpolate(gettext("Shapes here that have no class any more: %(n)s. Their ground is unlabelled now, and shown: label it again."), { n: news.lost }) : nothing}</p>
    ${news.gone.length > 0 ? html`<p class="small">${news.gone.map(([before, now]) => `${before} → ${now ?? gettext("none")}`).join(" · ")}</p>` : nothing}
    <button type="button" class="primary" data-testid="class-news-read" @click=${() => { actions.dismissClassNews(); }}>${gettext("Go on")}</button></div>`;
}

function notices(model: StudioModel): TemplateResult {
  const { state, actions } = model;
  return html`<div class="notices">
    ${state.isReadOnly
      ? html`<div class="notice notice-strong" data-testid="read-only"><p>${gettext("This tile is open in another tab, and that one keeps your work. Here you may look.")}</p>
          <button type="button" class="primary" data-testid="go-on-here" @click=${() => { actions.goOnHere(); }}>${gettext("Go on here")}</button></div>`
      : nothing}
    ${state.leaseLost
      ? html`<p class="notice">${gettext("This tile was also given to someone else meanwhile. Your work is kept: it is saved as one more contribution.")}</p>`
      : nothing}
    ${classNews(model)}
    ${leftBehind(model)}
    ${state.offersPractice
      ? html`<div class="notice notice-offer" data-testid="practice-offer"><p>${gettext("First time here? Two minutes on a practice tile show all you need.")}</p>
          <a class="button primary" href="/practice/">${gettext("Practise first")}</a>
          <button type="button" @click=${() => { actions.dismissPractice(); }}>${gettext("Not now")}</button></div>`
      : nothing}
    ${state.notice ? html`<p class="notice" data-testid="notice">${state.notice}</p>` : nothing}
  </div>`;
}

/** The whole page. The map's element and the spoken line are never drawn anew: others write in them. */
export function studioTemplate(model: StudioModel): TemplateResult {
  const { actions } = model;
  const onTool = (event: CustomEvent<StudioCommand>): void => { actions.command(event.detail); };
  return html`
    ${header(model)}
    <div class="studio-main">
      <sc-toolbar class="rail" .groups=${toolGroups(model)} .label=${gettext("Tools")} @tool=${onTool}></sc-toolbar>
      <div class="map-frame">
        <div class="map" data-testid="map" tabindex="0" role="application" aria-label=${gettext("Image of the tile and its shapes")} aria-describedby="studio-hint"></div>
        <p class="visually-hidden" id="studio-hint">${gettext("Arrow keys move the cursor, Space presses, question mark lists all keys.")}</p>
        <sc-toolbar class="corner" .groups=${viewGroups(model)} .label=${gettext("View")} @tool=${onTool}></sc-toolbar>
        ${notices(model)}
        ${cover(model)}
      </div>
      ${panel(model)}
      <p class="visually-hidden" id="spoken" role="status" aria-live="polite" data-testid="spoken"></p>
    </div>
    ${footer(model)}`;
}
