import type { PaletteClass } from "../domain/palette";
import type { ToolName } from "../map/tools/tool";
import type { SaveStatus } from "../save/saver";

export type Phase = "loading" | "working" | "sending" | "empty" | "failed";

/** What the page shows beside the map. */
export interface StudioState {
  phase: Phase;
  /** Why the page cannot go on, when it failed. */
  failure: string;
  tool: ToolName;
  activeClass: PaletteClass | null;
  recent: readonly string[];
  selectedId: string | null;
  hoveredClass: string | null;
  view: string;
  opacity: number;
  labels: boolean;
  panel: boolean;
  status: SaveStatus;
  notice: string;
  leaseLost: boolean;
}
