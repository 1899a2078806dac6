/** Coverages and what is none, for the rule that browser and server must apply alike. Made from fixed seeds. */
import { checkCoverage } from "../../src/domain/check";
import { type Command, CommandRefused, runCommand } from "../../src/domain/command";
import { type Draft, draftOf, emptyDraft, type Feature, featuresOf } from "../../src/domain/draft";
import { doubleArea, type Point, type Ring, type Rings } from "../../src/domain/geometry";
import { KINDS, Maker, numbers } from "./random-commands";

export interface Case {
  readonly name: string;
  readonly side: number;
  /** What the features came from; null for a list written as it is. */
  readonly command: Command["kind"] | null;
  readonly features: readonly Feature[];
  readonly expected: "accept" | "refuse";
  /** Of each feature, in their order; empty for what is refused. */
  readonly doubled_areas: readonly number[];
}

const box = (x0: number, y0: number, x1: number, y1: number): Ring => [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
const polygon = (...rings: Ring[]): Rings => rings;

function judged(name: string, side: number, command: Command["kind"] | null, features: readonly Feature[]): Case {
  const isAccepted = checkCoverage(features, side) === null;
  return {
    name,
    side,
    command,
    features,
    expected: isAccepted ? "accept" : "refuse",
    doubled_areas: isAccepted ? features.map((f) => doubleArea(f.rings)) : [],
  };
}

function raw(name: string, side: number, shapes: readonly Rings[]): Case {
  return judged(name, side, null, shapes.map((rings, i) => ({ id: `f${i + 1}`, class_code: "A", rings, provenance: "drawn" })));
}

/** The draft with ids that do not depend on chance. */
function renamed(draft: Draft): Draft {
  return draftOf(draft.side, featuresOf(draft).map((f, i) => ({ ...f, id: `f${i + 1}` })));
}

/** What random commands leave, a fresh tile every few commands. */
export function commandCases(seed: number, count: number): Case[] {
  const random = numbers(seed);
  const cases: Case[] = [];
  let draft = emptyDraft(64);
  for (let step = 0; cases.length < count; step++) {
    if (step % 11 === 0) draft = emptyDraft([64, 256, 2048][Math.floor(random() * 3)] as number);
    const kind = KINDS[step % KINDS.length] as Command["kind"];
    const command = new Maker(random, draft.side, `c${step}`).command(kind, draft);
    try {
      const after = runCommand(draft, command);
      if (after === draft) continue;
      draft = renamed(after);
      cases.push(judged(`${command.kind} ${step}`, draft.side, command.kind, featuresOf(draft)));
    } catch (error) {
      if (!(error instanceof CommandRefused)) throw error;
    }
  }
  return cases;
}

/** One or two small polygons with every vertex at random on a tiny grid: few are valid, many touch. */
export function tinyCases(seed: number, count: number): Case[] {
  const random = numbers(seed);
  const ring = (least: number, most: number, side: number): Ring =>
    Array.from({ length: least + Math.floor(random() * (most - least + 1)) }, (): Point => [
      Math.floor(random() * (side + 1)),
      Math.floor(random() * (side + 1)),
    ]);
  const rectangle = (): Ring => {
    const [x, y] = [Math.floor(random() * 7), Math.floor(random() * 7)];
    return box(x, y, x + 1 + Math.floor(random() * (8 - x)), y + 1 + Math.floor(random() * (8 - y)));
  };
  return Array.from({ length: count }, (_, i) => {
    const one = (): Rings => {
      const form = random();
      if (form < 0.3) return [rectangle(), ...(random() < 0.7 ? [ring(3, 4, 8)] : [])];
      if (form < 0.45) return [box(0, 0, 8, 8), ring(3, 4, 8), ring(3, 3, 8)];
      return [random() < 0.3 ? rectangle() : ring(3, 5, 8)];
    };
    return raw(`tiny ${i}`, 8, Array.from({ length: 1 + Math.floor(random() * 2.3) }, one));
  });
}

const OUTER = box(0, 0, 40, 40);

/** Lists chosen by hand, each for one rule. */
function chosenCases(): Case[] {
  const shapes: Record<string, Rings[]> = {
    "nothing": [],
    "a square": [polygon(OUTER)],
    "the whole tile": [polygon(box(0, 0, 64, 64))],
    "overlap by one unit": [polygon(box(0, 0, 20, 20)), polygon(box(19, 0, 40, 20))],
    "a shared edge": [polygon(box(0, 0, 20, 20)), polygon(box(20, 0, 40, 20))],
    "a shared corner": [polygon(box(0, 0, 20, 20)), polygon(box(20, 20, 40, 40))],
    "an edge shared in part": [polygon(box(0, 0, 20, 20)), polygon(box(20, 10, 40, 50))],
    "T-junctions": [polygon(box(0, 0, 60, 20)), polygon(box(0, 20, 30, 40)), polygon(box(30, 20, 60, 40))],
    "a T-junction on a slanted edge": [polygon([[0, 0], [40, 20], [0, 40]]), polygon([[0, 0], [20, 10], [40, 0]]), polygon([[20, 10], [40, 20], [40, 0]])],
    "a vertex one unit into a slanted edge": [polygon([[0, 0], [40, 20], [0, 40]]), polygon([[40, 0], [20, 11], [60, 0]])],
    "the same square twice": [polygon(OUTER), polygon(OUTER)],
    "a square inside another": [polygon(OUTER), polygon(box(10, 10, 20, 20))],
    "an island that fills its hole": [polygon(OUTER, box(10, 10, 20, 20)), polygon(box(10, 10, 20, 20))],
    "an island smaller than its hole": [polygon(OUTER, box(10, 10, 20, 20)), polygon(box(12, 12, 18, 18))],
    "an island one unit larger than its hole": [polygon(OUTER, box(10, 10, 20, 20)), polygon(box(10, 10, 21, 20))],
    "a hole": [polygon(OUTER, box(10, 10, 20, 20))],
    "two holes with a shared corner": [polygon(OUTER, box(10, 10, 20, 20), box(20, 20, 30, 30))],
    "two holes with a shared edge": [polygon(OUTER, box(10, 10, 20, 20), box(20, 10, 30, 20))],
    "two holes that overlap": [polygon(OUTER, box(10, 10, 20, 20), box(15, 15, 30, 30))],
    "the same hole twice": [polygon(OUTER, box(10, 10, 20, 20), box(10, 10, 20, 20))],
    "a hole in a hole": [polygon(OUTER, box(10, 10, 30, 30), box(15, 15, 20, 20))],
    "a hole outside": [polygon(box(0, 0, 20, 20), box(30, 30, 40, 40))],
    "a hole partly outside": [polygon(box(0, 0, 20, 20), box(10, 10, 30, 30))],
    "a hole as large as its outline": [polygon(OUTER, OUTER)],
    "a hole larger than its outline": [polygon(box(10, 10, 20, 20), OUTER)],
    "a hole touching the outline at a vertex of both": [polygon([[0, 0], [20, 0], [40, 0], [40, 40], [0, 40]], [[20, 0], [25, 20], [15, 20]])],
    "a hole touching the outline along its edge": [polygon(OUTER, [[20, 0], [25, 20], [15, 20]])],
    "a hole touching a slanted edge": [polygon([[0, 0], [40, 40], [0, 40]], [[20, 20], [10, 30], [10, 25]])],
    "a hole sharing an edge with the outline": [polygon(OUTER, box(10, 0, 20, 20))],
    "a hole touching the outline twice": [polygon(OUTER, [[20, 0], [25, 20], [20, 40], [15, 20]])],
    "holes that touch in a circle": [polygon(OUTER, [[20, 10], [30, 20], [32, 8]], [[30, 20], [20, 30], [32, 32]], [[20, 30], [10, 20], [8, 32]], [[10, 20], [20, 10], [8, 8]])],
    "holes that touch in a chain": [polygon(OUTER, [[20, 10], [30, 20], [32, 8]], [[30, 20], [20, 30], [32, 32]], [[20, 30], [10, 20], [8, 32]])],
    "a chain of holes from side to side": [polygon(OUTER, [[0, 20], [20, 15], [20, 25]], [[20, 15], [40, 20], [30, 30]])],
    "what such a circle encloses, labelled": [polygon([[20, 10], [30, 20], [20, 30], [10, 20]]), polygon(OUTER, [[20, 10], [30, 20], [20, 30], [10, 20]])],
    "a bow-tie": [polygon([[0, 0], [20, 20], [20, 0], [0, 20]])],
    "two triangles in place of a bow-tie": [polygon([[0, 0], [10, 10], [0, 20]]), polygon([[20, 0], [20, 20], [10, 10]])],
    "a ring through one vertex twice": [polygon([[0, 0], [10, 10], [20, 0], [20, 20], [10, 10], [0, 20]])],
    "a ring touching its own edge": [polygon([[0, 0], [40, 0], [40, 20], [20, 0], [0, 20]])],
    "a repeated vertex": [polygon([[0, 0], [20, 0], [20, 0], [20, 20]])],
    "a closed ring": [polygon([[0, 0], [20, 0], [20, 20], [0, 0]])],
    "a spike outwards": [polygon([[0, 0], [20, 0], [20, 20], [30, 30], [20, 20], [0, 20]])],
    "a spike along an edge": [polygon([[0, 0], [30, 0], [20, 0], [20, 20], [0, 20]])],
    "a spike inwards": [polygon([[0, 0], [20, 0], [10, 10], [20, 0], [20, 20], [0, 20]])],
    "vertices in line": [polygon([[0, 0], [10, 0], [20, 0], [20, 20], [0, 20]])],
    "no ground at all": [polygon([[0, 0], [10, 10], [20, 20]])],
    "a hole without ground": [polygon(OUTER, [[10, 10], [15, 15], [20, 20]])],
    "two vertices": [polygon([[0, 0], [10, 10]])],
    "no ring": [[]],
    "beyond the tile": [polygon(box(0, 0, 65, 20))],
    "before the tile": [polygon(box(-1, 0, 20, 20))],
    "off the grid": [polygon([[0, 0], [20.5, 0], [20, 20]])],
    "a sliver of one unit": [polygon([[0, 0], [63, 1], [64, 1]])],
    "a sliver overlapping a sliver": [polygon([[0, 0], [63, 1], [64, 1]]), polygon([[0, 0], [64, 1], [64, 0]])],
    "slivers side by side": [polygon([[0, 0], [64, 1], [63, 1]]), polygon([[0, 0], [64, 0], [64, 1]])],
    "crossing slivers": [polygon([[0, 0], [64, 1], [64, 2]]), polygon([[0, 1], [64, 0], [64, 1]])],
    "clockwise and counterclockwise neighbours": [polygon([...box(0, 0, 20, 20)].reverse()), polygon(box(20, 0, 40, 20))],
    "a hole drawn the way of its outline": [polygon([...OUTER].reverse(), [...box(10, 10, 20, 20)].reverse())],
    "a comb in a comb": [
      polygon([[0, 0], [40, 0], [40, 4], [4, 4], [4, 12], [40, 12], [40, 16], [0, 16]]),
      polygon([[40, 4], [40, 12], [4, 12], [4, 4]]),
    ],
    "a comb in a comb, one unit too far": [
      polygon([[0, 0], [40, 0], [40, 4], [4, 4], [4, 12], [40, 12], [40, 16], [0, 16]]),
      polygon([[40, 4], [40, 12], [3, 12], [3, 4]]),
    ],
  };
  return Object.entries(shapes).map(([name, rings]) => raw(name, 64, rings));
}

/** Every way two squares of side 8 can lie at a few offsets. */
function shiftedCases(): Case[] {
  const offsets = [-9, -8, -7, 0, 7, 8, 9];
  return offsets.flatMap((dx) =>
    offsets.map((dy) => raw(`squares ${dx} ${dy}`, 64, [polygon(box(20, 20, 28, 28)), polygon(box(20 + dx, 20 + dy, 28 + dx, 28 + dy))])),
  );
}

export function corpus(): Case[] {
  return [...chosenCases(), ...shiftedCases(), ...tinyCases(5, 160), ...commandCases(12, 240)];
}

/** One case a line. */
export function written(cases: readonly Case[]): string {
  return `[\n${cases.map((c) => JSON.stringify(c)).join(",\n")}\n]\n`;
}
