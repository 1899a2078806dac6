import { describe, expect, it } from "vitest";
import { accuracyText, hectaresText, planQuery } from "../../src/overview/sample-plan";

describe("a plan of a sample", () => {
  it("asks with what is typed, the pair, and neither the token nor the buttons", () => {
    const typed = new FormData();
    for (const [name, value] of [["csrfmiddlewaretoken", "secret"], ["overall", "2.5"], ["area_of", ""], ["draw", "1"]] as const) typed.append(name, value);
    expect(planQuery(typed, "3")).toBe("overall=2.5&area_of=&pair=3");
    expect(planQuery(typed, "")).toBe("overall=2.5&area_of=");
  });

  it("writes points with one decimal, in the reader's language", () => {
    expect(accuracyText(0.0196, "en")).toBe("2.0");
    expect(accuracyText(0.0196, "fr")).toBe("2,0");
  });

  it("writes three digits of hectares and all of the whole ones", () => {
    expect(["0.01234", "3.14159", "12345.6", "0"].map((one) => hectaresText(Number(one), "en"))).toEqual(["0.0123", "3.14", "12,346", "0"]);
  });
});
