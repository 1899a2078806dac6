import { api } from "../api/client";
import type { Annotation, Assignment, CorrectionTask, SaveBody, SegmentLevel } from "../api/types";
import type { StudioApi } from "./studio-api";

type Id = number | string;

/** What a tile is called in the browser's own storage while it is corrected: never the reviewer's own work on it. */
const PREFIX = "correction-";

/** Whether an entry of the browser's storage is a correction: it is sent from its own page, and from no other. */
export function isCorrection(tile: string): boolean {
  return tile.startsWith(PREFIX);
}

/** The studio's back end on someone else's submission: saves are a reviewer's correction, submitting accepts it. */
export class CorrectionBackend implements StudioApi {
  private task: CorrectionTask | null = null;

  constructor(private readonly annotation: Id) {}

  /** Whose submission it is, once it is there. */
  get author(): string {
    return this.task?.author ?? "";
  }

  private get tile(): Id {
    if (!this.task) throw new Error("No submission is open");
    return this.task.tile.id;
  }

  claim = async (): Promise<Assignment> => {
    const task = await api.correction(this.annotation);
    this.task = task;
    // Another version of the submission is another tile to the browser's storage.
    const id = `${PREFIX}${task.annotation_id}-${task.submitted_version}`;
    return {
      lease: null, tile: { ...task.tile, id }, why: null, asked: task.asked ?? [], annotation: annotationOf(task), draft_available: task.draft_available, blind: task.blind,
      other_vintages: false,
    };
  };

  pick = (): Promise<Assignment> => this.claim();

  heartbeat = (): Promise<{ expires_at: string }> => Promise.resolve({ expires_at: new Date().toISOString() });

  leave = (): Promise<null> => Promise.resolve(null);

  release = (): Promise<null> => Promise.resolve(null);

  save = async (_tile: Id, version: number, { operation_id, features }: SaveBody): Promise<Annotation> =>
    annotationOf(await api.saveCorrection(this.annotation, version, { operation_id, features }));

  submit = async (_tile: Id, version: number, operationId: string): Promise<Annotation> => {
    const { task } = this;
    const body = { operation_id: operationId, verdict: "correct", reason: "", comment: "", marks: [] } as const;
    const { state } = await api.review(this.annotation, task?.submitted_version ?? 0, body);
    return { version, state, features: [], saved_at: null, review: null };
  };

  modelDraft: StudioApi["modelDraft"] = () => api.modelDraft(this.tile);

  segments = (_tile: Id, level: SegmentLevel): Promise<ArrayBuffer> => api.segments(this.tile, level);

  doubt = (): Promise<Uint8Array> => api.doubt(this.tile);

  otherVintages: StudioApi["otherVintages"] = () => Promise.resolve([]);
}

function annotationOf({ version, features, saved_at }: CorrectionTask): Annotation {
  return { version, state: "draft", features, saved_at, review: null };
}
