import { beforeEach, describe, expect, it } from "vitest";
import { withKeys } from "../../src/domain/palette";
import type { SaveStatus } from "../../src/save/saver";
import { ClassPalette } from "../../src/ui/palette";
import { saveWords } from "../../src/ui/save-state";
import { WhyCard } from "../../src/ui/why-card";

beforeEach(() => {
  document.body.replaceChildren();
});

describe("the palette", () => {
  it("writes names from people as text and tells which class was chosen", async () => {
    const palette = new ClassPalette();
    palette.classes = withKeys([{ code: "CS1", name: "<img src=x onerror=alert(1)>", definition: "", colour: "#123456" }]);
    document.body.append(palette);
    await palette.updateComplete;
    const chosen: string[] = [];
    palette.addEventListener("class-chosen", (event) => chosen.push((event as CustomEvent<string>).detail));
    palette.querySelector<HTMLButtonElement>('[data-testid="class-CS1"]')?.click();
    expect(chosen).toEqual(["CS1"]);
    expect(palette.querySelector("img")).toBeNull();
    expect(palette.querySelector(".class-name")?.textContent).toBe("<img src=x onerror=alert(1)>");
  });
});

describe("the reason of a tile", () => {
  it("is in plain words, with the reviewer's comment and the figures", async () => {
    const card = new WhyCard();
    card.why = { kind: "sent_back", function: "entropy", score: 1.23456, rank: 3, round: null, model_version: null, probability: null };
    card.review = { verdict: "send_back", reason: "class", comment: "this is water", at: "" };
    document.body.append(card);
    await card.updateComplete;
    const text = card.textContent;
    expect(text).toContain("Sent back to you");
    expect(text).toContain("A class is wrong");
    expect(text).toContain("this is water");
    expect(text).toContain("1.235");
    expect(text).not.toContain("Round");
  });
});

describe("the save state", () => {
  const status: SaveStatus = { state: "saved", savedAt: null, problem: "none", message: "" };
  it("says where the work is", () => {
    const at = new Date(2026, 10, 22, 14, 3).toISOString();
    expect(saveWords({ ...status, savedAt: at }, "en")).toBe("Saved on server at 14:03");
    expect(saveWords({ ...status, state: "saving" }, "en")).toBe("Saving…");
    expect(saveWords({ ...status, state: "offline", problem: "offline" }, "en")).toBe("Not saved: offline, kept in this browser");
    expect(saveWords({ ...status, state: "error", problem: "sign_in" }, "en")).toContain("sign in again in another tab");
  });
});
