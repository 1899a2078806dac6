import { beforeEach, describe, expect, it } from "vitest";
import { withKeys } from "../../src/domain/palette";
import { NOTHING_SAVED } from "../../src/save/saver";
import { ClassPalette } from "../../src/ui/palette";
import { saveWords } from "../../src/ui/save-state";
import { ToolBar } from "../../src/ui/toolbar";
import { ViewPanel } from "../../src/ui/view-panel";
import { scoreWords, WhyCard } from "../../src/ui/why-card";

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
    card.review = { verdict: "send_back", reason: "class", comment: "this is water", marks: [{ at: [8, 8], reason: "geometry", comment: "the bank" }], at: "" };
    document.body.append(card);
    await card.updateComplete;
    const text = card.textContent;
    expect(text).toContain("Sent back to you");
    expect(text).toContain("A class is wrong");
    expect(text).toContain("this is water");
    expect(text).toContain("The outlines do not follow the image");
    expect(text).toContain("the bank");
    expect(text).toContain("1.235");
    expect(text).not.toContain("Round");
  });
});

describe("parts of a tile", () => {
  it("are spoken of with the reason, and the score is called what it is", async () => {
    const card = new WhyCard();
    const why = { kind: "uncertainty", function: "entropy", rank: 3, round: 1, model_version: "m", probability: null } as const;
    card.why = { ...why, score: 0.5, pixel_score: "margin" };
    card.parts = 2;
    document.body.append(card);
    await card.updateComplete;
    expect(card.textContent).toContain("Only parts of the tile are asked for");
    expect(card.textContent).toContain("Closeness of the two likeliest classes");
    expect(card.textContent).not.toContain("entropy");
    card.parts = 0;
    card.why = { ...why, score: 0.5 };
    await card.updateComplete;
    expect(card.textContent).not.toContain("Only parts");
    expect(["", "entropy", "bald", "own_score"].map(scoreWords)).toEqual([
      "Mean entropy (nats)", "Mean entropy (nats)", "Disagreement of repeated answers (nats)", "Mean of own_score",
    ]);
  });

  it("are turned on and off where there are some", async () => {
    const panel = new ViewPanel();
    document.body.append(panel);
    await panel.updateComplete;
    expect(panel.querySelector("[data-testid='switch-asked']")).toBeNull();
    panel.askedOffered = true;
    await panel.updateComplete;
    const told: unknown[] = [];
    panel.addEventListener("look", (event) => told.push((event as CustomEvent).detail));
    panel.querySelector<HTMLInputElement>("[data-testid='switch-asked']")?.click();
    expect(told).toEqual([{ asked: false }]);
  });
});

describe("the save state", () => {
  it("says where the work is", () => {
    const at = new Date(2026, 10, 22, 14, 3).toISOString();
    expect(saveWords({ ...NOTHING_SAVED, savedAt: at }, "en")).toBe("Saved on server at 14:03");
    expect(saveWords({ ...NOTHING_SAVED, state: "saving", pending: true }, "en")).toBe("Kept on this device, being sent…");
    expect(saveWords({ ...NOTHING_SAVED, state: "offline", problem: "offline", pending: true }, "en")).toContain("Kept on this device. Offline");
    expect(saveWords({ ...NOTHING_SAVED, state: "error", problem: "sign_in" }, "en")).toContain("sign in again in another tab");
    expect(saveWords({ ...NOTHING_SAVED, pending: true, kept: false }, "en")).toContain("stay until the server has saved");
  });
});

describe("the toolbar", () => {
  it("says which tool was asked for, and shows its name and key to whoever points or tabs to it", async () => {
    const bar = new ToolBar();
    bar.label = "Tools";
    bar.groups = [{ label: "Draw", tools: [{ id: "tool-polygon", icon: "polygon", label: "Draw a polygon", key: "P", pressed: true }] }];
    document.body.append(bar);
    await bar.updateComplete;
    const asked: string[] = [];
    bar.addEventListener("tool", (event) => asked.push((event as CustomEvent<string>).detail));
    const button = bar.querySelector<HTMLButtonElement>('[data-testid="tool-polygon"]');
    button?.click();
    button?.focus();
    await bar.updateComplete;
    expect(asked).toEqual(["tool-polygon"]);
    expect(button?.getAttribute("aria-pressed")).toBe("true");
    expect(bar.querySelector(".tool-tip")?.textContent).toContain("Draw a polygon");
    button?.blur();
    await bar.updateComplete;
    expect(bar.querySelector(".tool-tip")).toBeNull();
  });
});

describe("the settings of the image", () => {
  it("tell what changed and nothing else", async () => {
    const panel = new ViewPanel();
    panel.extended = true;
    panel.views = ["rgb", "irc"];
    panel.brightness = 1.2;
    document.body.append(panel);
    await panel.updateComplete;
    const changes: unknown[] = [];
    panel.addEventListener("look", (event) => changes.push((event as CustomEvent).detail));
    panel.querySelector<HTMLButtonElement>('[data-testid="view-irc"]')?.click();
    panel.querySelector<HTMLButtonElement>('[data-testid="reset-image"]')?.click();
    expect(changes).toEqual([{ view: "irc" }, { brightness: 1, contrast: 1 }]);
    expect(panel.querySelector('[data-testid="switch-doubt"]')).toBeNull();
  });
});
