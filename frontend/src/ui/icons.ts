import { html, type TemplateResult } from "lit";

const outlines = {
  edit: "M5 3l6.5 15 2.2-6.3L20 9.5z",
  polygon: "M5 8l8-5 7 7-3 10H6z",
  rectangle: "M4 6h16v12H4z",
  lasso: "M12 4c5 0 8.500 2.200 8.500 5.500S17 15 12 15s-8.500-2.200-8.500-5.500S7 4 12 4zM7 14.500c-1 1.500-.5 3 1 3.500s2 1.500 1 3",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  undo: "M8 5L4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M16 5l4 4-4 4M20 9H10a6 6 0 0 0 0 12h3",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.500v.5M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  panel: "M4 4h16v16H4zM15 4v16",
  spark: "M12 3l2 6 6 2-6 2-2 6-2-6-6-2 6-2z",
  back: "M15 5l-7 7 7 7",
  check: "M4 12l6 6L20 6",
  sendBack: "M9 7L4 12l5 5M4 12h16",
} as const;

export type IconName = keyof typeof outlines;

/** A line drawing that takes the colour of its text; the words beside it speak for it. */
export function icon(name: IconName): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d=${outlines[name]}></path>
  </svg>`;
}

/** A class's own colour. */
export function swatch(colour: string): TemplateResult {
  return html`<svg class="swatch" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    <rect width="16" height="16" rx="3" fill=${colour}></rect>
  </svg>`;
}
