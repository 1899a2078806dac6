/** What a person set once and finds again: kept by this browser only. */

const KEY = "solcommun.studio";

type Stored = Readonly<Record<string, unknown>>;

function read(): Stored {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return typeof found === "object" && found !== null ? (found as Stored) : {};
  } catch {
    // Storage is closed to the page, or another program wrote there: everything has a default.
    return {};
  }
}

/** The value kept under a name, when it is of the same kind as the default. */
export function preferred(name: string, fallback: number): number;
export function preferred(name: string, fallback: boolean): boolean;
export function preferred(name: string, fallback: string): string;
export function preferred(name: string, fallback: string | number | boolean): unknown {
  const value = read()[name];
  return typeof value === typeof fallback ? value : fallback;
}

export function prefer(name: string, value: string | number | boolean): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...read(), [name]: value }));
  } catch {
    // A preference that is not kept costs nobody any work.
  }
}
