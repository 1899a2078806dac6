import { gettext } from "../i18n";
import type { ToolName } from "../map/tools/tool";
import type { ToolButton, ToolGroup } from "../ui/toolbar";
import type { StudioModel } from "./studio-model";

/** Every tool by its name, its key beside it. */
export function toolWords(): Readonly<Record<ToolName, readonly [label: string, key: string]>> {
  return {
    edit: [gettext("Select and edit"), "E"],
    polygon: [gettext("Draw a polygon"), "P"],
    rectangle: [gettext("Draw a rectangle"), "R"],
    lasso: [gettext("Draw freehand"), "L"],
    brush: [gettext("Paint with a brush"), "B"],
    eraser: [gettext("Erase labels"), "X"],
    fill: [gettext("Fill a gap"), "G"],
    cut: [gettext("Cut out of a shape"), "C"],
    split: [gettext("Split by a line"), "K"],
    merge: [gettext("Merge shapes"), "M"],
    segments: [gettext("Label whole segments"), "S"],
    draft: [gettext("Take from the model's draft"), "D"],
  };
}

/** What stands in the rail at the left. */
export function toolGroups({ state, session, assignment }: StudioModel): ToolGroup[] {
  const off = state.phase !== "working" || state.isReadOnly;
  const words = toolWords();
  const tool = (name: ToolName, disabled = false): ToolButton => ({
    id: `tool-${name}`, icon: name, label: words[name][0], key: words[name][1], pressed: state.tool === name, disabled: off || disabled,
  });
  const canSuggest = assignment?.draft_available === true || assignment?.other_vintages === true;
  return [
    { label: gettext("Select and draw"), tools: [tool("edit"), tool("polygon"), tool("rectangle"), tool("lasso")] },
    { label: gettext("Paint"), tools: [tool("brush"), tool("eraser"), tool("fill")] },
    { label: gettext("Cut and join"), tools: [tool("cut"), tool("split"), tool("merge")] },
    { label: gettext("Help of the machine"), tools: [tool("segments"), tool("draft", !canSuggest)] },
    {
      label: gettext("Change"),
      tools: [
        { id: "tool-delete", icon: "trash", label: gettext("Delete what is selected"), key: "Del", disabled: off || state.selected.length === 0 },
        { id: "undo", icon: "undo", label: gettext("Undo"), key: "Ctrl+Z", disabled: off || !session?.canUndo },
        { id: "redo", icon: "redo", label: gettext("Redo"), key: "Ctrl+Shift+Z", disabled: off || !session?.canRedo },
      ],
    },
  ];
}

/** What floats over the map's corner. */
export function viewGroups({ state, segments }: StudioModel): ToolGroup[] {
  return [
    {
      label: gettext("View"),
      tools: [
        { id: "zoom-in", icon: "plus", label: gettext("Zoom in"), key: "+" },
        { id: "zoom-out", icon: "minus", label: gettext("Zoom out"), key: "-" },
        { id: "fit", icon: "fit", label: gettext("Zoom to the tile"), key: "F" },
      ],
    },
    {
      label: gettext("Shown on the image"),
      tools: [
        { id: "labels", icon: "eye", label: gettext("Show or hide labels"), key: "H", pressed: state.labels },
        { id: "next-gap", icon: "gap", label: gettext("Next unlabelled ground"), key: "U" },
        {
          id: "doubt", icon: "doubt", label: gettext("Show where the model hesitates"), key: "O", pressed: state.doubt,
          disabled: segments.doubtPhase === "none",
        },
      ],
    },
    { label: gettext("Help"), tools: [{ id: "help", icon: "help", label: gettext("Keys and gestures"), key: "?" }] },
  ];
}
