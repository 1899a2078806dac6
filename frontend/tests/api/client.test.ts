import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api, ApiError, NetworkError } from "../../src/api/client";

const fetched = vi.fn<typeof fetch>();

beforeEach(() => {
  vi.stubGlobal("fetch", fetched);
  document.cookie = "csrftoken=t%2Bk; path=/";
});

afterEach(() => {
  vi.unstubAllGlobals();
  fetched.mockReset();
});

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });
const body = { operation_id: "op", lease: null, features: [], seconds_spent: 1, draft_model: null };

describe("the client", () => {
  it("sends the version it saw, the CSRF token and JSON", async () => {
    fetched.mockResolvedValue(json({ version: 4 }));
    await api.save(12, 3, body);
    const [url, init] = fetched.mock.calls[0] as [string, RequestInit];
    expect(url).toBe("/api/v1/tiles/12/annotation/");
    expect(init.method).toBe("PUT");
    expect(init.headers).toMatchObject({ "If-Match": '"3"', "X-CSRFToken": "t+k", "Content-Type": "application/json" });
    expect(JSON.parse(String(init.body))).toEqual(body);
  });

  it("reads nothing left as null", async () => {
    fetched.mockResolvedValue(new Response(null, { status: 204 }));
    await expect(api.claim("demo", false, null)).resolves.toBeNull();
  });

  it("gives a refusal its code, words and details", async () => {
    fetched.mockResolvedValue(json({ error: { code: "stale", message: "Version 3 is old", details: { yours: 3 } } }, 412));
    await expect(api.save(1, 3, body)).rejects.toMatchObject({ status: 412, code: "stale", message: "Version 3 is old", details: { yours: 3 } });
  });

  it.each([
    ["labels of the whole that came too late", { yours: 3, current_version: 3 }, "stays in this browser"],
    ["a quarter that is to be split", {}, "quarters are not split again"],
  ])("says in another language than the server's what a split stands in the way of: %s", async (_what, details, words) => {
    document.documentElement.lang = "fr";
    fetched.mockResolvedValue(json({ error: { code: "tile_is_split", message: "In English", details } }, 409));
    await expect(api.save(1, 3, body)).rejects.toThrow(words);
    document.documentElement.lang = "en";
  });

  it("tells a sign-in that ended from work one may not do", () => {
    expect(new ApiError(401, "x", "").needsSignIn).toBe(true);
    expect(new ApiError(403, "not_authenticated", "").needsSignIn).toBe(true);
    expect(new ApiError(403, "own_work", "").needsSignIn).toBe(false);
  });

  it("calls a page of a proxy's error, and an answer cut short, by what they are", async () => {
    fetched.mockResolvedValueOnce(new Response("<html>", { status: 502 }));
    await expect(api.save(1, 0, body)).rejects.toMatchObject({ status: 502, isTransient: true });
    fetched.mockResolvedValueOnce(new Response('{"version": ', { status: 200 }));
    await expect(api.save(1, 0, body)).rejects.toBeInstanceOf(NetworkError);
    fetched.mockRejectedValueOnce(new TypeError("Failed to fetch"));
    await expect(api.save(1, 0, body)).rejects.toBeInstanceOf(NetworkError);
  });
});

describe("pictures of a tile", () => {
  it("come as the bytes the server sent, and a cut answer as no answer", async () => {
    fetched.mockResolvedValueOnce(new Response(Uint8Array.from([1, 0, 255]), { status: 200 }));
    await expect(api.doubt(5)).resolves.toEqual(Uint8Array.from([1, 0, 255]));
    expect(fetched.mock.calls[0]?.[0]).toBe("/api/v1/tiles/5/doubt/");
    const cut = new Response(null, { status: 200 });
    cut.arrayBuffer = () => Promise.reject(new TypeError("cut"));
    fetched.mockResolvedValueOnce(cut);
    await expect(api.segments(5, "fine")).rejects.toBeInstanceOf(NetworkError);
    expect(fetched.mock.calls[1]?.[0]).toBe("/api/v1/tiles/5/segments/?level=fine");
  });

  it("are refused with the server's reason", async () => {
    fetched.mockResolvedValue(json({ error: { code: "blind_tile", message: "No draft here" } }, 404));
    await expect(api.doubt(5)).rejects.toMatchObject({ status: 404, code: "blind_tile" });
  });
});
