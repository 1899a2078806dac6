import { gettext } from "../i18n";
import type { Keys } from "../ui/dialogs";

export function helpKeys(): (readonly [title: string, keys: Keys])[] {
  return [
    [gettext("Draw"), [
      ["P", gettext("Polygon: click vertices, close with a double click, Enter or the first vertex")],
      ["R", gettext("Rectangle: drag, or click two corners")],
      ["L", gettext("Freehand: hold the button and go round")],
      ["⌫", gettext("Take back the last vertex (also right click)")],
      ["Esc", gettext("Drop what is being drawn")],
      ["Alt", gettext("Hold to place a vertex without snapping")],
    ]],
    [gettext("Edit"), [
      ["E V", gettext("Select a shape, drag its vertices; neighbours follow")],
      ["N", gettext("Next shape; with Shift, the one before")],
      ["Del", gettext("Delete the shape, or the vertex under the pointer")],
      ["Ctrl Z", gettext("Undo, without limit")],
      ["Ctrl Shift Z", gettext("Redo")],
    ]],
    [gettext("Classes"), [
      ["1 … 9 0 A …", gettext("Choose a class, or give it to the selected shape")],
      ["/", gettext("Search a class")],
    ]],
    [gettext("View"), [
      ["F", gettext("Zoom to the tile")],
      ["H Space", gettext("Show or hide labels")],
      ["+ -", gettext("Zoom")],
      ["← ↑ → ↓", gettext("Move the image")],
    ]],
    [gettext("Tile"), [
      ["Ctrl ↵", gettext("Submit and open the next tile")],
      ["?", gettext("This page")],
    ]],
  ];
}
