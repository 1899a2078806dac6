import { api, csrfToken } from "../api/client";

/** Whether the account that the server sees is this one, by public id or name. Rejects, as a save would, without an answer. */
async function isSignedInAs(person: string): Promise<boolean> {
  const me = await api.me();
  return me.public_id === person || me.username === person;
}

/** When the page came, it was for the account that it names. */
const TOKEN_AT_LOAD = csrfToken();

/**
 * Keeps work from being sent under another account than the one that did it. Each sign-in, in whatever tab, changes the
 * browser's token: only then, or when told to, is the server asked who is there.
 */
export class PersonGuard {
  constructor(
    private readonly person: string,
    private readonly ask: (person: string) => Promise<boolean> = isSignedInAs,
    private token = TOKEN_AT_LOAD,
  ) {}

  /** Rejects, as a save would, where the server does not say. */
  async isSame(wasSignedOut: boolean): Promise<boolean> {
    const token = csrfToken();
    if (!wasSignedOut && token === this.token) return true;
    const isSame = await this.ask(this.person);
    if (isSame) this.token = token;
    return isSame;
  }
}
