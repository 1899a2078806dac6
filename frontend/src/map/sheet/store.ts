/** The shapes of every sheet, and the painting of them; and what a worker that keeps them is told. */

import type { Area, Context, SheetStyle } from "./easel";
import { type FlatShape, type Packed, unpack } from "./flat";
import { GridIndex } from "./grid-index";
import { paintSheet, type SheetKind } from "./paint";

interface Sheet {
  readonly index: GridIndex<FlatShape>;
  style: SheetStyle | null;
}

export class Store {
  private readonly sheets = new Map<SheetKind, Sheet>();

  open(kind: SheetKind, side: number): void {
    this.sheets.set(kind, { index: new GridIndex(side), style: this.sheets.get(kind)?.style ?? null });
  }

  change(kind: SheetKind, removed: readonly string[], added: Packed): void {
    const index = this.sheets.get(kind)?.index;
    for (const id of removed) index?.remove(id);
    for (const shape of unpack(added)) index?.add(shape);
  }

  style(kind: SheetKind, style: SheetStyle): void {
    const sheet = this.sheets.get(kind);
    if (sheet) sheet.style = style;
  }

  paint(context: Context, kind: SheetKind, area: Area): void {
    const sheet = this.sheets.get(kind);
    if (sheet?.style) paintSheet(context, kind, sheet.index, sheet.style, area);
  }
}

export type Order =
  | { readonly do: "open"; readonly sheet: SheetKind; readonly side: number }
  | { readonly do: "change"; readonly sheet: SheetKind; readonly removed: readonly string[]; readonly added: Packed }
  | { readonly do: "style"; readonly sheet: SheetKind; readonly style: SheetStyle }
  | { readonly do: "paint"; readonly sheet: SheetKind; readonly area: Area; readonly number: number };

export interface Answer {
  readonly number: number;
  readonly picture: ImageBitmap;
}
