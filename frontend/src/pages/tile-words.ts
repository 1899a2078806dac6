import type { Tile } from "../api/types";
import { gettext, interpolate } from "../i18n";

/** What a tile is called: its place, and which quarter of it where it was split. */
export function tileWords({ row, col, part }: Pick<Tile, "row" | "col" | "part">): string {
  return part
    ? interpolate(gettext("Tile %(row)s · %(col)s, quarter %(part)s"), { row, col, part })
    : interpolate(gettext("Tile %(row)s · %(col)s"), { row, col });
}
