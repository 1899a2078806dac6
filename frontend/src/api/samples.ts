import { need } from "./client";
import type { Sample, SampleAnswerBody, SampleTask } from "./sample-types";

const LISTED = 5;

export const sampleApi = {
  sample: (id: number): Promise<Sample> => need(`samples/${id}/`),

  /** Some places that want an answer, none of these among them. */
  next: (id: number, without: readonly number[], isSettling: boolean): Promise<SampleTask> =>
    need(`samples/${id}/next/`, { method: "POST", body: { without, settle: isSettling, most: LISTED } }),

  answer: (id: number, unit: number, body: SampleAnswerBody): Promise<unknown> =>
    need(`samples/${id}/units/${unit}/answers/`, { method: "POST", body }),

  settle: (id: number, unit: number, body: SampleAnswerBody): Promise<unknown> =>
    need(`samples/${id}/units/${unit}/settled/`, { method: "POST", body }),
};
