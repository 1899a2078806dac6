/** Carries commands out beside the page, so that drawing never waits for them. */

import type { Request } from "./messages";
import { Mirror } from "./mirror";

const mirror = new Mirror();

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  const answer = mirror.receive(data);
  if (answer) self.postMessage(answer);
});
