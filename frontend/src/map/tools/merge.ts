import type { Feature } from "../../domain/draft";
import { featureAt } from "../../domain/hittest";
import { gettext } from "../../i18n";
import { type Device, type Gesture, isOnGlass } from "../input";
import { type ScreenKey, Tool } from "./tool";

/** The first shape clicked stays; the ones clicked next join it. */
export class Merge extends Tool {
  override readonly name = "merge";
  override readonly cursor = "cursor-pick";
  private hovered: Feature | null = null;

  override hint(device: Device): string {
    const { length } = this.host.selection();
    if (isOnGlass(device)) {
      if (length === 0) return gettext("Tap the shape that keeps its class.");
      if (length === 1) return gettext("Tap a shape beside it: it joins the first one. A button lets you pick several before you merge them.");
      return gettext("Merge joins the selected shapes to the first one.");
    }
    if (length === 0) return gettext("Click the shape that keeps its class.");
    if (length === 1) return gettext("Click a shape beside it: it joins the first one. Shift+click picks several before Enter merges them.");
    return gettext("Enter merges the selected shapes into the first one.");
  }

  override screenKeys(): readonly ScreenKey[] {
    return [
      { words: gettext("Several"), key: "Shift" },
      { words: gettext("Merge"), key: "Enter", isOff: this.host.selection().length < 2 },
    ];
  }

  override get isBusy(): boolean {
    return false;
  }

  protected override drop(): void {
    this.hovered = null;
  }

  override move(g: Gesture): void {
    const under = featureAt(this.host.draft(), g.at);
    if (under === this.hovered) return;
    this.hovered = under;
    this.refresh();
  }

  override leave(): void {
    this.drop();
    this.refresh();
  }

  override click(g: Gesture): void {
    const under = featureAt(this.host.draft(), g.at);
    const chosen = this.host.selection();
    const [first] = chosen;
    if (!under) this.host.select([]);
    else if (first === undefined) this.host.select([under.id]);
    else if (g.shift || chosen.includes(under.id)) this.toggle(chosen, under.id);
    else this.merge([...chosen, under.id]);
  }

  private toggle(chosen: readonly string[], id: string): void {
    this.host.select(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  }

  private merge(ids: readonly string[]): void {
    const outlines = this.ringsOf(ids);
    void this.run({ kind: "merge", ids }, { outlines, colour: null }).then((isDone) => {
      if (isDone && this.isEnabled) this.host.select(ids.slice(0, 1));
    });
  }

  override key(event: KeyboardEvent): boolean {
    const chosen = this.host.selection();
    if (event.key === "Escape" && chosen.length > 0) this.host.select([]);
    else if ((event.key === "Enter" || event.key.toLowerCase() === "m") && chosen.length > 1) this.merge(chosen);
    else return super.key(event);
    return true;
  }

  override refresh(): void {
    if (this.hovered && this.host.draft().features.get(this.hovered.id) !== this.hovered) this.hovered = null;
    this.show({ selected: this.selectedRings(), hovered: this.hovered ? [this.hovered.rings] : [] });
  }
}
