import { type Annotation, type Assignment, type SaveBody, SEGMENT_LEVELS, type SegmentLevel } from "../api/types";
import type { StudioApi } from "../pages/studio-api";
import { fileUrl, modelDraft, pictureUrls, practiceAssignment } from "./scene";

async function inflated(name: string): Promise<ArrayBuffer> {
  const answer = await fetch(fileUrl(name));
  if (!answer.ok || !answer.body) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return new Response(answer.body.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer();
}

/** A back end in the page: what is saved or submitted stays in memory, and only the scene's own files are fetched. */
export class PracticeBackend implements StudioApi {
  private readonly files = new Map<string, Promise<ArrayBuffer>>();
  private readonly pictures: HTMLImageElement[] = [];
  private tiles = 0;
  private annotation: Annotation = practiceAssignment("").annotation;
  private readonly visit = crypto.randomUUID();

  /** Brings all there is, so that the rest works without a network. */
  fetchAll(): void {
    for (const name of ["doubt.zz", ...SEGMENT_LEVELS.map((level) => `segments-${level}.zz`)]) this.file(name).catch(() => undefined);
    for (const url of pictureUrls()) {
      const picture = new Image();
      picture.src = url;
      this.pictures.push(picture);
    }
  }

  private file(name: string): Promise<ArrayBuffer> {
    const known = this.files.get(name);
    if (known) return known;
    const file = inflated(name);
    this.files.set(name, file);
    file.catch(() => this.files.delete(name));
    return file;
  }

  claim = (): Promise<Assignment> => {
    this.tiles += 1;
    // No other tab has the same: everyone practises alone.
    const assignment = practiceAssignment(`${this.visit}-${this.tiles}`);
    this.annotation = assignment.annotation;
    return Promise.resolve(assignment);
  };

  pick = (tile: number | string): Promise<Assignment> => Promise.resolve({ ...practiceAssignment(String(tile)), annotation: this.annotation });

  heartbeat = (): Promise<{ expires_at: string }> => Promise.resolve({ expires_at: new Date().toISOString() });

  leave = (): Promise<null> => Promise.resolve(null);

  release = (): Promise<null> => Promise.resolve(null);

  save = (_tile: number | string, version: number, { features }: SaveBody): Promise<Annotation> => {
    this.annotation = { version: version + 1, state: "draft", features, saved_at: new Date().toISOString(), review: null };
    return Promise.resolve(this.annotation);
  };

  submit = (): Promise<Annotation> => Promise.resolve({ ...this.annotation, state: "accepted" });

  modelDraft = (): Promise<typeof modelDraft> => Promise.resolve(modelDraft);

  segments = (_tile: number | string, level: SegmentLevel): Promise<ArrayBuffer> => this.file(`segments-${level}.zz`);

  doubt = async (): Promise<Uint8Array> => new Uint8Array(await this.file("doubt.zz"));

  otherVintages = (): Promise<readonly never[]> => Promise.resolve([]);
}
