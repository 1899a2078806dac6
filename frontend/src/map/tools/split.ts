import type { Ring, Rings } from "../../domain/geometry";
import { gettext } from "../../i18n";
import { type Device, isOnGlass } from "../input";
import { Clicking } from "./clicking";

/** A line across shapes: each is parted where the line goes right through it. */
export class Split extends Clicking {
  override readonly name = "split";
  override readonly cursor = "cursor-cut";
  protected override readonly closes = false;
  protected override readonly minimum = 2;

  override hint(device: Device): string {
    if (isOnGlass(device)) {
      return this.isBusy
        ? gettext("Tap the next point of the line. The last point again, or a double tap, cuts along it; holding still takes it back.")
        : gettext("Tap a line from outside a shape, across it, to its other side. With shapes selected, only they are split.");
    }
    return this.isBusy
      ? gettext("Click the next point of the line. Enter, a double click or the last point again cuts along it.")
      : gettext("Click a line from outside a shape, across it, to its other side. With shapes selected, only they are split.");
  }

  protected override get ending(): string {
    return gettext("Split");
  }

  protected override colour(): null {
    return null;
  }

  protected override context(): readonly Rings[] {
    return this.selectedRings();
  }

  protected override finish(points: Ring): void {
    const ids = this.host.selection();
    const command = { kind: "split", line: points, ids: ids.length > 0 ? ids : null } as const;
    void this.run(command, { line: points, colour: null }).then((isDone) => {
      // A line that stops short can be taken further.
      if (isDone || this.isBusy || !this.isEnabled) return;
      this.points = points;
      this.refresh();
    });
  }
}
