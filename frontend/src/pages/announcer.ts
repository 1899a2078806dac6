// What the studio says aloud, as whole sentences for those who do not see the map.

import type { Command } from "../domain/command";
import { type Draft, type Feature, featureOf } from "../domain/draft";
import { doubleArea, type Point } from "../domain/geometry";
import { featureAt } from "../domain/hittest";
import { centreOf, meanDoubt, neighboursOf, type Segments } from "../domain/raster";
import type { Suggestion } from "../domain/suggestion";
import { locate } from "../domain/geometry";
import { decimal, gettext, interpolate, percent } from "../i18n";
import { squareMetres } from "./figures";

export type ClassName = (code: string) => string;

const NEIGHBOURS_NAMED = 4;

/** A few names, each once. */
export function distinct(names: readonly string[]): string {
  const kinds = [...new Set(names)];
  const named = kinds.slice(0, NEIGHBOURS_NAMED).join(", ");
  return kinds.length > NEIGHBOURS_NAMED ? `${named}…` : named;
}

export interface SegmentScene {
  readonly draft: Draft;
  readonly segments: Segments;
  readonly suggestions: readonly Suggestion[];
  readonly doubt: Uint8Array | null;
  readonly name: ClassName;
}

function labelAt(scene: SegmentScene, at: Point): string {
  const feature = featureAt(scene.draft, at);
  return feature ? scene.name(feature.class_code) : gettext("not labelled");
}

function modelWords(suggestion: Suggestion, name: ClassName): string {
  const said = name(suggestion.class_code);
  if (suggestion.source === "vintage") return interpolate(gettext("The other vintage says %(class)s."), { class: said });
  return suggestion.confidence === null
    ? interpolate(gettext("The model says %(class)s."), { class: said })
    : interpolate(gettext("The model says %(class)s, %(share)s sure."), { class: said, share: percent(suggestion.confidence) });
}

/** A segment: its label, what the model says of it, how much it doubts, and what lies around. */
export function segmentWords(scene: SegmentScene, id: number): string {
  const at = centreOf(scene.segments, id);
  const parts = [
    interpolate(gettext("Segment %(n)s of %(count)s: %(class)s."), { n: id + 1, count: scene.segments.count, class: labelAt(scene, at) }),
  ];
  const suggestion = scene.suggestions.find((s) => locate(at, s.rings) >= 0);
  if (suggestion) parts.push(modelWords(suggestion, scene.name));
  if (scene.doubt) {
    parts.push(interpolate(gettext("Doubt: %(share)s."), { share: percent(meanDoubt(scene.segments, scene.doubt, id)) }));
  }
  const around = neighboursOf(scene.segments, id).map((other) => labelAt(scene, centreOf(scene.segments, other)));
  if (around.length > 0) parts.push(interpolate(gettext("Neighbours: %(names)s."), { names: distinct(around) }));
  return parts.join(" ");
}

/** A suggestion and its place in the list. */
export function suggestionWords(suggestion: Suggestion, rank: number, count: number, name: ClassName): string {
  const words = interpolate(gettext("Suggestion %(n)s of %(count)s."), { n: rank, count });
  return `${words} ${modelWords(suggestion, name)}`;
}

export function shapeWords(feature: Feature, rank: number, count: number, gsdM: number, name: ClassName): string {
  return interpolate(gettext("Shape %(n)s of %(count)s: %(class)s, %(area)s m²."), {
    n: rank, count, class: name(feature.class_code), area: decimal(squareMetres(doubleArea(feature.rings), gsdM), 1),
  });
}

/** What a command did. */
export function commandWords(command: Command, before: Draft, name: ClassName): string {
  switch (command.kind) {
    case "draw": case "paint": case "fill": case "fill_all":
      return interpolate(gettext("Labelled: %(class)s."), { class: name(command.class_code) });
    case "relabel":
      return interpolate(gettext("Class changed: %(class)s."), { class: name(command.class_code) });
    case "erase":
      return gettext("Label taken off this ground.");
    case "delete":
      return command.ids.length === 1 && before.features.has(command.ids[0] as string)
        ? interpolate(gettext("Deleted: %(class)s."), { class: name(featureOf(before, command.ids[0] as string).class_code) })
        : interpolate(gettext("Shapes deleted: %(n)s."), { n: command.ids.length });
    case "split":
      return gettext("Split.");
    case "merge":
      return gettext("Merged.");
    case "take":
      return command.features.length === 1
        ? interpolate(gettext("Taken: %(class)s."), { class: name(command.features[0]?.class_code ?? "") })
        : interpolate(gettext("Suggestions taken: %(n)s."), { n: command.features.length });
    case "move_vertex": case "insert_vertex": case "remove_vertex": case "move_edge":
      return gettext("Outline changed; neighbours followed.");
    case "replace":
      return gettext("Labels replaced.");
  }
}

/** Why a command was refused, and what to do instead. */
export function refusalOfCommand(code: string): string {
  const words: Readonly<Record<string, string>> = {
    no_gap_here: gettext("This ground is labelled already: point at unlabelled ground. U goes to the next gap."),
    line_crosses_nothing: gettext("The line does not cross a shape from side to side: start and end it outside the shape."),
    not_touching: gettext("These shapes do not share an edge: choose neighbours."),
    too_many_shapes: gettext("A tile holds at most 5,000 shapes: merge or delete some first."),
    too_many_vertices: gettext("This tile holds too many vertices: delete or simplify some shapes first."),
    shape_too_complex: gettext("This shape would have too many vertices: split it in two."),
    no_such_shape: gettext("This shape is not there any more."),
  };
  return words[code] ?? gettext("This cannot be done here. Nothing was changed.");
}
