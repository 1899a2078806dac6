import type { Feature } from "../domain/draft";
import { gettext } from "../i18n";
import { refusalWords } from "./refusals";
import type { ChangeBody, ChangeDesk, ChangeReviewTask, ChangeSaid, ChangeTask } from "./change";
import type {
  Annotation,
  AnnotationState,
  Assignment,
  Campaign,
  ClassNews,
  CorrectionTask,
  Lease,
  ModelDraft,
  ReleaseReason,
  ReviewBody,
  ReviewTask,
  SaveBody,
  SegmentLevel,
  ValidationBody,
  ValidationTask,
  Vintage,
} from "./types";

type Id = number | string;

/** An answer of the server that is a refusal: its code, its words and what it says of the place. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** The session is over: the same request will pass once the person has signed in again. */
  get needsSignIn(): boolean {
    const codes = ["not_authenticated", "authentication_failed", "login_required", "csrf_failed"];
    return this.status === 401 || (this.status === 403 && codes.includes(this.code));
  }

  /** Nothing is wrong with the request; the server could not take it now. */
  get isTransient(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** No answer came: the network is down, or the server is. */
export class NetworkError extends Error {
  constructor(cause: unknown) {
    super(gettext("No answer from the server: check the network, then try again."), { cause });
    this.name = "NetworkError";
  }
}

export function csrfToken(): string {
  const found = /(?:^|;\s*)(?:__Host-|__Secure-)?csrftoken=([^;]*)/.exec(document.cookie);
  return found?.[1] ? decodeURIComponent(found[1]) : "";
}

interface Call {
  /** Sent also where the page is gone before the answer comes. */
  readonly keepalive?: boolean;
  readonly method?: "GET" | "POST" | "PUT";
  readonly body?: unknown;
  readonly version?: number;
  readonly accept?: string;
}

interface ErrorPayload {
  readonly error?: { readonly code?: string; readonly message?: string; readonly details?: Record<string, unknown> };
}

async function refusal(response: Response): Promise<ApiError> {
  let error: ErrorPayload["error"];
  try {
    error = ((await response.json()) as ErrorPayload).error;
  } catch {
    error = undefined;
  }
  const fallback = response.status === 401 ? "not_authenticated" : `http_${response.status}`;
  const words = refusalWords(error?.code, error?.message, error?.details) ?? response.statusText;
  return new ApiError(response.status, error?.code ?? fallback, words, error?.details);
}

const TIMEOUT_MS = 30_000;

async function request(path: string, { method = "GET", body, version, accept = "application/json", keepalive = false }: Call): Promise<Response> {
  const headers: Record<string, string> = { Accept: accept };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (version !== undefined) headers["If-Match"] = `"${version}"`;
  let response: Response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "error",
      keepalive,
    });
  } catch (cause) {
    throw new NetworkError(cause);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** The JSON of an answer, or null for "204 No content". An answer cut short counts as no answer. */
async function call<T>(path: string, options: Call = {}): Promise<T | null> {
  const response = await request(path, options);
  if (response.status === 204) return null;
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw new NetworkError(cause);
  }
}

export async function need<T>(path: string, options: Call = {}): Promise<T> {
  const answer = await call<T>(path, options);
  if (answer === null) throw new ApiError(204, "empty_answer", `Nothing at ${path}`);
  return answer;
}

/** A picture's numbers as bytes. An answer cut short counts as no answer. */
async function raster(path: string): Promise<ArrayBuffer> {
  const response = await request(path, { accept: "application/octet-stream, application/json;q=0.5" });
  try {
    return await response.arrayBuffer();
  } catch (cause) {
    throw new NetworkError(cause);
  }
}

const at = encodeURIComponent;

