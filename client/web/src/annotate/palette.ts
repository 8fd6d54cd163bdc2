// How classes look: a colour and a shape each. Who can't tell the colours apart goes by the shape. The
// colours are in annotate.css.

const COLOURS = 7;
const SHAPES = ["●", "▲", "■", "◆", "▼", "★", "✚", "⬟"];

// A class of CSS, which sets the property --class.
export function colourOf(label: number): string {
  return `colour-${(label - 1) % COLOURS}`;
}

// Different counts of colours and shapes make 56 pairs before one comes again.
export function shapeOf(label: number): string {
  return SHAPES[(label - 1) % SHAPES.length]!;
}
