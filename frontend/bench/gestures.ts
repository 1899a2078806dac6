/**
 * Simulated people who label tiles with the studio's own commands, and count their gestures (bench/gestures.py).
 *
 *     node gestures.js FOLDER AGREEMENT
 *
 * Each looks at the truth, weighs what every possible next move gains against the gestures it takes, and makes the
 * best one, until enough pixels agree. Moves are the studio's commands; what they do to the draft is the studio's code.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../src/domain/command";
import { diff } from "../src/domain/delta";
import { type Draft, emptyDraft, type Feature, featuresOf } from "../src/domain/draft";
import { segmentsFromBytes, type Segments } from "../src/domain/raster";
import { blank, type Hand, type Move, type Tile, type Way, WAYS } from "./gestures-model";
import { brushMoves, fillMoves, outlineMoves, relabelMoves, segmentMoves, takeAllMove } from "./gestures-moves";
import { agreement, fillRaster } from "./gestures-raster";

/** Beyond this a person has lost patience; the agreement reached is reported. */
const MAX_MOVES = 400;

/** All of the model's draft first; then whatever these offer. */
function fromDraft(...offers: readonly ((tile: Tile, hand: Hand) => Move[])[]): (tile: Tile, hand: Hand) => Move[] {
  return (tile, hand) =>
    hand.draft.features.size === 0 && hand.moves === 0 ? takeAllMove(tile) : offers.flatMap((moves) => moves(tile, hand));
}

const fromScratch = (tile: Tile, hand: Hand): Move[] => [...fillMoves(tile, hand), ...outlineMoves(tile, hand)];

/** The tools of each. The draft with those of scratch alone says what the draft itself is worth. */
const MOVES: Readonly<Record<Way, (tile: Tile, hand: Hand) => Move[]>> = {
  scratch: fromScratch,
  segments: (tile, hand) => [...fillMoves(tile, hand), ...segmentMoves(tile, hand)],
  draft: fromDraft(relabelMoves, fillMoves, brushMoves, outlineMoves, segmentMoves),
  draft_polygons: fromDraft(fromScratch),
};

/** Does the move for real; the raster follows what changed. Returns the pixels gained. */
function perform(tile: Tile, hand: Hand, move: Move): number {
  const before = agreement(tile.truth, hand.labels);
  let draft: Draft;
  try {
    draft = runCommand(hand.draft, move.command);
  } catch {
    return 0;
  }
  const change = diff(hand.draft, draft);
  if (!change) return 0;
  for (const f of change.removed) fillRaster(hand.labels, tile.side_px, f.rings, 0);
  for (const f of change.added) fillRaster(hand.labels, tile.side_px, f.rings, tile.codes.indexOf(f.class_code) + 1);
  hand.draft = draft;
  hand.gestures += move.gestures;
  hand.moves += 1;
  Object.assign(hand, move.after);
  return agreement(tile.truth, hand.labels) - before;
}

function work(tile: Tile, way: Way, threshold: number): Hand {
  const hand: Hand = blank(emptyDraft(tile.side_px * 8), tile.side_px);
  const useless = new Set<string>();
  while (agreement(tile.truth, hand.labels) < threshold && hand.moves < MAX_MOVES) {
    const moves = MOVES[way](tile, hand).filter((m) => !useless.has(m.key) && (m.gain > 0 || hand.moves === 0));
    const best = moves.reduce<Move | null>((a, b) => (a && a.gain / a.gestures >= b.gain / b.gestures ? a : b), null);
    if (!best) break;
    if (perform(tile, hand, best) <= 0) useless.add(best.key);
  }
  return hand;
}

interface Job {
  readonly tile_px: number;
  readonly codes: readonly string[];
  readonly levels: readonly string[];
  readonly tiles: number;
}

function readTile(folder: string, job: Job): Tile {
  const bytes = (name: string): Buffer => readFileSync(join(folder, name));
  const segments = new Map<string, Segments>(
    job.levels.map((level) => {
      const raw = bytes(`segments-${level}.bin`);
      return [level, segmentsFromBytes(new Uint8Array(raw).buffer, job.tile_px)];
    }),
  );
  return {
    side_px: job.tile_px,
    codes: job.codes,
    truth: new Uint8Array(bytes("truth.bin")),
    drafted: JSON.parse(bytes("suggestions.json").toString()) as Feature[],
    segments,
  };
}

function main(folder: string, threshold: number): void {
  const job = JSON.parse(readFileSync(join(folder, "job.json"), "utf8")) as Job;
  for (let number = 0; number < job.tiles; number++) {
    const name = join(folder, `tile-${String(number).padStart(2, "0")}`);
    const tile = readTile(name, job);
    for (const way of WAYS) {
      const hand = work(tile, way, threshold);
      const features = featuresOf(hand.draft).map(({ id, class_code, rings, provenance }) => ({ id, class_code, rings, provenance }));
      writeFileSync(join(name, `${way}.json`), JSON.stringify({ gestures: hand.gestures, moves: hand.moves, features }));
      process.stdout.write(`tile ${number} ${way}: ${hand.gestures} gestures, ${agreement(tile.truth, hand.labels).toFixed(3)}\n`);
    }
  }
}

main(process.argv[2] ?? ".", Number(process.argv[3] ?? "0.9"));
