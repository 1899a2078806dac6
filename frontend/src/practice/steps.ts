/** What the guide asks for, one thing after the other, and how it sees that it was done. */

import type { Draft } from "../domain/draft";
import { gettext } from "../i18n";
import type { ToolName } from "../map/tools/tool";
import type { Marks } from "./marks";
import { BUILT, GRASS, SEALED, WATER, WOOD } from "./scene";

/** What a step looks at. */
export interface Scene {
  readonly draft: Draft;
  readonly marks: Marks;
  readonly tool: ToolName;
  /** The class in hand. */
  readonly code: string | null;
  /** Zoomed or moved from where the whole tile is in view. */
  readonly hasMoved: boolean;
  readonly hasSuggestions: boolean;
  readonly hasSelection: boolean;
}

export interface Step {
  readonly title: string;
  readonly text: string;
  /** The same for fingers, where it differs. */
  readonly touch?: string;
  readonly keys: readonly string[];
  isDone(scene: Scene): boolean;
  /** The controls to look for now. */
  targets(scene: Scene): readonly string[];
}

const MOST = 0.6;
const NEARLY = 0.97;

/** First the class, then the tool. */
function classThenTools(code: string, ...tools: readonly ToolName[]): Step["targets"] {
  return (scene) => {
    if (scene.code !== code) return [`class-${code}`];
    return tools.includes(scene.tool) ? [] : tools.map((name) => `tool-${name}`);
  };
}

/** The key of a class, by its place in the palette. */
export type KeyOf = (code: string) => string;

function drawing(key: KeyOf): Step[] {
  return [
    {
      title: gettext("Look around"),
      text: gettext("Turn the wheel to zoom and drag to move; F shows the whole tile again."),
      touch: gettext("Zoom and move with two fingers."),
      keys: ["+", "-", "Ctrl ←", "F"],
      isDone: ({ hasMoved }) => hasMoved,
      targets: () => ["zoom-in", "zoom-out"],
    },
    {
      title: gettext("Choose a class"),
      text: gettext("You draw with the class in hand: choose Water."),
      keys: [key(WATER)],
      isDone: ({ code }) => code === WATER,
      targets: () => [`class-${WATER}`],
    },
    {
      title: gettext("Draw the pond"),
      text: gettext("With the polygon tool, click round the pond at the lower left and double-click to finish."),
      touch: gettext("With the polygon tool, tap round the pond at the lower left and end on your first point."),
      keys: ["P", "Enter"],
      isDone: ({ marks }) => marks.share("p", WATER) >= MOST && marks.precision("p", WATER) >= MOST - 0.1,
      targets: classThenTools(WATER, "polygon"),
    },
    {
      title: gettext("Paint the wood"),
      text: gettext("Choose the broad-leaved class, then paint the wood with the brush, or by whole segments."),
      keys: [key(WOOD), "B", "S"],
      isDone: ({ marks }) => marks.share("w", WOOD) >= MOST && marks.precision("w", WOOD) >= MOST - 0.1,
      targets: classThenTools(WOOD, "brush", "segments"),
    },
  ];
}

function correcting(key: KeyOf): Step[] {
  return [
    {
      title: gettext("Let the model help"),
      text: gettext("Show the model's draft and take at once all that it is sure of."),
      touch: gettext("Show the model's draft, then tap the road and the roofs to take them."),
      keys: ["D", "⇧A"],
      isDone: ({ marks }) => marks.share("r", SEALED) >= MOST && marks.share("h", BUILT) >= MOST,
      targets: ({ hasSuggestions }) => (hasSuggestions ? ["take-all"] : ["tool-draft"]),
    },
    {
      title: gettext("Correct the model"),
      text: gettext("It took the big grey roof for a car park: select it and give it the class of buildings."),
      keys: ["E", "N", key(BUILT)],
      isDone: ({ marks }) => marks.share("b", BUILT) >= MOST,
      targets: ({ tool, hasSelection }) => (hasSelection ? [`class-${BUILT}`] : tool === "edit" ? [] : ["tool-edit"]),
    },
    {
      title: gettext("Fill the rest"),
      text: gettext("The rest is grass and crops, even the shadow that the model took for water: fill each gap with the herbaceous class."),
      keys: [key(GRASS), "G", "U"],
      isDone: ({ marks }) => marks.labelled >= NEARLY,
      targets: classThenTools(GRASS, "fill"),
    },
    {
      title: gettext("Hand it in"),
      text: gettext("All of the tile has a class: submit it."),
      keys: ["Ctrl ↵"],
      isDone: () => false,
      targets: () => ["submit"],
    },
  ];
}

export function stepsOf(key: KeyOf): readonly Step[] {
  return [...drawing(key), ...correcting(key)];
}
