/** Who paints the pictures of the sheets: a worker beside the page, or the page itself where there is none. */

import type { Area, SheetStyle } from "./easel";
import type { Packed } from "./flat";
import type { SheetKind } from "./paint";
import { type Answer, type Order, Store } from "./store";

/** Orders are carried out in turn: a picture shows every change given before it was asked for. */
export interface Painter {
  /** Starts the sheet anew, empty, for a tile of that side in units. */
  open(sheet: SheetKind, side: number): void;
  change(sheet: SheetKind, removed: readonly string[], added: Packed): void;
  style(sheet: SheetKind, style: SheetStyle): void;
  paint(sheet: SheetKind, area: Area): Promise<ImageBitmap>;
  close(): void;
}

/** Paints in this thread, one picture between two frames. */
export class LocalPainter implements Painter {
  private readonly store = new Store();
  private readonly canvas = document.createElement("canvas");
  private turn: Promise<unknown> = Promise.resolve();

  open(sheet: SheetKind, side: number): void {
    this.store.open(sheet, side);
  }

  change(sheet: SheetKind, removed: readonly string[], added: Packed): void {
    this.store.change(sheet, removed, added);
  }

  style(sheet: SheetKind, style: SheetStyle): void {
    this.store.style(sheet, style);
  }

  paint(sheet: SheetKind, area: Area): Promise<ImageBitmap> {
    const painted = this.turn.then(async () => {
      await new Promise(requestAnimationFrame);
      const { canvas } = this;
      [canvas.width, canvas.height] = [area.width, area.height];
      const context = canvas.getContext("2d");
      if (context) this.store.paint(context, sheet, area);
      return createImageBitmap(canvas);
    });
    this.turn = painted.catch(() => undefined);
    return painted;
  }

  close(): void {
    this.turn = Promise.resolve();
  }
}

/** Hands the painting to a worker. When the worker fails, `onFailure` is told once and no picture comes any more. */
export class WorkerPainter implements Painter {
  private readonly worker: Worker;
  private readonly asked = new Map<number, (picture: ImageBitmap) => void>();
  private number = 0;

  constructor(onFailure: () => void) {
    this.worker = new Worker(new URL("./painter-worker.ts", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.asked.get(data.number)?.(data.picture);
      this.asked.delete(data.number);
    };
    this.worker.onerror = () => {
      this.close();
      onFailure();
    };
  }

  private tell(order: Order, transfer: Transferable[] = []): void {
    this.worker.postMessage(order, transfer);
  }

  open(sheet: SheetKind, side: number): void {
    this.tell({ do: "open", sheet, side });
  }

  change(sheet: SheetKind, removed: readonly string[], added: Packed): void {
    const transfer = [added.rings.buffer, added.points.buffer, added.coordinates.buffer] as ArrayBuffer[];
    this.tell({ do: "change", sheet, removed, added }, transfer);
  }

  style(sheet: SheetKind, style: SheetStyle): void {
    this.tell({ do: "style", sheet, style });
  }

  paint(sheet: SheetKind, area: Area): Promise<ImageBitmap> {
    return new Promise((resolve) => {
      const number = ++this.number;
      this.asked.set(number, resolve);
      this.tell({ do: "paint", sheet, area, number });
    });
  }

  close(): void {
    this.worker.terminate();
    this.asked.clear();
  }
}

/** The best painter that this browser allows; `onFailure` asks for the other one. */
export function openPainter(onFailure: () => void): Painter {
  if (typeof Worker === "undefined" || typeof OffscreenCanvas === "undefined") return new LocalPainter();
  try {
    return new WorkerPainter(onFailure);
  } catch {
    return new LocalPainter();
  }
}
