import { describe, expect, it } from "vitest";
import { importAddress } from "../../src/pages/import-model";

function form(values: Record<string, string>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(values)) made.set(name, value);
  return made;
}

describe("where published weights are sent", () => {
  it("names the campaign, the file and what the form says of it", () => {
    const address = importAddress("gers", form({ variant: "flair_inc/rgbi_15cl", bands: " R,G,B,NIR ", seen_here: "true", publish_unjudged: "on", reason: "a start & more" }), "w 1.safetensors");
    const url = new URL(address, "http://site");
    expect(url.pathname).toBe("/api/v1/campaigns/gers/models/import/");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      source: "flair_inc", variant: "rgbi_15cl", file_name: "w 1.safetensors", bands: "R,G,B,NIR", seen_here: "true",
      publish_unjudged: "true", reason: "a start & more",
    });
  });

  it("leaves out what was left open", () => {
    const url = new URL(importAddress("gers", form({ variant: "flair_inc/rgb_12cl", bands: "", seen_here: "" }), "w"), "http://site");
    expect([...url.searchParams.keys()]).toEqual(["source", "variant", "file_name", "bands"]);
  });
});
