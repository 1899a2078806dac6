import type { api } from "../api/client";

/** What the studio asks of its back end; the practice tile has one of its own, in memory, and is never split. */
export type StudioApi = Pick<
  typeof api,
  "claim" | "pick" | "heartbeat" | "leave" | "release" | "save" | "submit" | "modelDraft" | "segments" | "doubt" | "otherVintages"
> & Partial<Pick<typeof api, "split" | "classes" | "labels">>;
