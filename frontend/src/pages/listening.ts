import type { PaletteClass } from "../domain/palette";
import { classOfKey } from "../domain/palette";
import type { Device } from "../map/input";
import type { ActiveClock } from "./active-clock";
import { watchHand } from "./hand";
import { isForControl } from "./shortcuts";

/** What a page of answers does when keys, hands and the network speak. */
export interface Listener {
  readonly clock: ActiveClock;
  onKey(event: KeyboardEvent): void;
  /** Sends what waits: the network is back, or the page may be about to go. */
  send(): void;
  usedBy?(hand: Device): void;
}

/** Listens for as long as the page is there. */
export function listenFor({ clock, onKey, send, usedBy }: Listener): void {
  window.addEventListener("keydown", onKey);
  if (usedBy) watchHand(usedBy);
  for (const name of ["pointerdown", "keydown", "wheel"]) window.addEventListener(name, () => { clock.touch(); }, { passive: true });
  for (const name of ["online", "focus"]) window.addEventListener(name, send);
  document.addEventListener("visibilitychange", () => { if (document.hidden) send(); });
}

/** What a key asks of a page on which a class has a key of its own: that class, or a command. Null: neither. */
export function askedByKey<C>(event: KeyboardEvent, classes: readonly PaletteClass[], commandOf: (event: KeyboardEvent) => C | null): { readonly code: string } | { readonly command: C } | null {
  if (event.repeat || isForControl(event.target, event.key)) return null;
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey;
  const chosen = isPlain ? classOfKey(classes, event) : null;
  if (chosen) return { code: chosen.code };
  const command = commandOf(event);
  return command === null ? null : { command };
}
