import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api, csrfToken } from "../../src/api/client";
import { PersonGuard } from "../../src/save/person";

let there: string;
let asked: number;
const ask = (person: string): Promise<boolean> => {
  asked += 1;
  return Promise.resolve(person === there);
};
const signIn = (person: string): void => {
  there = person;
  document.cookie = `csrftoken=${crypto.randomUUID()}`;
};

beforeEach(() => {
  asked = 0;
  signIn("ada");
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe("the account that work is sent under", () => {
  it("is not asked for while nobody has signed in", async () => {
    const guard = new PersonGuard("ada", ask, csrfToken());
    await expect(guard.isSame(false)).resolves.toBe(true);
    expect(asked).toBe(0);
  });

  it("is noticed to be another one although the server never refused anything", async () => {
    const guard = new PersonGuard("ada", ask, csrfToken());
    signIn("eve");
    await expect(guard.isSame(false)).resolves.toBe(false);
    await expect(guard.isSame(false)).resolves.toBe(false);
    signIn("ada");
    await expect(guard.isSame(false)).resolves.toBe(true);
    await guard.isSame(false);
    expect(asked).toBe(3);
  });

  it.each([["ada", true], ["eve", false]])("is told apart by its public id when %s is there", async (public_id, isSame) => {
    vi.spyOn(api, "me").mockResolvedValue({ public_id, username: "ada's name" });
    await expect(new PersonGuard("ada").isSame(true)).resolves.toBe(isSame);
  });

  it("is asked for after the session was over, and no answer is not a yes", async () => {
    const guard = new PersonGuard("ada", () => Promise.reject(new Error("cut")));
    await expect(guard.isSame(true)).rejects.toThrow("cut");
  });
});
