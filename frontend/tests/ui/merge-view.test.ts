import { afterEach, expect, it } from "vitest";
import { mergeDialog, MergeView, splitWorkDialog } from "../../src/ui/merge-view";
import { box, shape } from "../domain/shapes";

const common = shape("a", "A", box(0, 0, 10, 10));
const drawn = shape("b", "B", box(20, 0, 30, 10));
const other = shape("c", "C", box(40, 0, 50, 10));
const mine = { features: [common, drawn], at: null };
const theirs = { features: [common, other], at: "2026-11-22T13:03:00Z" };
const versions = { mine, theirs, base: [common], side: 100 };

afterEach(() => {
  document.body.replaceChildren();
});

function radio(name: string): HTMLInputElement {
  const found = document.querySelector<HTMLInputElement>(`[data-testid="${name}"]`);
  if (!found) throw new Error(`no ${name}`);
  return found;
}

async function opened(): Promise<{ answer: Promise<readonly unknown[]>; dialog: HTMLDialogElement; view: MergeView }> {
  const answer = mergeDialog(versions, new Map([["B", "#00ff00"]]), "en");
  const [dialog, view] = [document.querySelector("dialog"), document.querySelector<MergeView>("sc-merge-view")];
  if (!dialog || !view) throw new Error("no dialog");
  await view.updateComplete;
  return { answer, dialog, view };
}

it("lists the places that differ, with what each side did chosen to begin with", async () => {
  const { view } = await opened();
  expect([...view.querySelectorAll("legend")].map((legend) => legend.textContent)).toEqual([
    "Place 1: changed in this browser", "Place 2: changed on the server",
  ]);
  expect([radio("place-1-mine").checked, radio("place-2-theirs").checked]).toEqual([true, true]);
  expect(view.chosen).toEqual([drawn, other, common]);
});

it("goes on with the sides chosen place by place", async () => {
  const { answer, dialog, view } = await opened();
  radio("place-2-mine").checked = true;
  radio("place-2-mine").dispatchEvent(new Event("change", { bubbles: true }));
  await view.updateComplete;
  dialog.close("chosen");
  await expect(answer).resolves.toEqual([drawn, common]);
});

it("takes the whole of either side", async () => {
  const first = await opened();
  first.dialog.close("theirs");
  await expect(first.answer).resolves.toBe(theirs.features);
  const second = await opened();
  second.dialog.close("mine");
  await expect(second.answer).resolves.toBe(mine.features);
});

it("comes back when it is left without an answer", async () => {
  const { answer, dialog } = await opened();
  dialog.close("");
  expect(dialog.open).toBe(true);
  dialog.close("mine");
  await expect(answer).resolves.toBe(mine.features);
});

it.each([["split-work-remove", true], ["", false]])("shows work that a split came before without a choice of places, and says whether it may go (%s)", async (button, removed) => {
  const answer = splitWorkDialog(versions, new Map(), "en");
  const view = document.querySelector<MergeView>("sc-merge-view");
  await view?.updateComplete;
  expect([...document.querySelectorAll(".merge-places li")].map((place) => place.textContent?.trim())).toEqual([
    "Place 1: changed in this browser", "Place 2: changed on the server",
  ]);
  expect(document.querySelectorAll("input")).toHaveLength(0);
  expect(document.querySelectorAll(".left-out")).toHaveLength(0);
  const dialog = document.querySelector("dialog");
  dialog?.close(button === "" ? "" : "remove");
  await expect(answer).resolves.toBe(removed);
  expect(document.querySelector("dialog")).toBeNull();
});
