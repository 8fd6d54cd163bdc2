// How classes look: a colour and a shape each. Who can't tell the colours apart goes by the shape. The
// colours are in annotate.css, but for those that an engineer has set.

import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";

const COLOURS = 7;
const SHAPES = ["●", "▲", "■", "◆", "▼", "★", "✚", "⬟"];

// Classes of CSS, which set the property --class.
export function colourOf(label: number): string {
  return `colour-${(label - 1) % COLOURS} class-${label}`;
}

// Different counts of colours and shapes make 56 pairs before one comes again.
export function shapeOf(label: number): string {
  return SHAPES[(label - 1) % SHAPES.length]!;
}

// As in annotate.css: what colourOf gives where nothing is set.
const PALETTE = ["#e69f00", "#56b4e9", "#00c08b", "#f0e442", "#4f8dff", "#ff7a33", "#e58fc0"];

// `#rrggbb` of a class.
export function shownColour({ label = 1, display }: ClassJson): string {
  return display?.color || PALETTE[(label - 1) % COLOURS]!;
}

let sheet: CSSStyleSheet | null = null;

// Colours that were set for the classes of the project that is shown.
export function setColours(classes: readonly ClassJson[]): void {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    document.adoptedStyleSheets.push(sheet);
  }
  const rules = classes.flatMap(({ label, display }) =>
    /^#[0-9a-f]{6}$/.test(display?.color ?? "") ? `.class-${label} { --class: ${display!.color}; }` : [],
  );
  sheet.replaceSync(rules.join("\n"));
}
