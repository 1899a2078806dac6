/** Whether the account that the server sees is this one, by public id or name; true where it does not say. */
export async function isSignedInAs(person: string): Promise<boolean> {
  try {
    const answer = await fetch("/api/v1/me/", { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) return true;
    const me = (await answer.json()) as { readonly public_id?: string; readonly username?: string };
    return me.public_id === person || me.username === person;
  } catch {
    return true; // no answer: the save itself will get none either
  }
}
