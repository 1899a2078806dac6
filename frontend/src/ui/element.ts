import { LitElement } from "lit";

/** A custom element without a shadow: the page's styles, labels and forms reach into it. */
export abstract class LightElement extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}