export const api = {
  me: (): Promise<{ readonly public_id?: string; readonly username?: string }> => need("me/"),

  campaign: (slug: string): Promise<Campaign> => need(`campaigns/${at(slug)}/`),

  /** The next tile, of a territory where one is named. */
  claim: (slug: string, ahead: boolean, territory: string | null): Promise<Assignment | null> =>
    call(`campaigns/${at(slug)}/claim/`, { method: "POST", body: { ahead, territory } }),

  pick: (tile: Id): Promise<Assignment> => need(`tiles/${at(tile)}/pick/`, { method: "POST", body: {} }),

  /** Has a tile given out in quarters; answers with the one to go on with. */
  split: (tile: Id, version: number): Promise<Assignment> => need(`tiles/${at(tile)}/split/`, { method: "POST", body: {}, version }),

  /** The classes now, and what became of those that are no more. */
  classes: (slug: string): Promise<ClassNews> => need(`campaigns/${at(slug)}/classes/`),

  heartbeat: (token: string): Promise<{ expires_at: string; classes?: string }> =>
    need(`leases/${at(token)}/heartbeat/`, { method: "POST", body: {} }),

  /** The page is left: the tile goes back to the queue, unless another page has renewed the lease since. */
  leave: ({ token, expires_at }: Pick<Lease, "token" | "expires_at">): Promise<null> =>
    call<never>(`leases/${at(token)}/release/`, { method: "POST", body: { reason: "left", unless_renewed: expires_at }, keepalive: true }),

  release: (token: string, reason: ReleaseReason, comment: string): Promise<null> =>
    call<never>(`leases/${at(token)}/release/`, { method: "POST", body: { reason, comment } }),

  /** A tile with one's own labels, without taking it. */
  tile: (tile: Id): Promise<Assignment> => need(`tiles/${at(tile)}/`),

  /** One's own labels of a tile, as the server has them. */
  labels: (tile: Id): Promise<Annotation> => need(`tiles/${at(tile)}/annotation/`),

  save: (tile: Id, version: number, body: SaveBody): Promise<Annotation> =>
    need(`tiles/${at(tile)}/annotation/`, { method: "PUT", body, version }),

  submit: (tile: Id, version: number, operationId: string): Promise<Annotation> =>
    need(`tiles/${at(tile)}/annotation/submit/`, { method: "POST", body: { operation_id: operationId }, version }),

  modelDraft: (tile: Id): Promise<ModelDraft> => need(`tiles/${at(tile)}/draft/`),

  segments: (tile: Id, level: SegmentLevel): Promise<ArrayBuffer> => raster(`tiles/${at(tile)}/segments/?level=${level}`),

  doubt: async (tile: Id): Promise<Uint8Array> => new Uint8Array(await raster(`tiles/${at(tile)}/doubt/`)),

  otherVintages: async (tile: Id): Promise<readonly Vintage[]> =>
    (await need<{ vintages: readonly Vintage[] }>(`tiles/${at(tile)}/other-vintages/`)).vintages,

  validate: (slug: string, ahead: boolean): Promise<ValidationTask | null> =>
    call(`campaigns/${at(slug)}/validate/`, { method: "POST", body: { ahead } }),

  sendVerdicts: (tile: Id, body: ValidationBody): Promise<{ stored: number; remaining: number }> =>
    need(`tiles/${at(tile)}/validations/`, { method: "POST", body }),

  change: (slug: string): Promise<ChangeDesk> => need(`campaigns/${at(slug)}/change/`),

  /** The tiles to compare that one holds, filled up to so many. */
  nextChange: async (slug: string, wanted: number): Promise<readonly ChangeTask[]> =>
    (await need<{ tasks: readonly ChangeTask[] }>(`campaigns/${at(slug)}/change/next/`, { method: "POST", body: { wanted } })).tasks,

  sendChangeAnswers: (ticket: Id, body: ChangeBody): Promise<{ stored: number; remaining: number; handed_in: boolean }> =>
    need(`change-tickets/${at(ticket)}/answers/`, { method: "POST", body }),

  takeBackChange: (cell: Id): Promise<null> => call<never>(`change-cells/${at(cell)}/take-back/`, { method: "POST", body: {} }),

  nextChangeReview: (slug: string): Promise<ChangeReviewTask | null> => call(`campaigns/${at(slug)}/change/reviews/next/`),

  settleChange: (cell: Id, body: ChangeSaid): Promise<unknown> => need(`change-cells/${at(cell)}/review/`, { method: "POST", body }),

  /** The next submission, or a certain one if it waits. */
  nextReview: (slug: string, annotation: Id | null): Promise<ReviewTask | null> =>
    call(`campaigns/${at(slug)}/reviews/next/${annotation === null ? "" : `?annotation=${at(annotation)}`}`),

  review: (annotation: Id, version: number, body: ReviewBody): Promise<{ verdict: string; state: AnnotationState }> =>
    need(`annotations/${at(annotation)}/reviews/`, { method: "POST", body, version }),

  leaveToAnother: (annotation: Id, version: number, comment: string): Promise<null> =>
    call(`annotations/${at(annotation)}/second-opinion/`, { method: "POST", body: { comment }, version }),

  correction: (annotation: Id): Promise<CorrectionTask> => need(`annotations/${at(annotation)}/correction/`),

  saveCorrection: (annotation: Id, version: number, body: { operation_id: string; features: readonly Feature[] }): Promise<CorrectionTask> =>
    need(`annotations/${at(annotation)}/correction/`, { method: "PUT", body, version }),
};
