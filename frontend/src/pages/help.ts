import { gettext } from "../i18n";
import { type Device, isOnGlass } from "../map/input";
import type { Keys } from "../ui/dialogs";

type Group = readonly [title: string, keys: Keys];

function drawing(): Group {
  return [gettext("Select and draw"), [
    ["E V", gettext("Select a shape; drag its vertices and edges, neighbours follow")],
    ["P", gettext("Polygon: click vertices, close with a double click, Enter or the first vertex")],
    ["R", gettext("Rectangle: drag, or click two corners")],
    ["L", gettext("Freehand: hold the button and go round")],
    ["B", gettext("Brush: paint the class in hand")],
    ["X", gettext("Eraser: take labels off")],
    ["[ ]", gettext("Smaller or larger brush; also Page down and Page up")],
    ["Alt Wheel", gettext("Smaller or larger brush")],
    ["Alt Drag", gettext("With the brush: rub out")],
    ["Alt", gettext("Hold to place a vertex without snapping")],
    ["⌫", gettext("Take back the last vertex (also right click)")],
    ["Esc", gettext("Drop what is being drawn")],
  ]];
}

function changing(): Group {
  return [gettext("Change shapes"), [
    ["⇧ Click", gettext("Add a shape to those selected, or take it off")],
    ["⇧ Drag", gettext("Move a whole edge of the selected shape")],
    ["Alt Click", gettext("Remove a vertex (also right click)")],
    ["C", gettext("Cut out of a shape")],
    ["K", gettext("Split by a line")],
    ["M", gettext("Merge neighbours; with several selected, merges them, as Enter does")],
    ["G", gettext("Fill a gap with the class in hand")],
    ["N", gettext("Next shape")],
    ["⇧ N", gettext("The shape before")],
    ["Del ⌫", gettext("Delete the shape, or the vertex under the pointer")],
    ["Ctrl Z", gettext("Undo, without limit")],
    ["Ctrl ⇧ Z", gettext("Redo")],
    ["Ctrl Y", gettext("Redo")],
  ]];
}

function machine(): Group {
  return [gettext("Help of the machine"), [
    ["D", gettext("The model's draft: click a suggestion to take it")],
    ["A", gettext("Take the suggestion under the pointer; with its tool in hand, as Enter does")],
    ["⇧ A", gettext("Take all suggestions above the threshold")],
    ["Alt Click", gettext("Take the suggestion as the class in hand")],
    ["S", gettext("Segments: click or drag to label whole pieces of the image")],
    ["Alt Click", gettext("Take the label off a segment; by dragging, off several")],
    ["[ ]", gettext("Smaller or larger segments; also Page down and Page up")],
    ["U", gettext("Next unlabelled ground")],
    ["J", gettext("Next place where the model hesitates")],
    ["O", gettext("Show where the model hesitates")],
  ]];
}

function classes(): Group {
  return [gettext("Classes"), [
    ["1 … 9 0", gettext("Choose a class, or give it to what is selected")],
    ["⇧ 1 … ⇧ 0", gettext("The eleventh class to the twentieth")],
    ["/", gettext("Search a class")],
  ]];
}

function view(): Group {
  return [gettext("View"), [
    ["F", gettext("Zoom to the tile")],
    ["T", gettext("Next view of the image: colour, infrared, height…")],
    ["H", gettext("Show or hide labels")],
    ["⇧ W", gettext("Show or hide the parts that are asked for")],
    ["+ -", gettext("Zoom")],
  ]];
}

function keyboard(): Group {
  return [gettext("Without a mouse"), [
    ["← ↑ → ↓", gettext("Move the cursor; from segment to segment, or from suggestion to suggestion, with their tool in hand")],
    ["⇧ ←", gettext("One pixel at a time")],
    ["Ctrl ←", gettext("Move the image")],
    ["Space", gettext("Press where the cursor is; with a brush, press to start and again to stop")],
    ["⇧ Space", gettext("As a click with Shift: adds a shape to those selected, moves a whole edge")],
    ["Enter", gettext("Finish the shape")],
    ["⇧ F10", gettext("As a right click where the cursor is; so does the menu key")],
    ["I", gettext("Say what is under the cursor")],
    ["Tab", gettext("To the buttons and panels")],
  ]];
}

function tile(): Group {
  return [gettext("Tile"), [
    ["W", gettext("Next part to label, where parts of the tile are asked for")],
    ["Ctrl ↵", gettext("Submit and open the next tile")],
    ["Q", gettext("Split a tile with too much on it in four")],
    ["?", gettext("This page")],
  ]];
}

