import { html, nothing, render, type TemplateResult } from "lit";
import type { ReleaseReason, ReviewReason } from "../api/types";
import { gettext, interpolate } from "../i18n";
import { reasonWords } from "./why-card";
import { keyName } from "./keys";

/** Opens a native dialog; its buttons' values are the answer, "" when it was left by Escape. */
function ask(title: string, body: TemplateResult, buttons: TemplateResult): Promise<{ answer: string; form: FormData }> {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-labelledby", "dialog-title");
  render(
    html`<form method="dialog">
      <h2 id="dialog-title">${title}</h2>
      ${body}
      <div class="dialog-buttons">${buttons}</div>
    </form>`,
    dialog,
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const form = dialog.querySelector("form");
      resolve({ answer: dialog.returnValue, form: form ? new FormData(form) : new FormData() });
      dialog.remove();
    });
  });
}

const cancelButton = (): TemplateResult => html`<button type="submit" value="" formnovalidate>${gettext("Cancel")}</button>`;

export interface Choice<R extends string> {
  readonly reason: R;
  readonly comment: string;
}

function choices<R extends string>(options: readonly (readonly [R, string])[], onChange?: (event: Event) => void, first = options[0]?.[0]): TemplateResult {
  return html`<fieldset class="choices" @change=${onChange ?? nothing}>
      <legend class="visually-hidden">${gettext("Reason")}</legend>
      ${options.map(([value, words]) => html`<label><input type="radio" name="reason" value=${value} ?checked=${value === first} data-testid=${`reason-${value}`}> <span>${words}</span></label>`)}
    </fieldset>
    <label class="comment"><span>${gettext("Comment")}</span><textarea name="comment" rows="3" maxlength="1000"></textarea></label>`;
}

function chosen<R extends string>(form: FormData): Choice<R> {
  return { reason: String(form.get("reason") ?? "") as R, comment: String(form.get("comment") ?? "").trim() };
}

export async function skipDialog(): Promise<Choice<ReleaseReason> | null> {
  const { answer, form } = await ask(
    gettext("Skip this tile?"),
    html`<p>${gettext("It goes to someone else. What you drew here stays saved.")}</p>
      ${choices<ReleaseReason>([
        ["skip", gettext("I would rather do another one")],
        ["bad_imagery", gettext("The image is unusable (cloud, blur, missing)")],
        ["cannot_tell", gettext("I cannot tell what is on the ground")],
      ])}`,
    html`${cancelButton()}<button type="submit" value="yes" class="primary" data-testid="dialog-confirm">${gettext("Skip")}</button>`,
  );
  return answer === "yes" ? chosen<ReleaseReason>(form) : null;
}

/** Whether the tile is really to be given out in quarters: it cannot be taken back. */
export async function splitDialog(): Promise<boolean> {
  const { answer } = await ask(
    gettext("Split this tile in four?"),
    html`<p>${gettext("It is given out in quarters from now on, each light enough for one sitting. You go on with the quarter that has most of your shapes; you or other people draw the others that are asked for.")}</p>
      <p>${gettext("What you drew is cut along the lines and waits for you in each quarter. A tile that was split stays so.")}</p>`,
    html`${cancelButton()}<button type="submit" value="yes" class="primary" data-testid="dialog-confirm">${gettext("Split in four")}</button>`,
  );
  return answer === "yes";
}

/** Whether the tile is handed in though hardly anything is labelled in these of the parts that are asked for. */
export async function emptyPartsDialog(empty: readonly number[], count: number): Promise<boolean> {
  const { answer } = await ask(
    gettext("Submit with parts hardly begun?"),
    html`<p>${count === 1 ? gettext("One part of this tile is asked for, and hardly anything is labelled in it yet.") : interpolate(gettext("Parts asked for in which hardly anything is labelled yet, %(n)s of %(count)s:"), { n: empty.length, count })}</p>
      ${count === 1 ? nothing : html`<ul data-testid="empty-parts">${empty.map((n) => html`<li>${interpolate(gettext("Part %(n)s"), { n })}</li>`)}</ul>`}
      <p>${gettext("You may leave out ground that the image does not let you tell.")}</p>`,
    html`<button type="submit" value="yes" data-testid="dialog-confirm">${gettext("Submit anyway")}</button>
      <button type="submit" value="" class="primary" autofocus data-testid="dialog-go-on">${gettext("Go on labelling")}</button>`,
  );
  return answer === "yes";
}

const REASONS: readonly Exclude<ReviewReason, "">[] = ["geometry", "class", "incomplete", "imagery", "other"];

function reasonChoices(): [Exclude<ReviewReason, "">, string][] {
  return REASONS.map((reason) => [reason, reasonWords(reason)]);
}

/** What is wrong at a place; null when it is not marked after all. */
export async function markDialog(): Promise<Choice<Exclude<ReviewReason, "">> | null> {
  const { answer, form } = await ask(
    gettext("What is wrong at this place?"),
    choices(reasonChoices()),
    html`${cancelButton()}<button type="submit" value="yes" class="primary" data-testid="dialog-confirm">${gettext("Mark it")}</button>`,
  );
  return answer === "yes" ? chosen(form) : null;
}

/** Words that one has to write; null when it was left. */
async function askWords(title: string, text: string, button: string): Promise<string | null> {
  const { answer, form } = await ask(
    title,
    html`<p>${text}</p>
      <label class="comment"><span>${gettext("Comment")}</span><textarea name="comment" rows="4" maxlength="2000" required></textarea></label>`,
    html`${cancelButton()}<button type="submit" value="yes" class="primary" data-testid="dialog-confirm">${button}</button>`,
  );
  return answer === "yes" ? String(form.get("comment") ?? "").trim() : null;
}

export function leaveToAnotherDialog(): Promise<string | null> {
  return askWords(
    gettext("Leave it to another reviewer?"),
    gettext("It will not come back to you. Say what you are not sure of: the next reviewer reads it."),
    gettext("Leave it"),
  );
}

export async function sendBackDialog(first: ReviewReason = "geometry"): Promise<Choice<ReviewReason> | null> {
  const require = (event: Event): void => {
    const fieldset = event.currentTarget as HTMLFieldSetElement;
    const comment = fieldset.form?.elements.namedItem("comment") as HTMLTextAreaElement | null;
    if (comment) comment.required = (event.target as HTMLInputElement).value === "other";
  };
  const { answer, form } = await ask(
    gettext("Send back to the author"),
    html`<p>${gettext("Say what to change. The author reads it with the tile.")}</p>
      ${choices<ReviewReason>(reasonChoices(), require, first)}`,
    html`${cancelButton()}<button type="submit" value="yes" class="primary" data-testid="dialog-confirm">${gettext("Send back")}</button>`,
  );
  return answer === "yes" ? chosen<ReviewReason>(form) : null;
}

export type Keys = readonly (readonly [keys: string, what: string])[];

export async function helpDialog(groups: readonly (readonly [title: string, keys: Keys])[]): Promise<void> {
  await ask(
    gettext("Keys and gestures"),
    html`<div class="help-groups">
      ${groups.map(([title, keys]) => html`<section>
        <h3>${title}</h3>
        <dl>${keys.map(([key, what]) => html`<dt>${key.split(" ").map((k) => html`<kbd>${keyName(k)}</kbd> `)}</dt><dd>${what}</dd>`)}</dl>
      </section>`)}
    </div>`,
    html`<button type="submit" value="yes" class="primary" autofocus>${gettext("Close")}</button>`,
  );
}
