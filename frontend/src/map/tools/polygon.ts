import type { Ring } from "../../domain/geometry";
import { gettext } from "../../i18n";
import { type Device, isOnGlass } from "../input";
import { Clicking } from "./clicking";

/** Click by click; closed by the first vertex, a double click or Enter. */
export class Polygon extends Clicking {
  override readonly name = "polygon";

  override hint(device: Device): string {
    if (isOnGlass(device)) {
      return this.isBusy
        ? gettext("Tap the next corner. The first corner again, or a double tap, closes the shape; holding still takes the last corner back.")
        : gettext("Tap the corners of the shape, one by one.");
    }
    return this.isBusy
      ? gettext("Click the next corner. Enter, a double click or the first corner closes the shape; Backspace or a right click takes the last corner back.")
      : gettext("Click the corners of the shape, one by one. Hold Alt to place a corner without snapping.");
  }

  protected override get ending(): string {
    return gettext("Close");
  }

  protected override finish(points: Ring): void {
    void this.label(
      (class_code, id) => ({ kind: "draw", rings: [points], class_code, id }),
      { shapes: [[points]], colour: this.host.colour() },
    );
  }
}
