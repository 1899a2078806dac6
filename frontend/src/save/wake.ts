/** Moments when it is worth trying again at once: the network, the window or the machine is back, or someone signed in. */

const CHANNEL = "solcommun-session";
const TICK_MS = 5_000;
const OVERSLEPT_MS = 15_000;

/** Tells the other tabs of this browser that the server answers this person again. */
export function announceSignedIn(): void {
  if (typeof BroadcastChannel === "undefined") return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage("signed_in");
  channel.close();
}

/** Calls `wake` at each such moment, until the function given back is called. */
export function onWake(wake: () => void): () => void {
  const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel(CHANNEL);
  channel?.addEventListener("message", wake);
  window.addEventListener("online", wake);
  window.addEventListener("focus", wake);
  window.addEventListener("pageshow", wake);
  document.addEventListener("visibilitychange", wake);
  // A machine that slept, or whose clock was set: timers run late, and no event says so.
  let last = Date.now();
  const ticks = setInterval(() => {
    const now = Date.now();
    if (Math.abs(now - last - TICK_MS) > OVERSLEPT_MS) wake();
    last = now;
  }, TICK_MS);
  return () => {
    clearInterval(ticks);
    channel?.close();
    window.removeEventListener("online", wake);
    window.removeEventListener("focus", wake);
    window.removeEventListener("pageshow", wake);
    document.removeEventListener("visibilitychange", wake);
  };
}
