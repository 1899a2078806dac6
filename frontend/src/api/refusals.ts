// The server says in English what it refused and why, with the values it met. In another language these sentences
// stand in for it: same meaning, same next step.

import { gettext, interpolate } from "../i18n";

type Details = Readonly<Record<string, unknown>>;

const SENTENCES: Readonly<Record<string, (details: Details) => string>> = {
  campaign_closed: () => gettext("This campaign is closed: choose another one. Your work stays in this browser."),
  body_too_large: () => tooLarge(),
  http_413: () => tooLarge(),
  lease_lost: () => gettext("This tile was given to someone else while nothing was heard of you; what you drew can still be saved."),
  not_claimed: () => gettext("You have not taken this tile: ask for the next one or choose it on the map."),
  no_free_slot: () => gettext("Enough people already work or have worked on this tile: choose another one."),
  tile_not_workable: () => gettext("This tile cannot be labelled: choose another one."),
  cannot_split: () => gettext("Somebody else has begun on this tile as a whole, so it stays whole. What you drew is kept: leave the tile and go on with it when you like, or skip it and say why."),
  stays_whole: () => gettext("This tile stays whole: it was handed in before, or a place on it was reported and is to be corrected first."),
  tile_is_split: (details) => "yours" in details ? splitMeanwhile() : gettext("This tile is given out in quarters, and quarters are not split again: choose the tile on the map to go on with one of them."),
  not_trusted_yet: () => gettext("Splitting is for people some of whose tiles were accepted here. Draw this one as it is, or skip it and say why: somebody else will take it."),
  quarter_without_imagery: () => gettext("A quarter of this tile shows hardly any imagery, so it stays whole."),
  too_many_leases: () => gettext("You hold as many tiles as one may: submit or skip one of them first."),
  already_accepted: () => gettext("This tile is accepted and closed."),
  nothing_changed: () => gettext("This was sent back as it is: change what the reviewer named, then submit again."),
  nothing_to_submit: () => gettext("Nothing is labelled yet: draw at least one area, or skip the tile with a reason."),
  consent_required: () => gettext("Labels can only be kept under the open licence: agree to it on the page “My work”, then save again."),
  invalid_feature: () => gettext("A shape is not usable: its place is shown. Move a corner or delete the shape."),
  overlapping_features: () => gettext("Two shapes share ground: their place is shown. Move one or delete it."),
  unknown_class: () => gettext("A shape has a class that this campaign does not offer: choose another class."),
  classes_changed: () => gettext("The classes of this campaign have changed: what you drew is kept and gets its new classes."),
  classes_changing: () => gettext("The classes of this campaign are being changed: what you drew is kept, and saved in a minute."),
  stale_revision: () => gettext("Someone has saved since: compare the two versions."),
  own_work: () => gettext("This is your own work: another reviewer will look at it."),
  not_submitted: () => gettext("This submission was withdrawn or judged meanwhile: take the next one."),
  reason_required: () => gettext("Say why it is sent back, in words the author can act on."),
  not_found: () => gettext("Nothing here that you may see."),
  permission_denied: () => gettext("Your role does not cover this."),
  throttled: () => gettext("Too many requests in a short time: wait a moment."),
  too_busy: () => gettext("Too many requests in a short time: wait a moment."),
  no_draft: () => gettext("The model has no draft for this tile."),
  blind_tile: () => gettext("This tile is labelled without help, from the imagery alone: draw what you see."),
  drawing_replaced: () => gettext("A newer model has drawn this tile: your last answers were about the older drawing."),
  unknown_feature: () => gettext("This shape is not in the model's drawing any more: load the page again."),
  invalid_verdict: () => gettext("An answer could not be used: give it again."),
  invalid_change_answer: () => gettext("The classes of an answer do not go together: give it again."),
  cell_answered: () => gettext("You have answered this place already, or it is no longer asked about."),
  answer_used: () => gettext("This answer has been used meanwhile, by somebody who answered, settled or accepted it: it stays."),
  judged_too_often: (details) => interpolate(gettext("You have answered %(times)s times on this shape, as often as is kept: your last answer stays. Go on with the next one."), details),
  too_many_verdicts: (details) => interpolate(gettext("You have sent %(sent)s answers in the last hour, and %(limit)s are taken in an hour. They stay in this browser and go by themselves, in %(minutes)s min at the earliest."), {
    ...details, minutes: Math.ceil(Number(details["retry_after_s"]) / 60),
  }),
  too_many_this_hour: (details) => interpolate(gettext("An hour takes so much of one person, and this is more: it passes in %(minutes)s min. Your work stays in this browser. The limit grows with your accepted tiles."), {
    minutes: Math.ceil(Number(details["retry_after_s"]) / 60),
  }),
  account_blocked: () => gettext("This account is blocked: what it sends is not taken. Write to the operator of this site if this is a mistake."),
  set_aside: () => gettext("Your labels of this tile were set aside by a maintainer: take another tile."),
  invalid_place: () => gettext("This place cannot be used: show a point or a simple area, no larger than a tile, where there is imagery."),
  too_many_reports: (details) => interpolate(gettext("%(limit)s reports in an hour are taken from one sender. The next is taken in %(minutes)s min."), {
    ...details, minutes: Math.ceil(Number(details["retry_after_s"]) / 60),
  }),
  sign_in_to_report: () => gettext("This site takes reports from people with an account: sign in, then send it again."),
  looks_automatic: () => gettext("A field that people do not see was filled in: leave it empty and send again."),
  invalid_report: () => gettext("Something in the form cannot be used: look at the e-mail address and the words."),
  job_already_running: () => gettext("This is already under way: wait for it to end."),
  nothing_to_train: () => gettext("Too few accepted tiles to learn from: label and review more tiles."),
  suspect_batch: () => gettext("The new labels look wrong (one class alone, or one person's alone): look at them before training."),
};

/** Labels of a whole came after it was split. */
function splitMeanwhile(): string {
  return gettext("This tile was split in four meanwhile, and its quarters have what was saved before. What was not stays in this browser: load the page again to look at it and to go on with a quarter.");
}

function tooLarge(): string {
  return gettext("This is more than can be sent at once: merge or simplify shapes. Your work stays in this browser.");
}

/** The refusal in the page's language, with the server's own words where they are in it already. */
export function refusalWords(code: string | undefined, message: string | undefined, details: Details = {}): string | undefined {
  const known = code === undefined ? undefined : SENTENCES[code];
  const isEnglish = document.documentElement.lang.startsWith("en");
  return known && (!isEnglish || !message) ? known(details) : message;
}
