import { gettext } from "../i18n";

/** Keys by the names that keyboards of the page's language print on them: "Ctrl+Shift+Z", « Ctrl+Maj+Z ». */
export function keyName(keys: string): string {
  const printed: Readonly<Record<string, () => string>> = {
    Del: () => gettext("Del"),
    Esc: () => gettext("Esc"),
    Space: () => gettext("Space"),
    Enter: () => gettext("Enter"),
    Shift: () => gettext("Shift"),
    Click: () => gettext("Click"),
    Drag: () => gettext("Drag"),
    Wheel: () => gettext("Wheel"),
  };
  return keys.replace(/[A-Z][a-z]+/g, (name) => printed[name]?.() ?? name);
}