/** Words that stay together: what is parted by a space is a key each. */
const together = (words: string): string => words.replaceAll(" ", "\u00a0");

function glass(): Group {
  return [gettext("Fingers and pen"), [
    [together(gettext("One finger")), gettext("Presses, draws and drags; moves the image where the tool does not draw by dragging")],
    [together(gettext("Two fingers")), gettext("Zoom and move the image; what was just begun is dropped")],
    [together(gettext("Held still")), gettext("As a right click: takes the last vertex back, removes a vertex")],
    [together(gettext("Double tap")), gettext("Finishes the shape; on an edge of a selected shape, puts a vertex there")],
    [together(gettext("Pen's other end")), gettext("With the brush: rub out")],
  ]];
}

/** Every key and gesture of the studio; those of the hand in use first. */
export function helpKeys(hand: Device): readonly Group[] {
  const keys = [drawing(), changing(), machine(), classes(), view(), keyboard(), tile()];
  return isOnGlass(hand) ? [glass(), ...keys] : [...keys, glass()];
}

/** The keys of the page where two dates are compared. */
export function changeKeys(): readonly Group[] {
  return [
    [gettext("Your answer"), [
      ["1", gettext("Nothing changed: the earlier label is copied")],
      ["2", gettext("The ground changed")],
      ["3", gettext("The earlier label was wrong")],
      ["4", gettext("The later label is wrong")],
      ["5", gettext("Cannot tell")],
      ["⇧ 1 … ⇧ 4", gettext("The same, with another class")],
      ["A", gettext("Nothing changed on the whole tile: copy all its earlier labels")],
      ["Z ⌫", gettext("Take the last answer back")],
      ["Ctrl Z", gettext("Take the last answer back")],
      ["I", gettext("Say the question again")],
    ]],
    [gettext("When a class is asked for"), [
      ["1 … 9 0", gettext("It is this class")],
      ["⇧ 1 … ⇧ 0", gettext("The eleventh class to the twentieth")],
      ["/", gettext("Search a class")],
      ["Esc", gettext("Back to the answers")],
    ]],
    [gettext("View"), [
      ["S", gettext("Side by side, or one over the other with a border")],
      ["[ ]", gettext("Move the border; also Page up and Page down")],
      ["F", gettext("Zoom to the place")],
      ["T", gettext("Next view of the image: colour, infrared, height…")],
      ["H", gettext("Show or hide the outline")],
      ["← ↑ → ↓", gettext("Move both images")],
      ["+ -", gettext("Zoom")],
      ["?", gettext("This page")],
    ]],
  ];
}

/** The keys of the page where the model's shapes are checked. */
export function validateKeys(): readonly Group[] {
  return [
    [gettext("Your answer"), [
      ["A Enter", gettext("Yes, the class is right")],
      ["D", gettext("No, and the right class is not clear")],
      ["U", gettext("Unsure")],
      ["1 … 9 0", gettext("It is this class")],
      ["⇧ 1 … ⇧ 0", gettext("The eleventh class to the twentieth")],
      ["/", gettext("Search a class")],
      ["Z ⌫", gettext("Take the last answer back")],
      ["Ctrl Z", gettext("Take the last answer back")],
      ["S", gettext("Skip this tile")],
    ]],
    [gettext("View"), [
      ["F", gettext("Zoom to the shape")],
      ["H", gettext("Fill the shape with its colour, or its outline alone")],
      ["T", gettext("Next view of the image: colour, infrared, height…")],
      ["+ -", gettext("Zoom")],
      ["← ↑ → ↓", gettext("Move the image")],
      ["I", gettext("Say the question again")],
      ["?", gettext("This page")],
    ]],
  ];
}

export function sampleKeys(): readonly Group[] {
  return [
    [gettext("Your answer"), [
      ["1 … 9 0", gettext("It is this class")],
      ["⇧ 1 … ⇧ 0", gettext("The eleventh class to the twentieth")],
      ["/", gettext("Search a class")],
      ["N Space", gettext("On the second image: the same as before")],
      ["D", gettext("Not quite sure: said with your next answer")],
      ["U", gettext("Cannot tell")],
      ["Z ⌫", gettext("Take the last key back, then the last answer")],
      ["Ctrl Z", gettext("Take the last key back, then the last answer")],
      ["S", gettext("Leave this place for later")],
    ]],
    [gettext("View"), [
      ["F", gettext("Back to the square")],
      ["T", gettext("Next view of the image: colour, infrared, height…")],
      ["+ -", gettext("Zoom")],
      ["← ↑ → ↓", gettext("Move the image")],
      ["I", gettext("Say the question again")],
      ["?", gettext("This page")],
    ]],
  ];
}
