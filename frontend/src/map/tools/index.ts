import "../../styles/tools.css";
import { Brush, Eraser } from "./brush";
import { Cut } from "./cut";
import { Edit } from "./edit";
import { Fill } from "./fill";
import { Lasso } from "./lasso";
import { Merge } from "./merge";
import { Polygon } from "./polygon";
import { Rectangle } from "./rectangle";
import { SegmentTool } from "./segments";
import { Split } from "./split";
import { SuggestionTool } from "./suggestions";
import type { Tool, ToolHost, ToolName } from "./tool";

export type Tools = Readonly<Record<ToolName, Tool>> & { readonly draft: SuggestionTool };

export function toolsFor(host: ToolHost): Tools {
  return {
    edit: new Edit(host),
    polygon: new Polygon(host),
    rectangle: new Rectangle(host),
    lasso: new Lasso(host),
    brush: new Brush(host),
    eraser: new Eraser(host),
    cut: new Cut(host),
    split: new Split(host),
    merge: new Merge(host),
    fill: new Fill(host),
    segments: new SegmentTool(host),
    draft: new SuggestionTool(host),
  };
}
