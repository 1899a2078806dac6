import { afterEach, expect, it } from "vitest";
import { ApiError } from "../../src/api/client";
import type { ValidationItem } from "../../src/api/types";
import { emptyWords } from "../../src/pages/validate-template";
import { faultWords, questionWords, reasonWords } from "../../src/pages/validate-words";

afterEach(() => {
  document.documentElement.lang = "";
  delete window.gettext;
});

/** A catalogue that marks what it was asked for. */
function inFrench(): void {
  document.documentElement.lang = "fr";
  window.gettext = (message) => `[fr] ${message}`;
}

const square = (feature_id: string, class_code: string, x: number, confidence: number | null = 0.55): ValidationItem =>
  ({ feature_id, class_code, rings: [[[x, 0], [x + 8, 0], [x + 8, 8], [x, 8]]], confidence, verdict: null });

it("a question names the class, how sure the model is, and the classes that lie beside, each once", () => {
  const all = [square("a", "X", 8), square("b", "Y", 0), square("c", "Y", 16), square("d", "Z", 40, null)];
  const name = (code: string): string => `${code} name`;
  expect(questionWords(all[0] as ValidationItem, all, 1, name)).toBe("1 of 4. The model says X name, 55% sure. Neighbours: Y name. Is that right?");
  expect(questionWords(all[3] as ValidationItem, all, 4, name)).toBe("4 of 4. The model says Z name. Is that right?");
});

it.each([
  ["a refusal that the page knows", new ApiError(403, "campaign_closed", "Campaign closed.")],
  ["a refusal that it does not know", new ApiError(422, "something_new", "Something new is wrong.")],
  ["an answer without words", new ApiError(502, "http_502", "")],
  ["the end of the session", new ApiError(401, "not_authenticated", "Not signed in.")],
  ["a failure of the browser", new DOMException("Quota exceeded", "QuotaExceededError")],
])("%s is told in the page's language alone, and never in silence", (_what, error) => {
  expect(reasonWords(error)).not.toBe("");
  inFrench();
  expect(reasonWords(error)).toMatch(/^\[fr\] /);
});

it("in English the server's own sentence is told where there is one", () => {
  document.documentElement.lang = "en";
  expect(reasonWords(new ApiError(422, "something_new", "Something new is wrong."))).toBe("Something new is wrong.");
});

it("why an answer was not taken is told in the page's language too", () => {
  expect(faultWords("unknown_feature", "region-9 is no feature")).not.toContain("region-9");
  inFrench();
  for (const code of ["unknown_feature", "something_new"]) expect(faultWords(code, "Words of the server")).toMatch(/^\[fr\] /);
});

it("each reason for an empty page has words of its own", () => {
  const words = (["nothing", "no_model_yet", "left_to_others", "nothing_drawn_so_far"] as const).map((why) => emptyWords(why));
  expect(new Set(words.map(({ title }) => title)).size).toBe(4);
  expect(new Set(words.map(({ text }) => text)).size).toBe(4);
  expect(words.map(({ canLookAgain }) => canLookAgain)).toEqual([false, false, true, true]);
});
