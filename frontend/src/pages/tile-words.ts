import type { Tile } from "../api/types";
import { gettext, interpolate } from "../i18n";

/** What a tile is called: its place, and which quarter of it where it was split. */
export function tileWords({ row, col, part }: Pick<Tile, "row" | "col" | "part">): string {
  return part
    ? interpolate(gettext("Tile %(row)s · %(col)s, quarter %(part)s"), { row, col, part })
    : interpolate(gettext("Tile %(row)s · %(col)s"), { row, col });
}

/** Said of a drawing by weights from elsewhere that were published before they could be judged. */
export function notJudgedWords(): string {
  return gettext("This model was not trained here and is not judged yet: look twice at what it draws.");
}
