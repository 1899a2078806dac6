import { html, type TemplateResult } from "lit";

const outlines = {
  edit: "M5 3l6.5 15 2.2-6.3L20 9.5z",
  polygon: "M5 8l8-5 7 7-3 10H6z",
  rectangle: "M4 6h16v12H4z",
  lasso: "M12 4c5 0 8.500 2.200 8.500 5.500S17 15 12 15s-8.500-2.200-8.500-5.500S7 4 12 4zM7 14.500c-1 1.500-.5 3 1 3.500s2 1.500 1 3",
  brush: "M20 4l-9 9M14.500 3.500l6 6M11 13c-3 0-4 1.500-4.500 4C6.200 18.800 5 20 3.500 20.500c4 .8 9.500-.5 10-4.500 0-1.500-1-3-2.500-3z",
  eraser: "M9 20H20M4.500 14.500l9-10 6.500 6-8.500 9.500H9zM8.500 10l6.500 6",
  fill: "M11 4l8.500 8.500-8 7.500L3.500 12zM4 12h15M8 7l-2-2M21 16c1 1.500 1.500 2.500 1.500 3.200a1.500 1.500 0 0 1-3 0c0-.7.500-1.700 1.500-3.200z",
  cut: "M4 5h16v14H4zM9 9.500h6v5H9z",
  split: "M4 5h6v14H4zM14 5h6v14h-6M12 2v3M12 8v3M12 14v3M12 20v2",
  merge: "M3 7h8v5h10v8H10v-6H3zM14.500 12V4.500M11.500 7.500l3-3 3 3",
  segments: "M4 4h16v16H4zM4 10l6 1 3-7M10 11l-1 9M10 11l6 2 4-4M16 13l1 7",
  draft: "M12 3l2 6 6 2-6 2-2 6-2-6-6-2 6-2zM19 3v4M17 5h4",
  doubt: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.500v.5M4 4h3M17 4h3v3M20 17v3h-3M7 20H4v-3M4 7V4",
  next: "M9 5l7 7-7 7",
  gap: "M4 4h6M14 4h6M4 4v6M4 14v6M4 20h6M14 20h6M20 4v6M20 14v6M12 9v6M9 12h6",
  close: "M6 6l12 12M18 6L6 18",
  no: "M6 6l12 12M18 6L6 18",
  unsure: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 17.500v.5",
  skip: "M5 5l8 7-8 7zM18 5v14",
  target: "M12 3v4M12 17v4M3 12h4M17 12h4M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10z",
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
